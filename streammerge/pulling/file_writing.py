"""Writing a file: all of its bytes, its time, and what an error of the file system means for the run."""

import contextlib
import errno
import os

from streammerge.dataset.objects import printable
from streammerge.errors import IncompleteError, ObjectError, StreamMergeError

MILLISECOND = 1_000_000  # nanoseconds
# What concerns every file, and not the one that is written
_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE})

IN_THE_WAY = frozenset({"ELOOP", "ENOTDIR", "EISDIR"})  # codes of what no other run mends


def write_all(file: int, body: bytes | memoryview) -> None:
    """Write all of it to an open file."""
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(file, rest) :]


def set_time(file: int, time: int | None) -> None:
    """Give an open file a time of writing, in milliseconds since the epoch; where it may have none it keeps its own."""
    if time is not None:
        with contextlib.suppress(OSError):  # somebody else's file, or a file system without times
            os.utime(file, ns=(time * MILLISECOND, time * MILLISECOND))


def meaning(path: str, error: OSError) -> StreamMergeError:
    """The error for a file that cannot be written: IncompleteError if no other can be either, else ObjectError."""
    if error.errno in _FATAL:
        return IncompleteError(
            f"cannot write {printable(path)!r}: {error.strerror}. Images already pulled are kept; fix this "
            "and run the same command again to resume"
        )
    reason = error.strerror or type(error).__name__
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        where = printable(str(error.filename))
        reason = f"{where!r} is a file or link where a folder must be (nothing is written through links). Move it away"
    elif error.errno == errno.EISDIR:
        reason = "a folder has that name. Move it away"
    code = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return ObjectError(f"cannot write {printable(path)!r}: {reason}", code=code)
