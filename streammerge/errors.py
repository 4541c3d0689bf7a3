"""All exceptions: their types say how to handle them.

| type             | policy                                             |
|------------------|----------------------------------------------------|
| `UsageError`     | the input is wrong: stop before anything is written, exit 2 |
| `RunError`       | the run cannot continue: stop it, exit 1            |
| `IncompleteError`| the run stopped half-way: run again, exit 3         |
| `ObjectError`    | give up this object, continue with the others       |
| `TransientError` | try the request again                              |
| `ThrottledError` | slow down, then try the request again              |
"""


class StreamMergeError(Exception):
    """The base of all errors that streammerge raises on purpose; the text is for users."""


class UsageError(StreamMergeError):
    """The input is wrong; nothing was written."""


class RunError(StreamMergeError):
    """Something failed that all objects depend on; the run stops."""


class IncompleteError(RunError):
    """The run stopped half-way for a temporary reason; running the same command again resumes it."""


class S3Error(StreamMergeError):
    """A request that S3 refused or did not answer.

    `code` is S3's error code (or the kind of network failure), `status` the HTTP status (0 without an answer).
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0, request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} (request id {self.request_id})" if self.request_id else message


class ObjectError(S3Error):
    """This object cannot be copied; others can."""


class DeniedError(ObjectError):
    """S3 answered 403: this object, or everything, is not ours to touch."""


class ChangedError(ObjectError):
    """The object is not (or no longer) the one that was listed."""


class TransientError(S3Error):
    """The request may well succeed when it is sent again."""


class ThrottledError(TransientError):
    """S3 asks for fewer requests."""


def unwrap(error: BaseException) -> BaseException:
    """The error of a group to show: the first StreamMergeError, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [unwrap(member) for member in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, StreamMergeError)), leaves[0])
