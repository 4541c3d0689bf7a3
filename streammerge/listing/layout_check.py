"""Checks whether a source looks like its layout, from a sample of its listing or from its counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.ignored import not_an_image
from streammerge.dataset.junk import junk
from streammerge.dataset.layout import NAME_ONLY, Layout, parse_layout, propose_pattern
from streammerge.dataset.objects import Location, Page, S3Object, printable
from streammerge.dataset.source import Source
from streammerge.report.units import counted


@dataclass(frozen=True, slots=True)
class FirstLevel:
    """What lies directly under a prefix: so many images, with some of their names, beside so many folders.

    whole: that is all there is, not a sample of it.
    """

    loose: int
    names: Sequence[str]
    folders: int
    whole: bool = True

    def __str__(self) -> str:
        counts = f"{counted(self.loose, 'image')} directly under the prefix, beside {counted(self.folders, 'folder')}"
        return counts if self.whole else f"{counts}, among those looked at (there are more)"


def first_level(source: Source, page: Page) -> FirstLevel:
    """The first level as LIST with a delimiter gives it; it is a sample if another page follows."""
    names = images_below(source, page.objects)
    return FirstLevel(len(names), names, len(page.prefixes), whole=page.token is None)


def looks_flat(source: Source, level: FirstLevel) -> str | None:
    """What is wrong with a `folder` source most of whose entries are loose images, and the option that fixes it.

    None if the source looks right, or if the user has passed `folder`: they know that loose images are ignored.
    """
    if not source.assumed or not source.layout.is_folder or level.loose <= level.folders:
        return None
    pattern = propose_pattern(level.names)
    identities = {parse_layout(pattern).place(name)[0] for name in level.names}
    lines = [
        f"source {source} looks flat: it has {level}, which would be ignored (such as {printable(level.names[0])})."
    ]
    is_one = spells_one(len(identities), len(level.names))
    if not level.folders and (is_one or pattern == NAME_ONLY) and (above := folder_above(source.location)):
        lines.append(f"If all are images of {above[0]!r}:  {source.name}={above[1]}")
    if not is_one:
        lines.append(f"If their names spell the identity:  --layout '{source.name}={pattern}'")
    if level.folders or not level.whole:
        lines.append(f"If they are to be ignored:          --layout {source.name}=folder")
    return "\n".join(lines)


def spells_one(identities: int, images: int) -> bool:
    """Whether the names of the images of a flat prefix spell a single identity, which is then the folder's."""
    return identities == 1 and images > 1


def folder_above(location: Location) -> tuple[str, str] | None:
    """The last folder of a prefix, and the URL of the prefix above it, both printable; None for a whole bucket."""
    above, _, name = location.prefix.rstrip("/").rpartition("/")
    if not name:
        return None
    return printable(name), printable(str(Location(location.bucket, above and above + "/")))


def propose_layout(source: Source, level: FirstLevel, *, sampled: bool = True) -> Layout | None:
    """The layout that the names of a source propose that `looks_flat`; None if it does not, or if they propose none.

    Names that spell a single identity, beside folders, are images of nobody in particular.
    """
    if looks_flat(source, level) is None:
        return None
    layout = parse_layout(propose_pattern(level.names))
    if sampled and level.folders and spells_one(len({layout.place(name)[0] for name in level.names}), len(level.names)):
        return None
    return layout.behind(source.layout.filter)


def looks_mixed(source: Source, level: FirstLevel) -> str | None:
    """What is odd about a `folder` source with loose images beside its folders."""
    if not source.assumed or not source.layout.is_folder or not level.loose:
        return None
    return f"source {source} has {level}; the images are ignored (such as {printable(level.names[0])})"


def looks_nested(source: Source, sample: Sequence[S3Object]) -> str | None:
    """What is odd about a `folder` source most of whose first images lie in nested folders."""
    images = [below.split("/") for below in images_below(source, sample)]
    nested = [parts for parts in images if len(parts) > 2]  # noqa: PLR2004 - identity and file name
    if not source.assumed or len(nested) * 2 <= len(images):
        return None
    first = nested[0]
    return (
        f"source {source}: {len(nested):,} of its first {counted(len(images), 'image')} lie in nested folders (such as "
        f"{printable('/'.join(first))}), whose first folder, {printable(first[0])!r}, is taken for the identity. "
        f"If the identity is {printable(first[1])!r}, name {printable(f'{source.location}{first[0]}/')} and its "
        "siblings as separate sources"
    )


def looks_unlike(source: Source, sample: Sequence[S3Object]) -> str | None:
    """What is odd about a source most of whose first images do not fit its pattern; None if most do."""
    images = images_below(source, sample)
    misfits = [below for below in images if isinstance(source.layout.place(below), str)]
    if len(misfits) * 2 <= len(images):
        return None
    flat = [below for below in misfits if "/" not in below]
    layout = propose_pattern(flat) if len(flat) * 2 > len(misfits) else "folder"
    return (
        f"source {source} does not look like {source.layout}: {len(misfits):,} of its first "
        f"{counted(len(images), 'image')} will be ignored for not fitting it (such as {printable(misfits[0])}). "
        f"It looks like --layout '{source.name}={layout}'"
    )


def looks_filtered_out(source: Source, counters: ListingCounters) -> str | None:
    """What is wrong with a source none of whose images its filter admits, by counts of all of it."""
    excluded = counters.reasons["excluded"]
    if not excluded or counters.images:
        return None
    example = printable(counters.examples["excluded"][0][len(source.location.prefix) :])
    return (
        f"source {source}: --include, --exclude and --extensions leave none of its {counted(excluded, 'image')} (such "
        f"as {example}). A glob must match the whole key below the prefix, and --exclude has the last word"
    )


def how_to_leave_out(source: Source) -> str:
    """A line that follows what `looks_unlike` says, for a source that is refused."""
    return f".\nTo ignore images that do not fit, leave them out:  --exclude '{source.name}=GLOB'"


def images_below(source: Source, sample: Sequence[S3Object]) -> list[str]:
    """The keys below its prefix of a source's images, as far as its filter admits them."""
    skip, chosen = len(source.location.prefix), source.layout.filter
    images = (listed.key[skip:] for listed in sample if not not_an_image(listed.key, listed.size))
    return [below for below in images if chosen.admits(below) and (chosen.hidden or not junk(below))]
