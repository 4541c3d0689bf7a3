"""The report of a merge or a plan, as a description."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from streammerge.dataset.objects import MAX_KEY_BYTES
from streammerge.planning.copies_section import copies_section, to_do_section
from streammerge.planning.report import INTERRUPTED, Report
from streammerge.planning.sections import (
    failures_section,
    ignored_table,
    images_chart,
    keys_table,
    quartile_facts,
    reasons_table,
    recordio_warning,
    sources_section,
)
from streammerge.planning.stopped_run import planned_so_far
from streammerge.planning.throughput import Sample
from streammerge.report.description import (
    Bars,
    Description,
    Fact,
    Key,
    Line,
    Notice,
    Number,
    Role,
    Row,
    Section,
    Table,
    counts,
    nonzero,
    warnings,
)
from streammerge.report.gallery import images_section
from streammerge.report.units import counted, percent

_TWO = 2  # points of the shortest line
_LARGEST, _EACH = 10, 5  # rows; examples of each kind
_ARCHIVED = ("InvalidObjectState", "ObjectNotInActiveTierError")
_RESTORE = (
    "Archived images must be restored before they can be copied (aws s3api restore-object, or S3 Batch Operations for "
    "many); pass --archived skip to merge without those in GLACIER and DEEP_ARCHIVE"
)
_ACCESS = (
    "For AccessDenied, grant s3:GetObject on the sources (and s3:GetObjectTagging if objects have tags, or pass --tags "
    "drop), s3:PutObject and s3:PutObjectTagging on the destination, and kms:Decrypt and kms:GenerateDataKey for "
    "encrypted objects"
)


def describe(report: Report) -> Description:
    """All that the report of a merge or a plan says."""
    verdict, role = _verdict(report)
    return Description(
        title="Merge plan" if report.is_plan else "Merge",
        verdict=verdict,
        role=role,
        headline=_headline(report),
        sections=[
            to_do_section(report) if report.is_plan else copies_section(report),
            sources_section(report.sources, report.destination, report.rules),
            _contributions(report),
            _distribution(report),
            _overlap(report),
            _skipped(report),
            _examples(report),
            failures_section(report.failures, report.failed, report.failures_by_code),
            _conflicts(report),
            _unplanned(report),
            Section("Rate over time", charts=_throughput(report), detail=True),
            images_section(report.thumbnails),
        ],
        notices=[
            *_errors(report),
            *warnings(report.warnings),
            *recordio_warning(report.recordio, "at the destination", "Remove or move them"),
        ],
        next_steps=list(_next_steps(report)),
        seconds=report.seconds,
    )


def _verdict(report: Report) -> tuple[str, Role]:
    if report.is_plan:
        obstacle = "has conflicts" if report.conflicts else "has keys that are too long"
        return ("", "neutral") if report.complete else (obstacle, "bad")
    if report.complete:
        return "complete", "good"
    return ("interrupted" if report.stopped == INTERRUPTED else "incomplete"), "bad"


def _headline(report: Report) -> list[Fact]:
    return [
        Fact("Total identities", Number(report.identities)),
        Fact("Total images", Number(report.images)),
        Fact("Identities from single source", Number(report.single_source)),
        Fact("Identities from multiple sources", Number(report.multi_source)),
        Fact("Skipped (too few images)", Number(report.skipped_too_few)),
        *nonzero(Fact("Skipped (too many images)", Number(report.skipped_too_many))),
        Fact("Avg images per identity", Number(report.mean_images_per_identity, "{:,.1f}".format)),
    ]


def _contributions(report: Report) -> Section:
    """What each source brings to the plan."""
    rows: list[Row] = [
        [
            source.name,
            Number(source.kept_identities),
            Number(source.kept_images),
            percent(source.kept_images, report.images),
            Number(source.gained_identities),
        ]
        for source in report.sources
    ]
    heads = ["Source", "Identities kept", "Images kept", "Share of images", "Identities only with it"]
    return Section("What each source brings", tables=[Table(heads, rows)] if len(rows) > 1 else [], detail=True)


def _distribution(report: Report) -> Section:
    """How many images identities have, and which have the most."""
    rows: list[Row] = [[Key(each.identity), Number(each.images)] for each in report.largest[:_LARGEST]]
    return Section(
        "Images per identity",
        facts=quartile_facts(report.images_per_identity),
        charts=images_chart(report.images_per_identity),
        tables=[Table(["Largest identities", "Images"], rows)] if rows else [],
        detail=True,
    )


def _examples(report: Report) -> Section:
    """What was renamed, dropped, counted once, omitted or skipped."""
    rows: list[Row] = []
    for kind, examples in sorted(report.examples.items()):
        for identity, key, other, images in examples[:_EACH]:
            what = (Number(images), " image" if images == 1 else " images") if images else Key(key)
            rows.append([kind, Key(identity), what, Key(other) if other else ""])
    heads = ["What", "Identity", "Image", "New name, or image kept instead"]
    return Section("Examples", tables=[Table(heads, rows)] if rows else [], detail=True)


def _overlap(report: Report) -> Section:
    rows: list[Row] = [[f"{pair.one}, {pair.other}", Number(pair.identities)] for pair in report.overlaps]
    kept = [("single source", Number(report.single_source)), ("multiple sources", Number(report.multi_source))]
    return Section(
        "Overlap of the sources",
        charts=[Bars("Identities kept", kept)] if report.identities else [],
        tables=[Table(["In both", "Identities kept"], rows)] if rows else [],
        detail=True,
    )


def _skipped(report: Report) -> Section:
    return Section(
        "Skipped, renamed and ignored",
        facts=[
            *([Fact("Identity map", counts(report.identity_map))] if report.identity_map else []),
            *nonzero(
                Fact("Duplicate images", Number(report.duplicates), "counted once"),
                Fact("Dropped in name collisions", Number(report.dropped)),
                Fact("Archived", Number(sum(report.archived.values())), counts(report.archived)),
                Fact("Omitted by --cap-images", Number(report.capped), "their identities have more images than that"),
                Fact("Renamed in name collisions", Number(report.renamed), "to <name>_<source>.<ext>"),
            ),
        ],
        tables=ignored_table(report.sources),
    )


def _conflicts(report: Report) -> Section:
    tables = keys_table("Taken by a different object", report.conflict_examples, report.conflicts)
    return Section("Conflicts", tables=tables, role="bad")


def _unplanned(report: Report) -> Section:
    return Section(
        "Unplanned objects at the destination" if report.unplanned else "Objects removed from the destination",
        tables=[
            *reasons_table("Removed because", report.removed_reasons, report.removed_examples),
            *reasons_table("Unplanned because", report.unplanned_reasons, {}),
            *keys_table("Examples", report.unplanned_examples, report.unplanned),
        ],
    )


def _throughput(report: Report) -> list[Line]:
    steps = [(one, two) for one, two in pairwise(report.throughput) if two.seconds > one.seconds]

    def rates(count: Callable[[Sample], int]) -> list[tuple[float, float]]:
        return [(two.seconds, (count(two) - count(one)) / (two.seconds - one.seconds)) for one, two in steps]

    copied = rates(lambda sample: sample.copied)
    if len(copied) < _TWO or not any(rate for _, rate in copied):
        return []
    others = [("throttled", rates(lambda sample: sample.throttled)), ("retried", rates(lambda sample: sample.retried))]
    shown = [(label, points) for label, points in others if any(rate > 0 for _, rate in points)]
    return [Line("Copies per second", copied, "copies/s", shown)]


def _errors(report: Report) -> list[Notice]:
    """Why the run is not complete."""
    if report.stopped is not None:
        return [Notice("error", f"stopped before the end: {report.stopped}. {planned_so_far(report)}")]
    texts = []
    if report.conflicts:
        outcome = "to be left alone" if report.is_plan else "left alone"
        texts.append(f"{counted(report.conflicts, 'planned key')} already taken by a different object; {outcome}")
    if report.is_plan and report.failed:
        texts.append(f"{counted(report.failed, 'image')} cannot be copied: the key at the destination is too long")
    if missing := 0 if report.is_plan else report.failed + report.not_attempted:
        texts.append(f"{counted(missing, 'image')} not copied")
    if report.not_removed:
        texts.append(f"{counted(report.not_removed, 'object')} not removed")
    return [Notice("error", text) for text in texts]


def _next_steps(report: Report) -> Iterator[str]:
    if "AccessDenied" in report.failures_by_code:
        yield _ACCESS
    if any(code in report.failures_by_code for code in _ARCHIVED):
        yield _RESTORE
    if report.too_long:
        yield f"Shorten names or the destination's prefix: S3 allows no key of more than {MAX_KEY_BYTES:,} bytes"
    again = report.failed > report.too_long or report.not_attempted or report.not_removed or report.stopped
    if again and not report.is_plan:
        yield "Run the same command again to resume; nothing that was done is lost"
    if report.conflicts:
        yield "To see how conflicts differ, run `streammerge verify --deep all` with the same arguments"
        yield "To resolve conflicts, pass --if-exists overwrite, or move the objects in the way"
