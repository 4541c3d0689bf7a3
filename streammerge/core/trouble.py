"""What is wrong, or odd, with prefixes that were inspected, in sentences."""

from collections.abc import Iterator, Sequence

from streammerge.core.inspected import Keeps, NoiseReport, PrefixReport, Together
from streammerge.core.keys import printable

_IMAGES, _IDENTITIES, _CONTENTS = ("image", "images"), ("identity", "identities"), ("content", "contents")


def trouble(
    prefixes: Sequence[PrefixReport], together: Together, keeps: Sequence[Keeps], noise: NoiseReport | None
) -> list[str]:
    """Everything that someone who merges these prefixes, or trains on them, should know."""
    found = [sentence for prefix in prefixes for sentence in _of_one(prefix)]
    joint = next((keep.only_together for keep in keeps if keep.min_images == 2), 0)  # noqa: PLR2004 - the default
    if joint:
        found.append(
            f"2 images only over several prefixes: {_count(joint, _IDENTITIES)} that a limit for each would lose"
        )
    if together.renamed:
        found.append(f"names taken by another image of the identity: {_count(together.renamed, _IMAGES)} to rename")
    if noise is not None and noise.contents:
        found.append(f"label noise: {_count(noise.contents, _CONTENTS)} under more than one identity, not all rightly")
    return found


def _of_one(prefix: PrefixReport) -> Iterator[str]:
    name = prefix.name
    if not prefix.images:
        yield f"{name} has no image that fits layout {printable(prefix.layout)}"
    if prefix.layout_proposed:
        yield (
            f"{name} is {prefix.layout_found}: {_count(prefix.loose, _IMAGES)} in no folder. Counted by the layout "
            f"that their names propose; to merge it so, say --layout '{name}={printable(prefix.layout)}'"
        )
    elif prefix.loose and prefix.layout == "folder":
        yield f"{name} has {_count(prefix.loose, _IMAGES)} in no folder: a merge ignores them"
    if prefix.images and prefix.identities == prefix.images:
        yield f"{name} has one image for each identity"
    if prefix.nested:
        yield f"{name} has {_count(prefix.nested, _IMAGES)} in folders of folders: the first folder is the identity"
    if prefix.zero_byte_images:
        yield f"{name} has {_count(prefix.zero_byte_images, _IMAGES)} without a byte: a merge ignores them"
    if prefix.recordio:
        files = ", ".join(key.rpartition("/")[2] for key in prefix.recordio)
        yield f"{name} has RecordIO files at its root ({files}): a trainer would read them instead of the folders"


def _count(count: int, what: tuple[str, str]) -> str:
    return f"{count:,} {what[count != 1]}"
