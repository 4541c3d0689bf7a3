"""What an error of S3 means for the run: the code and the status choose the exception, the exception the policy.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from botocore.exceptions import ClientError

from streammerge.errors import (
    ChangedError,
    DeniedError,
    IncompleteError,
    ObjectError,
    RunError,
    S3Error,
    StreamMergeError,
    ThrottledError,
    TransientError,
)

_THROTTLED = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequests",
        "TooManyRequestsException",
        "BandwidthLimitExceeded",
    }
)
_TRANSIENT = frozenset(
    {
        "InternalError",
        "RequestTimeout",
        "RequestTimeTooSkewed",  # the offset is learnt from the answer, so the next try is right
        "OperationAborted",
        "ConditionalRequestConflict",
        "IncompleteBody",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
BAD_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId"})
WRONG_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect"})
_CHANGED = frozenset({"NoSuchKey", "PreconditionFailed"})
_TRANSIENT_STATUSES = frozenset({408, 500, 502, 504})
_FORBIDDEN = 403
_THROTTLED_STATUSES = frozenset({429, 503})


def classify(what: str, *, status: int, code: str, message: str = "", request_id: str = "") -> StreamMergeError:
    """The exception for an answer that is no success. `what` says which request, and of which object."""
    text = f"{what}: {code or f'HTTP {status}'}{f': {message}' if message else ''}"
    if code == "NoSuchBucket":
        return RunError(f"{text}. Check the name of the bucket, and --endpoint-url if it is not on Amazon")
    if code in EXPIRED:
        return IncompleteError(f"{text}. The credentials have expired: renew them and run the same command again")
    if code in BAD_CREDENTIALS:
        return RunError(f"{text}. Check the credentials (AWS_ACCESS_KEY_ID and so on, or --profile)")
    if code in WRONG_REGION:
        return RunError(f"{text}. The bucket is in another region: say which with --region")
    kind: type[S3Error] = ObjectError
    if code in _THROTTLED or status in _THROTTLED_STATUSES:
        kind = ThrottledError
    elif code in _TRANSIENT or status in _TRANSIENT_STATUSES:
        kind = TransientError
    elif code in _CHANGED or (not code and status in {404, 412}):
        kind = ChangedError
    elif status == _FORBIDDEN:
        kind = DeniedError
    return kind(text, code=code or f"HTTP {status}", status=status, request_id=request_id)


def from_client_error(what: str, error: ClientError) -> StreamMergeError:
    """The exception for what botocore raises on an answer that is no success."""
    metadata = error.response.get("ResponseMetadata", {})
    fields = error.response.get("Error", {})
    code = fields.get("Code", "")
    return classify(
        what,
        status=metadata.get("HTTPStatusCode", 0),
        code="" if code.isdigit() else code,  # a HEAD has no body: botocore gives the status for a code
        message=fields.get("Message", ""),
        request_id=metadata.get("RequestId", ""),
    )
