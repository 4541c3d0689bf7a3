"""The report of a pull, as a description."""

from collections.abc import Iterator

from streammerge.planning.report import INTERRUPTED
from streammerge.planning.sections import failures_section, keys_table, recordio_warning, sources_section
from streammerge.planning.stopped_run import first_failures
from streammerge.pulling.file_writing import IN_THE_WAY
from streammerge.pulling.report import PullReport
from streammerge.report.description import (
    Description,
    Fact,
    Key,
    Notice,
    Number,
    Row,
    Section,
    Table,
    counts,
    duration,
    nonzero,
    size,
    warnings,
)
from streammerge.report.gallery import images_section
from streammerge.report.units import commas, counted, human_bytes


def describe(report: PullReport) -> Description:
    """All that the report of a pull says."""
    stopped = "interrupted" if report.stopped == INTERRUPTED else "incomplete"
    return Description(
        title="Pull",
        verdict="complete" if report.complete else stopped,
        role="good" if report.complete else "bad",
        headline=_headline(report),
        sections=[
            _downloads(report),
            *([sources_section(report.sources, "", report.rules)] if report.sources else []),
            Section("Refused", tables=_refused(report), role="bad"),
            failures_section(report.failures, report.failed, report.failures_by_code),
            _ignored(report),
            Section(
                "Unplanned files in the directory",
                tables=keys_table("Examples", report.unplanned_examples, report.unplanned),
            ),
            images_section(report.thumbnails),
        ],
        notices=list(_notices(report)),
        next_steps=list(_next_steps(report)),
        seconds=report.seconds,
    )


def _next_steps(report: PullReport) -> Iterator[str]:
    again = "un the same command again to resume; what was pulled is kept"
    if not IN_THE_WAY.isdisjoint(report.failures_by_code):
        yield f"Move what is in the way of the files that failed, then r{again}"
    elif report.failed or report.stopped:
        yield f"R{again}"


def _headline(report: PullReport) -> list[Fact]:
    drawn = ("a sample of ", Number(report.all_identities)) if report.sample is not None else ()
    return [
        Fact("Identities", Number(report.identities), drawn),
        Fact("Images", Number(report.images), (size(report.bytes),)),
        Fact(
            "Images per identity",
            ("mean ", Number(report.average, "{:,.1f}".format), ", min ", Number(report.smallest), ", max ",
             Number(report.largest)),
        ),
    ]  # fmt: skip


def _downloads(report: PullReport) -> Section:
    belongs = "at the prefix" if report.url else "in the plan"
    rate = Number(report.images_per_second, "{:,.0f} images/s".format)
    return Section(
        "Downloads",
        facts=[
            *([Fact("Source", Key(report.url))] if report.url else []),
            Fact("Directory", Key(report.directory)),
            Fact("Pulled", Number(report.pulled), (size(report.bytes_pulled),)),
            Fact("Already there", Number(report.already_present)),
            Fact("Failed", Number(report.failed)),
            *nonzero(
                Fact("Refused", Number(report.refused), "their names must not become files here"),
                Fact("Unplanned", Number(report.unplanned), f"files that are not {belongs}; left alone"),
                Fact("Skipped identities", Number(report.skipped), "too few or too many images"),
                Fact("Duplicates", Number(report.duplicates)),
                Fact("Renamed", Number(report.renamed), "name collisions"),
            ),
            Fact("Duration", duration(report.seconds), (rate,) if report.pulled else ()),
            Fact("Requests", counts(report.requests)),
        ],
    )


def _refused(report: PullReport) -> list[Table]:
    rows: list[Row] = [[Key(key), reason] for key, reason in report.refusals]
    return [Table(["Key", "Reason"], rows, report.refused)] if rows else []


def _ignored(report: PullReport) -> Section:
    rows: list[Row] = [[reason, Number(count)] for reason, count in report.ignored.items()]
    return Section(
        "Ignored at the prefix" if report.url else "Ignored in the sources",
        tables=[Table(["Ignored because", "Objects"], rows)] if rows else [],
    )


def _notices(report: PullReport) -> Iterator[Notice]:
    yield from warnings(report.warnings)
    if report.stopped is not None:
        yield Notice("error", f"stopped before the end: {report.stopped}. {_pulled_so_far(report)}")
    for name, aside in report.recordio_renamed.items():
        text = f"renamed {name} to {aside} in {report.directory}: a trainer would read it instead of the images"
        yield Notice("warning", text)
    if report.recordio_removed:
        names = ", ".join(report.recordio_removed)
        yield Notice(
            "warning", f"removed {names} from {report.directory}: a trainer would read it instead of the images"
        )
    gone = {*report.recordio_removed, *report.recordio_renamed}
    kept = [name for name in report.recordio if name not in gone]
    yield from recordio_warning(kept, f"in {report.directory}")


def so_far(report: PullReport) -> str:
    """How far a run came that was stopped, in a line, and why some images failed."""
    return "\n".join([_pulled_so_far(report), *first_failures(report.failures, report.failed, report.stopped)])


def _pulled_so_far(report: PullReport) -> str:
    if not report.wanted:
        return "Nothing was pulled yet: the prefix and the directory were still being listed"
    there = f"{commas(report.images)} of {counted(report.wanted, 'image')} are there"
    pulled = f"{commas(report.pulled)} pulled ({human_bytes(report.bytes_pulled)})"
    return f"{there}: {pulled}, {commas(report.already_present)} already there; {commas(report.failed)} failed"
