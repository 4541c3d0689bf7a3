"""What an error of S3 means for the run: the code and the status choose the exception, the exception the policy.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from botocore.exceptions import ClientError

from streammerge.core.keys import printable
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

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_BAD_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId"})
_WRONG_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect"})

# What a code says counts before what the status says: an error may come under 200 OK
_KINDS: dict[str, type[S3Error]] = {
    **dict.fromkeys(
        (
            "SlowDown",
            "ServiceUnavailable",
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "TooManyRequests",
            "TooManyRequestsException",
            "BandwidthLimitExceeded",
        ),
        ThrottledError,
    ),
    **dict.fromkeys(
        (
            "InternalError",
            "RequestTimeout",
            "RequestTimeTooSkewed",  # the offset is learnt from the answer, so the next try is right
            "OperationAborted",
            "ConditionalRequestConflict",
            "IncompleteBody",
        ),
        TransientError,
    ),
    **dict.fromkeys(("NoSuchKey", "PreconditionFailed"), ChangedError),
    "AccessDenied": DeniedError,
    "InvalidObjectState": ObjectError,  # in Glacier: a 403 that is about this object alone
}
_KINDS_BY_STATUS: dict[int, type[S3Error]] = {
    **dict.fromkeys((408, *range(500, 600)), TransientError),  # proxies have statuses of their own, such as 520
    **dict.fromkeys((429, 503), ThrottledError),
    403: DeniedError,
    501: ObjectError,  # not implemented
}
_REDIRECTIONS = range(300, 400)
_LONGEST = 500  # characters of what a server says that are passed on
_KINDS_WITHOUT_CODE: dict[int, type[S3Error]] = {404: ChangedError, 412: ChangedError}  # of a HEAD, which has no body


def classify(what: str, *, status: int, code: str, message: str = "", request_id: str = "") -> StreamMergeError:
    """The exception for an answer that is no success. `what` says which request, and of which object."""
    code, message, request_id = (printable(said[:_LONGEST]) for said in (code, message, request_id))
    text = f"{what}: {code or f'HTTP {status}'}{f': {message}' if message else ''}".rstrip(".")
    if code == "NoSuchBucket":
        return RunError(f"{text}. Check the name of the bucket, and --endpoint-url if it is not on Amazon")
    if code in _EXPIRED:
        return IncompleteError(f"{text}. The credentials have expired: renew them and run the same command again")
    if code in _BAD_CREDENTIALS:
        return RunError(f"{text}. Check the credentials (AWS_ACCESS_KEY_ID and so on, or --profile)")
    if code == "InvalidStorageClass":  # it is that of the copies, so that no other would fare better
        return RunError(f"{text}. Say a class that this store has with --storage-class, as INTELLIGENT_TIERING")
    if code in _WRONG_REGION or status in _REDIRECTIONS:
        return RunError(f"{text}. The bucket is in another region: say which with --region")
    kind = _KINDS.get(code) or _KINDS_BY_STATUS.get(status) or (_KINDS_WITHOUT_CODE.get(status) if not code else None)
    kind = kind or ObjectError
    return kind(text, code=code or f"HTTP {status}", status=status, request_id=request_id)


def from_client_error(what: str, error: ClientError) -> StreamMergeError:
    """The exception for what botocore raises on an answer that is no success."""
    metadata = error.response.get("ResponseMetadata", {})
    fields = error.response.get("Error", {})
    code = _text(fields.get("Code"))
    return classify(
        what,
        status=metadata.get("HTTPStatusCode", 0),
        code="" if code.isdigit() else code,  # a HEAD has no body: botocore gives the status for a code
        message=_text(fields.get("Message")),
        request_id=_text(metadata.get("RequestId")),
    )


def _text(said: object) -> str:
    """What botocore has read of an element: None if it is empty, and of one that holds others a dictionary."""
    return said if isinstance(said, str) else ""
