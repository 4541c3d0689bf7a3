"""The report of `status`, as a description: each job whose journal was read."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from streammerge.journal.summary import JournalSummary, RunRecord
from streammerge.planning.report import INTERRUPTED
from streammerge.planning.sections import reasons_table
from streammerge.report.description import (
    Description,
    Fact,
    Key,
    Number,
    Phrase,
    Role,
    Row,
    Section,
    Table,
    nonzero,
    size,
)
from streammerge.report.units import counted, human_bytes

_RUNS = 5  # the last ones; the JSON has all
_REASON = 26  # characters of why a run ended, in the table
_ROLES: dict[str, Role] = {"complete": "good", "incomplete": "bad", "interrupted": "bad", "refused": "bad"}
_UNFINISHED = ("incomplete", "interrupted")


def describe(summaries: Sequence[JournalSummary]) -> Description:
    """All that some journals say of their jobs."""
    return Description(
        title="Job" if len(summaries) == 1 else counted(len(summaries), "job"),
        verdict=summaries[0].state if len(summaries) == 1 else "",
        role=_ROLES.get(summaries[0].state, "neutral") if len(summaries) == 1 else "neutral",
        sections=[_job(each) for each in summaries],
        next_steps=[*(step for each in summaries for step in _next_steps(each)), _keeping(summaries)],
    )


def _keeping(summaries: Sequence[JournalSummary]) -> str:
    done = sum(each.size for each in summaries if each.state == "complete")
    if not done:
        return "Keep a journal as long as its job may run again; then delete it"
    return (
        f"Keep a journal while its job may run again. Those of completed jobs take {human_bytes(done)}; "
        "`streammerge status --clean` removes them"
    )


def _job(summary: JournalSummary) -> Section:
    reason = "; ".join(" ".join(line.split()) for line in summary.runs[-1].reason.splitlines()) if summary.runs else ""
    last = f"last record {_time(summary.last)} UTC" if summary.last is not None else ""
    return Section(
        summary.job or "Unknown job: its first run ended before it recorded anything",
        facts=[
            Fact("State", summary.state, last),
            *([Fact("Resume with", Key(summary.command))] if summary.command and summary.state in _UNFINISHED else []),
            *([Fact("Reason", reason)] if len(reason) > _REASON else []),
            Fact("Journal", Key(summary.journal), (size(summary.size),)),
            Fact("Copied", Number(summary.copied), (size(summary.bytes),)),
            Fact("Failed", Number(summary.failed)),
            *nonzero(
                Fact("Removed", Number(summary.removed), "unplanned objects"),
                Fact("Damaged", Number(summary.damaged), "lines that cannot be read; their objects are rechecked"),
            ),
            Fact("Runs", Number(len(summary.runs)), f"the last {_RUNS} are shown" if len(summary.runs) > _RUNS else ""),
        ],
        tables=[*_runs(summary), *_failures(summary)],
        role=_ROLES.get(summary.state, "neutral"),
    )


def _runs(summary: JournalSummary) -> list[Table]:
    rows: list[Row] = [
        [_time(run.began), _time(run.ended) if run.ended is not None else "", _outcome(run)]
        for run in summary.runs[-_RUNS:]
    ]
    if summary.held and summary.runs and summary.runs[-1].ended is None:
        rows[-1] = [*rows[-1][:2], "running"]
    return [Table(["Began (UTC)", "Ended (UTC)", "Outcome"], rows)] if rows else []


def _failures(summary: JournalSummary) -> list[Table]:
    rows: list[Row] = [[_time(failure.at), Key(failure.key), failure.reason] for failure in summary.failures]
    examples = [Table(["Failed (UTC)", "Key", "Reason"], rows, summary.failed)] if rows else []
    codes = summary.failures_by_code
    return [*(reasons_table("Code", codes, {}) if len(codes) > 1 else []), *examples]


def _outcome(run: RunRecord) -> Phrase:
    reason = textwrap.shorten(run.reason, _REASON, placeholder=" …")
    how = (
        f"{'refused' if run.refused else 'stopped'}: {reason}"
        if reason
        else "complete"
        if run.complete
        else "incomplete"
    )
    if run.ended is None:
        how = "no end recorded, as after a kill"
    return (f"{how}, ", Number(run.present), " already there") if run.present else how


def _next_steps(summary: JournalSummary) -> Iterator[str]:
    if summary.state not in _UNFINISHED:
        return
    job = summary.job or summary.journal
    conflicts, left = (summary.runs[-1].conflicts, summary.runs[-1].left) if summary.runs else (0, None)
    if conflicts:
        what = f"{counted(conflicts, 'conflict')} of {job}"
        yield f"To resolve {what}, pass --if-exists overwrite, or move the objects in the way"
    if left != 0 or not conflicts:
        stopped = summary.runs and summary.runs[-1].reason not in ("", INTERRUPTED)
        yield f"To resume {job}, {'resolve what stopped it, then ' if stopped else ''}run the same command again"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
