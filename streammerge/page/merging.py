"""The content of the page of a merge or a plan."""

from itertools import pairwise

from streammerge.core.rendering import counted, decided_so_far, human_bytes, human_time, human_usd
from streammerge.core.report import INTERRUPTED, Report
from streammerge.page.content import Cell, Chart, Content, Figures, Section, Table, key
from streammerge.page.parts import from_where, histogram, ignored, listed, recordio


def merging_content(report: Report) -> Content:
    """What stands on it."""
    figures = Figures(report.to_json())
    title = "Merge plan" if report.command == "plan" else "Merge"
    warnings = [*_stopped(report), *_incomplete(report), *report.warnings, *recordio(report.recordio)]
    sections = [
        Section("In all", facts=_headline(report, figures)),
        from_where(report.destination, report.rules, report.sources, figures),
        Section("Images of an identity", charts=histogram(report.images_per_identity)),
        _overlap(report, figures),
        _left_out(report, figures),
        Section("Copies over time", charts=_throughput(report)),
        _failures(report, figures),
        Section(
            "Conflicts", tables=listed("Planned keys that hold something else, left alone", report.conflict_examples)
        ),
        _extras(report, figures),
        Section("Requests to S3", facts=sorted(figures.each("requests"))),
    ]
    verdict = "complete" if report.complete else "incomplete"
    if report.command == "plan":
        verdict = "nothing copied yet" if report.complete else "would be incomplete"
    if report.stopped == INTERRUPTED:
        verdict = INTERRUPTED
    return Content(title, verdict, report.complete, warnings, sections)


def _stopped(report: Report) -> list[str]:
    if report.stopped is None:
        return []
    again = ". To go on, run the same command again" if report.stopped == INTERRUPTED else ""
    return [f"This run was stopped before its end: {report.stopped}. {decided_so_far(report)}{again}"]


def _incomplete(report: Report) -> list[str]:
    """Why it is not complete, and what to do about it."""
    if report.stopped is not None or report.command == "plan":
        return []
    missing, said = report.failed + report.not_attempted, []
    if report.conflicts:
        said.append(
            f"{counted(report.conflicts, 'planned target')} taken by something else, which was left alone: "
            "say --if-exists overwrite, or move what is in the way"
        )
    if missing:
        said.append(f"{counted(missing, 'image')} not copied: run the same command again to try the rest")
    if report.not_removed:
        said.append(f"{counted(report.not_removed, 'object')} not removed: run the same command again to try the rest")
    return [f"Incomplete: {reason}" for reason in said]


def _headline(report: Report, figures: Figures) -> list[tuple[str, Cell]]:
    facts = [
        ("identities", figures("identities")),
        ("images", figures("images")),
        ("in size", figures("bytes", form=human_bytes)),
        ("already there", figures("already_present")),
    ]
    if report.estimate is None:
        facts += [
            ("copied", figures("copied")),
            ("copied, in size", figures("bytes_copied", form=human_bytes)),
            ("failed", figures("failed")),
            *([("not copied yet", figures("not_attempted"))] if report.not_attempted else []),
        ]
    else:
        facts += [
            ("to copy", figures("not_attempted")),
            ("to copy, in size", figures("bytes_to_copy", form=human_bytes)),
            ("estimated cost", figures("estimate", "usd", form=human_usd)),
            ("estimated time", figures("estimate", "seconds", form=human_time)),
        ]
    return [*facts, ("conflicts", figures("conflicts")), ("outside the plan", figures("extra"))]


def _overlap(report: Report, figures: Figures) -> Section:
    pairs: list[list[Cell]] = [
        [f"{pair.one}, {pair.other}", figures("overlaps", number, "identities")]
        for number, pair in enumerate(report.overlaps)
    ]
    return Section(
        "Overlap of the sources",
        facts=[
            ("identities of a single source", figures("single_source")),
            ("of several", figures("multi_source")),
            ("images that were there twice", figures("duplicates")),
            ("renamed, their name being taken", figures("renamed")),
        ],
        charts=[Chart("Identities kept", [("single source", report.single_source), ("several", report.multi_source)])],
        tables=[Table(["In both", "Identities kept"], pairs)] if pairs else [],
    )


def _left_out(report: Report, figures: Figures) -> Section:
    return Section(
        "Left out",
        facts=[
            ("identities with too few images", figures("skipped_too_few")),
            ("with too many", figures("skipped_too_many")),
            ("duplicate images", figures("duplicates")),
            ("images dropped in collisions", figures("dropped")),
        ],
        tables=ignored(report.sources, figures),
    )


def _throughput(report: Report) -> list[Chart]:
    rates = [
        (after.seconds, (after.copied - before.copied) / (after.seconds - before.seconds))
        for before, after in pairwise(report.throughput)
        if after.seconds > before.seconds
    ]
    drawable = len(rates) > 1 and any(rate for _, rate in rates)
    return [Chart("Copies a second", line=rates, along="seconds")] if drawable else []


def _failures(report: Report, figures: Figures) -> Section:
    if not report.failed:
        return Section("Failures")
    return Section(
        "Failures",
        facts=[("images that were not copied", figures("failed"))],
        tables=[Table(["Key", "Code", "Why"], [[key(f.key), key(f.code), key(f.reason)] for f in report.failures])],
        notes=["Nothing of what was done is lost: run the same command again to try the rest."],
    )


def _extras(report: Report, figures: Figures) -> Section:
    removed: list[list[Cell]] = [
        [reason, figures("removed_reasons", reason), key(examples[0])]
        for reason, examples in report.removed_examples.items()
    ]
    notes = [] if report.not_pruned is None else [f"Nothing was removed: {report.not_pruned}"]
    return Section(
        "At the destination, outside the plan",
        facts=[("removed", figures("removed")), ("could not be removed", figures("not_removed"))] if removed else [],
        tables=[
            *([Table(["Removed", "Objects", "Such as"], removed)] if removed else []),
            *listed("Left alone, such as", report.extra_examples),
        ],
        notes=notes,
    )
