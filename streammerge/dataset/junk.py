"""Junk: images left by an operating system, a tool or a trash folder, not meant for training.

Strategy: hardly any page of a listing has junk, so a page is searched as a whole for what junk has in common; only
where something is found is each key looked at.
"""

from collections.abc import Iterable
from typing import Literal, get_args

JunkReason = Literal["AppleDouble file", "cache folder", "trash folder", "hidden folder", "hidden file"]
Hidden = Literal["ignore", "include"]

JUNK_REASONS: frozenset[str] = frozenset(get_args(JunkReason))
_FOLDERS: dict[str, JunkReason] = {
    "__MACOSX": "AppleDouble file",  # what zip on macOS writes beside the files
    ".AppleDouble": "AppleDouble file",
    **dict.fromkeys(
        (
            "@eaDir",  # Synology
            "@tmp",
            "#snapshot",
            "@Recently-Snapshot",  # QNAP
            ".@__thumb",
            ".cache",
            ".ipynb_checkpoints",
            ".thumbnails",
        ),
        "cache folder",
    ),
    **dict.fromkeys(
        ("#recycle", "@Recycle", "@Recycle.bin", "$RECYCLE.BIN", "$Recycle.Bin", "lost+found"), "trash folder"
    ),
}
# Each of the names above begins with one of these; so does every hidden file and folder
_MARKS = ("/.", "/__MACOSX/", "/@", "/#", "/$", "/lost+found/")


def may_have_junk(keys: Iterable[str]) -> bool:
    """Whether some of these keys may be junk; where not, none is."""
    page = "/" + "/".join(keys)
    return any(mark in page for mark in _MARKS)


def junk(below: str) -> JunkReason | None:
    """Why an image that lies below a prefix is junk, by the outermost name that says so; None if it is not."""
    *folders, name = below.split("/")
    for folder in folders:
        if reason := _FOLDERS.get(folder):
            return reason
        if folder.startswith(".") and folder.strip("."):  # `.` and `..` are not hidden
            return "trash folder" if folder.startswith(".Trash") else "hidden folder"
    if name.startswith("._"):
        return "AppleDouble file"
    return "hidden file" if name.startswith(".") else None


def is_hidden(identity: str) -> bool:
    """Whether images are junk wherever they lie in a folder of this name."""
    return junk(f"{identity}/1.jpg") is not None
