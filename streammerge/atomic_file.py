"""Writes files atomically: readers see the old file or the complete new one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from streammerge.errors import StreamMergeError


@contextlib.contextmanager
def replacing(path: Path, raises: type[StreamMergeError]) -> Iterator[Path]:
    """A file to write instead, which takes the place of `path` if the block ends well, and is removed if it does not.

    Raises `raises` where an OSError says that it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise raises(f"cannot write {path}: {error.strerror}") from error
        raise
