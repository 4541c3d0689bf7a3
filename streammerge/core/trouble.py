"""What is wrong, or odd, with prefixes that were inspected, in sentences."""

from collections.abc import Iterator, Sequence

from streammerge.core.inspected import Keeps, NoiseReport, PrefixReport, Together
from streammerge.core.keys import printable
from streammerge.core.rendering import counted


def trouble(
    prefixes: Sequence[PrefixReport], together: Together, keeps: Sequence[Keeps], noise: NoiseReport | None
) -> list[str]:
    """Everything that someone who merges these prefixes, or trains on them, should know."""
    found = [sentence for prefix in prefixes for sentence in _of_one(prefix)]
    joint = next((keep.only_together for keep in keeps if keep.min_images == 2), 0)  # noqa: PLR2004 - the default
    if joint:
        found.append(
            f"{counted(joint, 'identity')} {'reaches' if joint == 1 else 'reach'} 2 images only with all prefixes "
            "together. A merge counts them so; a threshold for each prefix by itself would lose them"
        )
    if together.renamed:
        found.append(f"names taken by another image of the identity: {counted(together.renamed, 'image')} to rename")
    if noise is not None and noise.contents:
        found.append(f"label noise: {counted(noise.contents, 'content')} under more than one identity, not all rightly")
    return found


def _of_one(prefix: PrefixReport) -> Iterator[str]:
    name = prefix.name
    if not prefix.images:
        yield f"{name} has no image that fits layout {printable(prefix.layout)}"
    if prefix.layout_proposed:
        yield (
            f"{name} is {prefix.layout_found}: {counted(prefix.loose, 'image')} in no folder. Counted by the layout "
            f"that their names propose; to merge it so, say --layout '{name}={printable(prefix.layout)}'"
        )
    elif prefix.loose and prefix.layout == "folder":
        yield f"{name} has {counted(prefix.loose, 'image')} in no folder: a merge ignores them"
    if prefix.images and prefix.identities == prefix.images:
        yield f"{name} has one image for each identity"
    if prefix.nested:
        yield f"{name} has {counted(prefix.nested, 'image')} in folders of folders: the first folder is the identity"
    if prefix.zero_byte_images:
        yield f"{name} has {counted(prefix.zero_byte_images, 'image')} without a byte: a merge ignores them"
    if prefix.recordio:
        files = ", ".join(key.rpartition("/")[2] for key in prefix.recordio)
        yield f"{name} has RecordIO files at its root ({files}): a trainer would read them instead of the folders"
