"""The summary of a journal: the runs of a job, and its state.

Strategy: copies are counted as they are read, and of failures no more is kept than where the newest of each target is
(`RemainingFailures`); so memory is some bytes per failure, and nothing per copy.
"""

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from streammerge.errors import UsageError
from streammerge.journal.format import (
    COPIED,
    FAILED,
    check_version,
    fields_in,
    from_line,
    is_a,
    is_intact,
    may_have_begun,
    size_in,
)
from streammerge.journal.remaining_failures import RemainingFailures
from streammerge.report.described import Described
from streammerge.report.description import Description

_OF_AN_END = ("complete", "conflicts", "left", "present", "reason", "refused")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are in seconds since 1970.

    ended: None, with `complete` False, if it was cut short and could not record its end.
    reason: why it ended early; empty if it did not. refused: because the input is wrong. conflicts: images that need a
    decision. left: images and removals that another run would try; None where that is not known. present: images that
    were there before this run.
    """

    run: str
    began: float
    ended: float | None = None
    complete: bool = False
    conflicts: int = 0
    left: int | None = None
    present: int = 0
    reason: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A copy that was given up, and not made since."""

    key: str
    target: str
    code: str
    reason: str
    at: float  # seconds since 1970


@dataclass(slots=True)
class JournalSummary(Described):
    """A summary of a journal.

    copied: copies made in all runs; bytes: their size. failed: copies that were given up and not made since;
    failures: the newest of them for each code, newest first.
    command: the shell command that resumes the job, as the last run recorded it; empty if unknown.
    removed: objects that were, or were about to be, removed. damaged: lines that cannot be read.
    last: when the last record was written, in seconds since 1970. held: whether a process is writing to it.
    size: of the journal itself, in bytes.
    """

    journal: str
    held: bool = False
    size: int = 0
    job: str = ""
    fingerprint: str = ""
    command: str = ""
    runs: list[RunRecord] = field(default_factory=list)
    copied: int = 0
    bytes: int = 0
    removed: int = 0
    damaged: int = 0
    last: float | None = None
    failures: list[FailureRecord] = field(default_factory=list)
    failures_by_code: dict[str, int] = field(default_factory=dict)  # the commonest first

    @property
    def state(self) -> str:
        """How the job stands: `running`, `complete`, `incomplete`, `interrupted`, or `refused` for its input."""
        if self.held:
            return "running"
        if self.runs and self.runs[-1].refused:
            return "refused"
        if not self.runs or self.runs[-1].ended is None or self.runs[-1].reason:
            return "interrupted"
        return "complete" if self.runs[-1].complete else "incomplete"

    @property
    def failed(self) -> int:
        """How many copies have failed and were not made since."""
        return sum(self.failures_by_code.values())

    def describe(self) -> Description:
        """All that the journal says of its job."""
        from streammerge.journal.report_lines import describe  # noqa: PLC0415 - it needs this module

        return describe([self])

    def to_json(self) -> dict[str, Any]:
        """The summary as an object of JSON's types: times as ISO 8601, in UTC."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        failures = [{**asdict(failure), "at": _iso(failure.at)} for failure in self.failures]
        runs = [{**asdict(run), "began": _iso(run.began), "ended": _iso(run.ended)} for run in self.runs]
        return {
            **fields,
            "runs": runs,
            "last": _iso(self.last),
            "state": self.state,
            "failed": self.failed,
            "failures": failures,
        }

    def _take(self, record: dict[str, Any]) -> None:
        did = record.get("did")
        if did == "began":
            check_version(record, self.journal)
            self.job, self.fingerprint = record["job"], record["fingerprint"]
            self.command = record.get("command", "")
            self.runs.append(RunRecord(record["run"], record["at"]))
        elif did == "removed":
            self.removed += 1
        elif did == "ended" and self.runs:
            known = {name: record[name] for name in _OF_AN_END if name in record}
            if "reason" not in known:
                known.setdefault("left", 0)  # older versions did not write it then
            self.runs[-1] = replace(self.runs[-1], ended=record["at"], **known)


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def summarize(file: BinaryIO, place: str, *, held: bool = False, size: int = 0) -> JournalSummary:
    """What a journal records; `held` and `size` (bytes) are of its file.

    Raises UsageError if it is not a journal, or one of another version.
    """
    summary = JournalSummary(place, held, size)
    failing = RemainingFailures()
    beginnings = True
    at, newest = 0, b""
    for line in file:
        intact = is_intact(line)
        if intact and is_a(line, COPIED):
            fields = fields_in(line)
            summary.copied += 1
            summary.bytes += size_in(fields)
            failing.made(fields)
            newest = line
        elif intact and is_a(line, FAILED):
            failing.failed(line, at)
            newest = line
        elif record := from_line(line):
            summary._take(record)  # noqa: SLF001 - only here is one made
            newest = line
        else:
            summary.damaged += 1
            beginnings = beginnings and may_have_begun(line)
        at += len(line)
    if not summary.runs and (newest or not beginnings):
        raise UsageError(f"{place} is not a streammerge journal")
    if record := from_line(newest):
        summary.last = record.get("at")
    summary.failures_by_code, records = failing.left(file)
    summary.failures = [
        FailureRecord(each["key"], each["target"], each["code"], each["reason"], each["at"]) for each in records
    ]
    return summary
