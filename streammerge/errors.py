"""The one tree of exceptions: the type says what to do about it.

| type             | policy                                             |
|------------------|----------------------------------------------------|
| `UsageError`     | the input is wrong: say so, exit 2, nothing written |
| `RunError`       | the run cannot go on: stop it, exit 1               |
| `IncompleteError`| the run stopped half-way: run again, exit 3         |
| `ObjectError`    | give up this object, go on with the others          |
| `TransientError` | try the request again                              |
| `ThrottledError` | slow down, then try the request again              |
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streammerge.core.keys import Listed


class StreamMergeError(Exception):
    """Whatever streammerge raises on purpose; its text is meant for the person who reads it."""


class UsageError(StreamMergeError):
    """The input cannot be worked on; nothing was written."""


class RunError(StreamMergeError):
    """Something that no object can be done without failed; the whole run stops."""


class IncompleteError(RunError):
    """The run stopped half-way for a reason that passes; running the same command again goes on."""


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


class TakenError(ObjectError):
    """Something else has come to lie at the target since the destination was listed: `found`."""

    def __init__(self, message: str, *, found: "Listed", code: str = "", status: int = 0) -> None:
        super().__init__(message, code=code, status=status)
        self.found = found


class TransientError(S3Error):
    """The request may well succeed when it is sent again."""


class ThrottledError(TransientError):
    """S3 asks for fewer requests."""


def unwrap(error: BaseException) -> BaseException:
    """The one error to show of a group: the first of ours, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [unwrap(member) for member in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, StreamMergeError)), leaves[0])
