"""Decides the path of each pulled image, or why it must not become a file.

Strategy: a path is a key's components below the prefix, nothing else, so it leads out of the directory only where a
component does; and two images never share a path, since no two keys are equal, except where the file system takes
different names for one. Both are decided here, from names alone. (That no component is a link that leads elsewhere
is checked when the path is opened.)
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streammerge.dataset.file_names import unfit
from streammerge.dataset.objects import Identity, is_plain_md5
from streammerge.manifest.wanted import Found, Wanted

Check = Literal["size", "md5"]
RecordIO = Literal["rename", "remove", "keep", "fail"]
Verdict = Literal["present", "compare", "fetch"]

TEMPORARY = ".streammerge-"  # how the names of files begin that are still being written
FAILED = TEMPORARY + "failed"  # the file that names images which could not be brought


@dataclass(frozen=True, slots=True)
class FileSystem:
    """How a file system treats names.

    tells_case: `a` and `A` are two names. backslash_separates: a backslash does what `/` does.
    """

    tells_case: bool = True
    backslash_separates: bool = False


class Refused(NamedTuple):
    """An object that must not become a file, and why."""

    key: str
    reason: str


class Paths:
    """Gives each image of a prefix its path; hand it identities in order where case is not told."""

    def __init__(self, file_system: FileSystem) -> None:
        self._file_system = file_system
        self._identities: dict[str, str] = {}  # as the file system takes them, where it does not tell case

    def place(self, identity: Identity) -> Iterator[Wanted | Refused]:
        """What becomes of each image of a complete identity; of several that cannot be side by side, the first is kept.

        The first by name, so that it is the same one whatever order they came in.
        """
        files: dict[str, str] = {}  # paths that are given, as the file system takes them
        folders: dict[str, str] = {}
        for image in sorted(identity.members[0], key=lambda image: image.name):
            path = f"{identity.name}/{image.name}"
            reason = self._unfit(path) or self._taken(path, files, folders)
            if reason:
                yield Refused(image.object.key, reason)
                continue
            for folder in parents(path):
                folders[self._fold(folder)] = folder
            files[self._fold(path)] = path
            yield Wanted(image.object, identity.name, image.name)

    def _unfit(self, path: str) -> str:
        if self._file_system.backslash_separates and "\\" in path:
            return "a backslash in its name, which separates folders here"
        if path.startswith(TEMPORARY):
            return f"its name begins with {TEMPORARY}, which marks unfinished files"
        return unfit(path)

    def _taken(self, path: str, files: dict[str, str], folders: dict[str, str]) -> str:
        if not self._file_system.tells_case:
            identity = path.partition("/")[0]
            if (first := self._identities.setdefault(self._fold(identity), identity)) != identity:
                return f"this file system takes it for {first!r}"
        for folder in parents(path):
            if file := files.get(self._fold(folder)):
                return f"{file!r} would have to be both a file and a folder"
            if (first := folders.get(self._fold(folder), folder)) != folder:
                return f"this file system takes it for {first!r}"
        folded = self._fold(path)
        if folder := folders.get(folded, ""):
            return f"{folder!r} would have to be both a folder and a file"
        return f"this file system takes it for {files[folded]!r}" if folded in files else ""

    def _fold(self, path: str) -> str:
        if self._file_system.tells_case:
            return path
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def parents(path: str) -> Iterator[str]:
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
    if found is None or found.size != wanted.object.size:
        return "fetch"
    if is_plain_md5(wanted.object.etag):
        return "present" if found.written == wanted.time and check == "size" else "compare"
    return "present" if may_be_current(wanted, found) else "fetch"


def may_be_current(wanted: Wanted, found: Found) -> bool:
    """Whether a file is not older than its object; it is taken for older if the server does not say."""
    return wanted.time is not None and found.written >= wanted.time
