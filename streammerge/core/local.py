"""What a pulled image becomes on disk: a path below the directory, or the reason why it must not become one.

Strategy: a path is a key's components below the prefix, nothing else, so it leads out of the directory only where a
component does; and two images never share a path, since no two keys are equal, except where the file system takes
different names for one. Both are decided here, from names alone. (That no component is a link that leads elsewhere
is for whoever opens it to see to.)
"""

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from streammerge.core.join import Identity
from streammerge.core.keys import is_plain_md5

Check = Literal["size", "md5"]
RecordIO = Literal["remove", "keep", "fail"]
Verdict = Literal["present", "compare", "fetch"]

TEMPORARY = ".streammerge-"  # how the names of files begin that are still being written
_LONGEST = 255  # bytes of a name: what ext4, XFS and APFS allow


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What a file system makes of names.

    tells_case: `a` and `A` are two names. backslash_separates: a backslash does what `/` does.
    """

    tells_case: bool = True
    backslash_separates: bool = False


class Wanted(NamedTuple):
    """An image to have on disk, as `identity/name` below the directory and below the prefix alike."""

    identity: str
    name: str
    size: int  # bytes
    etag: str
    modified: str  # ISO 8601

    @property
    def time(self) -> int | None:
        """When the object was written, in milliseconds since the epoch; None if the server does not say."""
        try:
            return round(datetime.fromisoformat(self.modified).timestamp() * 1000)
        except ValueError:
            return None

    @property
    def path(self) -> str:
        """Where it goes, and what follows the prefix in its key."""
        return f"{self.identity}/{self.name}"


class Refused(NamedTuple):
    """An object that must not become a file, and why."""

    key: str
    reason: str


class Found(NamedTuple):
    """A file in the directory; `identity` is its topmost folder, or empty."""

    identity: str
    name: str
    size: int  # bytes; -1 of what is no regular file
    written: int  # milliseconds since the epoch


class Paths:
    """Gives each image of a prefix its path; hand it identities in order where case is not told."""

    def __init__(self, file_system: FileSystem) -> None:
        self._file_system = file_system
        self._identities: dict[str, str] = {}  # as the file system takes them, where it does not tell case

    def place(self, identity: Identity) -> Iterator[Wanted | Refused]:
        """What becomes of each image of a complete identity; of several that cannot be side by side, the first is kept.

        The first in byte order, so that it is the same one whatever order they came in.
        """
        files: dict[str, str] = {}  # paths that are given, as the file system takes them
        folders: dict[str, str] = {}
        for image in sorted(identity.members[0]):
            path = f"{identity.name}/{image.name}"
            reason = self._unfit(path) or self._taken(path, files, folders)
            if reason:
                yield Refused(image.key, reason)
                continue
            for folder in _folders(path):
                folders[self._fold(folder)] = folder
            files[self._fold(path)] = path
            yield Wanted(identity.name, image.name, image.size, image.etag, image.modified)

    def _unfit(self, path: str) -> str:
        components = path.split("/")
        bad = {
            "a NUL in its name": "\0" in path,
            "a backslash in its name, which separates folders here": (
                self._file_system.backslash_separates and "\\" in path
            ),
            f"its name begins with {TEMPORARY}, as those of unfinished files do": path.startswith(TEMPORARY),
            "an empty name between two slashes": "" in components,
            "'.' or '..' in its path": "." in components or ".." in components,
            f"a name longer than {_LONGEST} bytes": max(len(name.encode()) for name in components) > _LONGEST,
        }
        return next((reason for reason, found in bad.items() if found), "")

    def _taken(self, path: str, files: dict[str, str], folders: dict[str, str]) -> str:
        if not self._file_system.tells_case:
            identity = path.partition("/")[0]
            if (first := self._identities.setdefault(self._fold(identity), identity)) != identity:
                return f"this file system takes it for {first!r}"
        for folder in _folders(path):
            if file := files.get(self._fold(folder)):
                return f"{file!r} is a file, and would have to be a folder too"
            if (first := folders.get(self._fold(folder), folder)) != folder:
                return f"this file system takes it for {first!r}"
        folded = self._fold(path)
        if folder := folders.get(folded, ""):
            return f"{folder!r} is a folder, and would have to be a file too"
        return f"this file system takes it for {files[folded]!r}" if folded in files else ""

    def _fold(self, path: str) -> str:
        if self._file_system.tells_case:
            return path
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _folders(path: str) -> Iterator[str]:
    """The folders that a path lies in, outermost first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def judge(wanted: Wanted, found: Found | None, check: Check) -> Verdict:
    """Whether what is in an image's place is that image: `compare` where only its MD5 will tell.

    A file gets its name, and the time of its object, when all of it was written and checked. So one of that size and
    that time is right; at another time it was put there by somebody else, or the object was replaced since, or the
    file was changed. `md5` trusts no file. Where the ETag is no MD5, a file is right if it is not older than its
    object.
    """
    if found is None or found.size != wanted.size:
        return "fetch"
    if is_plain_md5(wanted.etag):
        return "present" if found.written == wanted.time and check == "size" else "compare"
    return "present" if may_be_current(wanted, found) else "fetch"


def may_be_current(wanted: Wanted, found: Found) -> bool:
    """Whether a file is not older than its object; it is taken for older if the server does not say."""
    return wanted.time is not None and found.written >= wanted.time


def lot(identity: str) -> bytes:
    """An identity's place in the draw for a sample: as good as chance, and the same every time."""
    return hashlib.md5(identity.encode(), usedforsecurity=False).digest()
