"""Names that no file system accepts: such an image is in the merged set, but cannot be pulled."""

from collections.abc import Sequence

LONGEST = 255  # bytes of a name: what ext4, XFS and APFS allow
_HERE_AND_ABOVE = frozenset({".", ".."})
_SURELY_SHORT = LONGEST // 4  # characters


def unfit(path: str) -> str:
    """Why a path, its components parted by `/`, cannot be a file's; empty if it can."""
    components = path.split("/")
    if "\0" in path:
        return "a NUL character in its name"
    if "" in components:
        return "an empty name ('//') in its path"
    if not _HERE_AND_ABOVE.isdisjoint(components):
        return "'.' or '..' in its path"
    if max(len(name.encode()) for name in components) > LONGEST:
        return f"a name longer than {LONGEST} bytes"
    return ""


def unfit_among(keys: Sequence[str], skip: int) -> list[str]:
    """The reason for each key whose path, behind so many characters, cannot be a file's.

    Nearly always one look at all of them finds none.
    """
    text = f"/{'/'.join(keys)}/"
    plain = "//" not in text and "/./" not in text and "/../" not in text and "\0" not in text
    if plain and max(map(len, keys), default=0) - skip <= _SURELY_SHORT:
        return []
    return [reason for key in keys if (reason := unfit(key[skip:]))]
