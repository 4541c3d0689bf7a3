"""Warnings about inspected prefixes."""

from collections.abc import Iterator, Sequence

from streammerge.dataset.junk import JUNK_REASONS
from streammerge.dataset.layout import NAME_ONLY
from streammerge.dataset.objects import parse_location, printable
from streammerge.inspection.report import DecodingReport, Keeps, NoiseReport, PrefixReport, Together
from streammerge.listing.layout_check import folder_above, spells_one
from streammerge.report.units import commas, counted


def find_warnings(
    prefixes: Sequence[PrefixReport],
    together: Together,
    keeps: Sequence[Keeps],
    noise: NoiseReport | None,
    decoding: DecodingReport | None = None,
) -> list[str]:
    """Everything that someone who merges these prefixes, or trains on them, should know."""
    found = [sentence for prefix in prefixes for sentence in _of_one(prefix)]
    joint = next((keep.only_together for keep in keeps if keep.min_images == 2), 0)  # noqa: PLR2004 - the default
    if joint:
        found.append(
            f"{counted(joint, 'identity')} {'reaches' if joint == 1 else 'reach'} 2 images only when all prefixes are "
            "combined, as a merge does; a threshold applied to each prefix would lose them"
        )
    if together.renamed:
        found.append(f"{counted(together.renamed, 'name collision')}: merge will rename the later image")
    if noise is not None and noise.contents:
        found.append(
            f"label noise: {counted(noise.contents, 'content')} found under more than one identity; at least one label "
            "of each is wrong"
        )
    if decoding is not None and decoding.corrupt:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in decoding.problems.items())
        found.append(
            f"{counted(decoding.corrupt, 'image')} that a loader will stumble on ({kinds}). Fix them, or merge "
            "without them: `inspect --decode all --save-corrupt FILE`, then `merge --ignore-corrupt FILE`"
        )
    if decoding is not None and decoding.unread:
        found.append(f"{counted(decoding.unread, 'image')} could not be read, so that nothing is known of them")
    return found


def _of_one(prefix: PrefixReport) -> Iterator[str]:
    name, layout = prefix.name, printable(prefix.layout)
    if not prefix.images:
        yield f"{name} has no image that fits layout {layout}"
    if prefix.layout_proposed:
        yield f"{name} is {prefix.layout_found}: {counted(prefix.loose, 'image')} in no folder. {_ways(prefix)}"
    elif prefix.loose and prefix.layout == "folder":
        told = f" if told --layout {name}=folder" if prefix.loose > prefix.identities else ""
        yield f"{name} has {counted(prefix.loose, 'image')} in no folder; merge will ignore {_them(prefix.loose)}{told}"
    if prefix.images and prefix.identities == prefix.images:
        yield f"{name} has only one image per identity"
    if prefix.nested:
        yield f"{name} has {counted(prefix.nested, 'image')} in nested folders; the first folder is the identity"
    if empty := prefix.zero_byte_images:
        yield f"{name} has {counted(empty, 'empty image')}; merge will ignore {_them(empty)}"
    if found := {reason: count for reason, count in prefix.ignored.items() if reason in JUNK_REASONS}:
        example = printable(prefix.examples[next(iter(found))][0])
        junk = sum(found.values())
        yield (
            f"{name} has {counted(junk, 'junk or hidden image')} (such as {example}); merge will ignore {_them(junk)} "
            "unless --hidden include is passed"
        )
    if prefix.archived:
        by_class = ", ".join(f"{commas(count)} {kind}" for kind, count in prefix.archived.items())
        yield f"{name} has archived images ({by_class}); merge will stop unless --archived skip or try is passed"
    if prefix.recordio:
        files = ", ".join(key.rpartition("/")[2] for key in prefix.recordio)
        yield f"{name} has RecordIO files at its root ({files}); a trainer would read them instead of the folders"


def _ways(prefix: PrefixReport) -> str:
    """How to merge a flat prefix: by the names of its images, or as the folder of one identity."""
    is_one = spells_one(prefix.identities, prefix.images)
    flat = not prefix.in_folders and not prefix.nested
    above = folder_above(parse_location(prefix.url)) if flat and (is_one or prefix.layout == NAME_ONLY) else None
    ways = [f"If all are images of {above[0]!r}, name the prefix above it: {above[1]}"] if above else []
    if not above or not is_one:
        by_name = f"--layout '{prefix.name}={printable(prefix.layout)}'"
        ways.insert(0, f"They are counted using the layout inferred from their names; to merge them, pass {by_name}")
    return ". ".join(ways)


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
