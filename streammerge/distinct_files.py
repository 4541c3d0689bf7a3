"""Checks that the files of a run are distinct, however their paths are spelt, so that no output replaces an input."""

import unicodedata
from pathlib import Path

from streammerge.errors import UsageError


class DistinctFiles:
    """The files of one run, each with what it is for."""

    def __init__(self) -> None:
        self._taken: dict[object, str] = {}

    def read(self, path: Path, what: str) -> None:
        """Note a file that is read; two such may be one."""
        self._taken.setdefault(_identity(path), what)

    def write(self, path: Path, what: str) -> None:
        """Note a file to write, and the partial one that comes before it. Raises UsageError where it is taken."""
        partial = path.with_name(path.name + ".partial")
        for each in (path, partial):
            if (known := self._taken.get(_identity(each))) is not None:
                raise UsageError(f"{path} is the file that {known}: choose another file to write")
        self._taken[_identity(path)] = what
        self._taken[_identity(partial)] = f"{what}, until it is complete"


def _identity(path: Path) -> object:
    """What identifies a file: its inode, or that of its folder and its name where there is none yet."""
    try:
        status = path.stat()
    except OSError:
        path = path.resolve()
        try:
            folder = path.parent.stat()
        except OSError:
            return path
        return folder.st_dev, folder.st_ino, _name(path)
    return status.st_dev, status.st_ino


def _name(path: Path) -> str:
    """The name as the file system takes it."""
    folder = path.parent
    other = folder.with_name(folder.name.swapcase())
    try:
        tells_case = other.name == folder.name or not other.samefile(folder)
    except OSError:
        tells_case = True
    return path.name if tells_case else unicodedata.normalize("NFC", path.name).casefold()
