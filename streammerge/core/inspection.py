"""Whether a source looks as its layout says, judged by a sample of its listing."""

from collections.abc import Sequence

from streammerge.core.job import Source
from streammerge.core.keys import Listed, printable
from streammerge.core.layout import Layout, not_an_image, parse_layout, propose_pattern


def looks_flat(source: Source, sample: Sequence[Listed], folders: int) -> str | None:
    """What is wrong with a `folder` source most of whose entries are loose images, and the option that mends it.

    sample: the objects directly below the prefix, `folders` the number of folders beside them, as LIST with a
    delimiter gives them. None if the source looks right, or if the user has said `folder` in so many words:
    whoever does knows that loose images are ignored.
    """
    images = _images(source, sample)
    if not source.assumed or not source.layout.sorted or len(images) <= folders:
        return None
    return (
        f"source {source} looks flat: {len(images):,} images lie directly under the prefix, beside {folders:,} "
        f"folders, and would be ignored (such as {printable(images[0])}).\n"
        f"If their names spell the identity:  --layout '{source.name}={propose_pattern(images)}'\n"
        f"If they are to be ignored:          --layout {source.name}=folder"
    )


def propose_layout(source: Source, sample: Sequence[Listed], folders: int) -> Layout | None:
    """The layout that the names of a source propose that `looks_flat`; None if it does not. Arguments as there."""
    if looks_flat(source, sample, folders) is None:
        return None
    return parse_layout(propose_pattern(_images(source, sample))).behind(source.layout.filter)


def looks_mixed(source: Source, sample: Sequence[Listed], folders: int) -> str | None:
    """What is odd about a `folder` source with loose images beside its folders; arguments as for `looks_flat`."""
    images = _images(source, sample)
    if not source.assumed or not images:
        return None
    return (
        f"source {source} has at least {len(images):,} images directly under the prefix, beside {folders:,} folders; "
        f"they will be ignored (such as {printable(images[0])})"
    )


def looks_nested(source: Source, sample: Sequence[Listed]) -> str | None:
    """What is odd about a `folder` source most of whose first images lie in folders of folders."""
    images = [below.split("/") for below in _images(source, sample)]
    nested = [parts for parts in images if len(parts) > 2]  # noqa: PLR2004 - identity and file name
    if not source.assumed or len(nested) * 2 <= len(images):
        return None
    first = nested[0]
    return (
        f"source {source}: {len(nested):,} of its first {len(images):,} images lie in folders of folders "
        f"({printable('/'.join(first))}), and identity {printable(first[0])!r} gets them all. If the identity is "
        f"{printable(first[1])!r}, name {printable(f'{source.location}{first[0]}/')} and its like as sources"
    )


def looks_unlike(source: Source, sample: Sequence[Listed]) -> str | None:
    """What is odd about a source most of whose first images do not fit its pattern; None if most do."""
    images = _images(source, sample)
    misfits = [below for below in images if isinstance(source.layout.place(below), str)]
    if len(misfits) * 2 <= len(images):
        return None
    flat = [below for below in misfits if "/" not in below]
    layout = propose_pattern(flat) if len(flat) * 2 > len(misfits) else "folder"
    return (
        f"source {source} does not look like {source.layout}: {len(misfits):,} of its first {len(images):,} images do "
        f"not fit and will be ignored (such as {printable(misfits[0])}). "
        f"It looks like --layout '{source.name}={layout}'"
    )


def _images(source: Source, sample: Sequence[Listed]) -> list[str]:
    skip, admits = len(source.location.prefix), source.layout.filter.admits
    images = (listed.key[skip:] for listed in sample if not not_an_image(listed.key, listed.size))
    return [below for below in images if admits(below)]
