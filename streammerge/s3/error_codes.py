"""Error codes of S3: which exception each becomes, and with it whether a request is retried or the run stops.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from streammerge.dataset.objects import printable
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

if TYPE_CHECKING:
    from botocore.exceptions import ClientError  # takes longer to load than --help may

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_BAD_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId"})
_ARCHIVED = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})
_WRONG_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect"})

_KMS_KEY = "Check the state of the KMS key, or name another with --encryption aws:kms --kms-key"
_KMS_ACCESS = "Encrypting with a KMS key needs kms:GenerateDataKey and kms:Decrypt on it"
_UNSUPPORTED = "This store does not support what was asked for: omit --acl, --encryption or --storage-class"
# What to change where S3 refuses every object with a code
_ADVICE = {
    "AccessControlListNotSupported": "The destination's bucket has ACLs turned off: omit --acl",
    "AllAccessDisabled": "Ask the owner of the bucket, or AWS Support, why it is disabled",
    "AccountProblem": "Something is wrong with the AWS account: contact AWS Support",
    "InvalidArgument": "Check the values of --storage-class, --encryption, --kms-key and --acl",
    "InvalidEncryptionAlgorithmError": "Check --encryption",
    "InvalidStorageClass": "Pass a class that this store has with --storage-class, such as INTELLIGENT_TIERING",
    "KMS.AccessDeniedException": _KMS_ACCESS,
    "MethodNotAllowed": _UNSUPPORTED,
    "NotImplemented": _UNSUPPORTED,
    "NotSignedUp": "The AWS account has no S3: sign up for it",
    "QuotaExceeded": "The quota of the bucket or the user is used up: raise it, or free some space",
    "RequestTimeTooSkewed": "Set the clock of this machine",
    **dict.fromkeys(
        (
            "KMS.DisabledException",
            "KMS.InvalidKeyUsageException",
            "KMS.InvalidStateException",
            "KMS.KMSInvalidStateException",
            "KMS.NotFoundException",
        ),
        _KMS_KEY,
    ),
    **dict.fromkeys(
        _ARCHIVED,
        "The objects are archived: restore them first (aws s3api restore-object, or S3 Batch Operations for many), "
        "then run the same command again",
    ),
}
_SSE_C = "Server Side Encryption"  # how S3 words a request for an object that is encrypted with a customer's key
_OF_SSE_C = "The objects are encrypted with keys that their owner provides (SSE-C), which streammerge does not support"

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
            "RequestTimeTooSkewed",  # the offset is learnt from the answer, so the next attempt is right
            "OperationAborted",
            "ConditionalRequestConflict",
            "IncompleteBody",
            "BadDigest",  # it was damaged on its way
            "XAmzContentChecksumMismatch",
        ),
        TransientError,
    ),
    **dict.fromkeys(("NoSuchKey", "PreconditionFailed"), ChangedError),
    "AccessDenied": DeniedError,
    **dict.fromkeys(_ARCHIVED, ObjectError),  # a 403 that is about this object alone
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


def advice(code: str, message: str = "") -> str:
    """What to change where S3 refuses every object with this code: a sentence without its full stop; "" if unknown.

    message: what S3 said beside the code.
    """
    if _SSE_C in message and code in ("InvalidRequest", "InvalidArgument"):
        return _OF_SSE_C
    return _ADVICE.get(code, "")


def adviser(outcome: str, *, permissions: str) -> Callable[[S3Error], str]:
    """A function that says of an error what to change if every object is refused so; "" if that is unknown.

    outcome: what comes before the advice. permissions: the advice where permissions are missing.
    """

    def advise(error: S3Error) -> str:
        known = advice(error.code, str(error)) or (permissions if isinstance(error, DeniedError) else "")
        return f"{outcome}. {known}" if known else ""

    return advise


def classify(what: str, *, status: int, code: str, message: str = "", request_id: str = "") -> StreamMergeError:
    """The exception for an answer that is not a success. `what` names the request and its object."""
    code, message, request_id = (printable(said[:_LONGEST]) for said in (code, message, request_id))
    text = f"{what}: {code or f'HTTP {status}'}{f': {message}' if message else ''}".rstrip(".")
    if code == "NoSuchBucket":
        return RunError(f"{text}. Check the name of the bucket, and --endpoint-url if it is not on Amazon")
    if code in _EXPIRED:
        return IncompleteError(f"{text}. The credentials have expired: renew them and run the same command again")
    if code in _BAD_CREDENTIALS:
        return RunError(f"{text}. Check the credentials (AWS_ACCESS_KEY_ID and so on, or --profile)")
    if code == "InvalidStorageClass":  # it is that of the copies, so no other object would fare better
        return RunError(f"{text}. {advice(code)}")
    if code in _WRONG_REGION or status in _REDIRECTIONS:
        return RunError(f"{text}. The bucket is in another region: pass it with --region")
    if code in _ARCHIVED:
        text += ". It is archived: restore it first"
    kind = _KINDS.get(code) or _KINDS_BY_STATUS.get(status) or (_KINDS_WITHOUT_CODE.get(status) if not code else None)
    kind = kind or ObjectError
    return kind(text, code=code or f"HTTP {status}", status=status, request_id=request_id)


def from_client_error(what: str, error: "ClientError") -> StreamMergeError:
    """The exception for what botocore raises on an answer that is not a success."""
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
