"""Sections and tables shared by several reports."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streammerge.dataset.histogram import bars, capped, quartiles
from streammerge.planning.failures import Failure
from streammerge.planning.report import SourceReport
from streammerge.report.description import (
    Bars,
    Cell,
    Fact,
    Key,
    Notice,
    Number,
    Phrase,
    Row,
    Section,
    Table,
    counts,
    duration,
    warnings,
)

_EACH = 3  # examples of one reason


def sources_section(sources: Sequence[SourceReport], destination: str, rules: Mapping[str, Any]) -> Section:
    """Where the images come from, where they go, if they go to one place, and the rules of the job."""
    chosen = {name.replace("_", "-"): rule for name, rule in rules.items() if rule is not None and rule is not False}
    said = ", ".join(name if rule is True else f"{name} {rule}" for name, rule in chosen.items())
    relays = any(source.transfer == "relay" for source in sources)
    rows: list[Row] = [
        [
            source.name,
            Key(source.url),
            Key(source.layout),
            Number(source.objects),
            Number(source.images),
            *([source.transfer] if relays else []),
        ]
        for source in sources
    ]
    heads = ["Source", "URL", "Layout", "Objects", "Images", *(["Transfer"] if relays else [])]
    return Section(
        "Sources",
        facts=[
            *([Fact("Destination", Key(destination))] if destination else []),
            *([Fact("Rules", said)] if said else []),
        ],
        tables=[Table(heads, rows)],
    )


def images_chart(identities_by_images: Mapping[int, int]) -> list[Bars]:
    """Identities by their number of images; no chart of no identities."""
    found = [
        (f"{bar.label} {'image' if bar.label == '1' else 'images'}", Number(bar.identities))
        for bar in bars(identities_by_images)
    ]
    return [Bars("Identities by number of images", found, parts=True, logarithmic=True)] if found else []


def quartile_facts(identities_by_images: Mapping[int, int]) -> list[Fact]:
    """The quartiles of images per identity, a fact each; none of no identities."""
    if not identities_by_images:
        return []
    labels = ("Lower quartile", "Median", "Upper quartile")
    found = quartiles(identities_by_images)
    return [
        Fact(label, Number(images, capped), "images" if images > 1 else "image")
        for label, images in zip(labels, found, strict=True)
    ]


def ignored_table(sources: Sequence[SourceReport]) -> list[Table]:
    """The objects of the sources that do not count, by reason; no table of none."""
    rows: list[Row] = [
        [source.name, reason, Number(count), Key(source.examples[reason][0])]
        for source in sources
        for reason, count in source.ignored.items()
    ]
    return [Table(["Source", "Ignored because", "Objects", "Example"], rows)] if rows else []


def failures_section(failures: Sequence[Failure], failed: int, by_code: Mapping[str, int]) -> Section:
    """Objects that failed: how many for each code, if there are several, and some of them with the reason."""
    rows: list[Row] = [[Key(failure.key), failure.reason] for failure in failures]
    tables = [Table(["Key", "Reason"], rows, max(failed, len(rows)))] if rows else []
    codes = reasons_table("Code", by_code, {}) if len(by_code) > 1 else []
    return Section("Failures", tables=[*codes, *tables], role="bad")


def reasons_table(head: str, reasons: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> list[Table]:
    """Objects by reason, with some keys of each if there are any; no table of no reasons."""
    rows: list[Row] = [
        [reason, Number(count), *([_listed(examples.get(reason, ()))] if examples else [])]
        for reason, count in reasons.items()
    ]
    heads = [head, "Objects", *(["Examples"] if examples else [])]
    return [Table(heads, rows)] if rows else []


def _listed(keys: Sequence[str]) -> Phrase:
    cells: list[Cell] = [cell for key in keys[:_EACH] for cell in (", ", Key(key))]
    return tuple(cells[1:])


def keys_table(head: str, keys: Sequence[str], total: int) -> list[Table]:
    """A table of nothing but examples of keys; none of no keys."""
    return [Table([head], [[Key(key)] for key in keys], total)] if keys else []


def recordio_warning(keys: Iterable[str], where: str, advice: str = "") -> list[Notice]:
    """The warning of RecordIO files, if there are any."""
    names = ", ".join(key.rpartition("/")[2] for key in keys)
    text = f"{names} {where}: a trainer would read RecordIO files instead of the folders"
    return warnings([f"{text}. {advice}" if advice else text] if names else [])


def run_section(seconds: float, requests: Mapping[str, int]) -> Section:
    """How long a run took, and what it asked of S3."""
    return Section("Run", facts=[Fact("Duration", duration(seconds)), Fact("Requests", counts(requests))])
