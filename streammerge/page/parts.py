"""Parts that several kinds of pages have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from streammerge.core.histogram import bars
from streammerge.core.keys import printable
from streammerge.core.report import SourceReport
from streammerge.page.content import Cell, Chart, Figures, Section, Table, key


def from_where(
    destination: str, rules: Mapping[str, Any], sources: Sequence[SourceReport], figures: Figures
) -> Section:
    """The destination, the rules of the job, and its sources; the numbers of these stand at `sources` in the JSON."""
    said = [(name.replace("_", "-"), str(rule)) for name, rule in rules.items() if rule is not None]
    rows: list[list[Cell]] = [
        [
            source.name,
            key(source.url),
            key(source.layout),
            figures("sources", number, "objects"),
            figures("sources", number, "images"),
        ]
        for number, source in enumerate(sources)
    ]
    table = Table(["Source", "Prefix", "Layout", "Objects", "Images"], rows)
    return Section("From where", facts=[("Into", key(destination)), *said], tables=[table])


def ignored(sources: Sequence[SourceReport], figures: Figures) -> list[Table]:
    """The objects of the sources that take no part, by reason."""
    rows: list[list[Cell]] = [
        [source.name, reason, figures("sources", number, "ignored", reason), key(source.examples[reason][0])]
        for number, source in enumerate(sources)
        for reason in source.ignored
    ]
    return [Table(["Source", "Ignored", "Objects", "Such as"], rows)] if rows else []


def listed(head: str, keys: Sequence[str]) -> list[Table]:
    """A table of nothing but keys; none of no keys."""
    return [Table([head], [[key(name)] for name in keys])] if keys else []


def histogram(identities_by_images: Mapping[int, int]) -> list[Chart]:
    """Identities by their number of images; none of no identities."""
    found = bars(identities_by_images)
    return [Chart("Identities by number of images", [(bar.label, bar.identities) for bar in found])] if found else []


def recordio(keys: Sequence[str]) -> list[str]:
    """The warning of RecordIO files at the destination, if there are any."""
    names = ", ".join(printable(name.rpartition("/")[2]) for name in keys)
    return [f"{names} at the destination: a trainer would read RecordIO files instead of the folders"] if keys else []
