"""The chronicle: what a journal tells of a job's runs, for whoever asks how far it is."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from streammerge.core.keys import printable
from streammerge.core.records import check_version, from_line, may_have_begun
from streammerge.core.rendering import counted, human_bytes
from streammerge.errors import UsageError

_SHOWN = 5  # runs, failures; the last ones
_AGAIN = "run the same command again to go on"
_OF_AN_END = ("complete", "conflicts", "left", "present", "reason")
_UNFINISHED = ("incomplete", "interrupted")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are in seconds since 1970.

    ended: None, and `complete` False, if it was cut short and could record nothing of it.
    reason: why it was stopped before its end; empty if it was not. conflicts: images that wait for a decision; left:
    images and removals that another run would try; present: images that were there before this run.
    """

    run: str
    began: float
    ended: float | None = None
    complete: bool = False
    conflicts: int = 0
    left: int = 0
    present: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A copy that was given up, and not made since."""

    key: str
    target: str
    code: str
    reason: str
    at: float  # seconds since 1970


@dataclass(slots=True)
class Chronicle:
    """What a journal tells.

    copied: copies made, in all runs; bytes: of these. failed: copies that were given up, and not made since.
    command: a line of shell that goes on with the job, as the last run recorded it; empty if it is not known.
    removed: objects that were, or were about to be, removed. damaged: lines that cannot be read.
    last: when the last thing was recorded, in seconds since 1970. held: whether some process writes to it now.
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
    failures: dict[str, FailureRecord] = field(default_factory=dict)  # by target

    @property
    def state(self) -> str:
        """How the job stands: `running`, `complete`, `incomplete` or `interrupted`."""
        if self.held:
            return "running"
        if not self.runs or self.runs[-1].ended is None or self.runs[-1].reason:
            return "interrupted"
        return "complete" if self.runs[-1].complete else "incomplete"

    def to_json(self) -> dict[str, Any]:
        """The chronicle as an object of JSON's types."""
        failures = list(self.failures.values())
        return {**asdict(self), "state": self.state, "failed": len(failures), "failures": list(map(asdict, failures))}

    def _take(self, record: dict[str, Any]) -> None:
        did = record["did"]
        self.last = record["at"]
        if did == "began":
            check_version(record, self.journal)
            self.job, self.fingerprint = record["job"], record["fingerprint"]
            self.command = record.get("command", "")
            self.runs.append(RunRecord(record["run"], record["at"]))
        elif did == "copied":
            self.copied += 1
            self.bytes += record["size"]
            self.failures.pop(record["target"], None)
        elif did == "failed":
            self.failures.pop(record["target"], None)  # so that the last failures come last
            self.failures[record["target"]] = FailureRecord(
                record["key"], record["target"], record["code"], record["reason"], record["at"]
            )
        elif did == "removed":
            self.removed += 1
        elif did == "ended" and self.runs:
            known = {name: record[name] for name in _OF_AN_END if name in record}
            self.runs[-1] = replace(self.runs[-1], ended=record["at"], **known)


def chronicle(lines: Iterable[bytes], place: str, *, held: bool = False, size: int = 0) -> Chronicle:
    """What the lines of a journal tell; `held` and `size` (bytes) are of its file.

    Raises UsageError if they are of none, or of one of another version.
    """
    told = Chronicle(place, held, size)
    beginnings = True
    for line in lines:
        if record := from_line(line):
            told._take(record)  # noqa: SLF001 - only here is one made
        else:
            told.damaged += 1
            beginnings = beginnings and may_have_begun(line)
    if not told.runs and (told.last is not None or not beginnings):
        raise UsageError(f"{place} is not a journal of streammerge")
    return told


def render_chronicle(told: Chronicle) -> str:
    """The chronicle as text, for people."""
    lines = [
        f"Journal:  {told.journal} ({human_bytes(told.size)})",
        f"Job:      {told.job or 'not known: the first run ended as it began'}",
        f"State:    {_state(told)}",
        *([f"To go on: {printable(told.command)}"] if told.command and told.state in _UNFINISHED else []),
        f"Runs:     {len(told.runs):,}",
        *_earlier(len(told.runs)),
        *(f"  began {_time(run.began)}, {_end(run)}" for run in told.runs[-_SHOWN:]),
        f"Copied:   {told.copied:,} ({human_bytes(told.bytes)})",
        f"Failed:   {len(told.failures):,}",
        *_earlier(len(told.failures)),
    ]
    lines += [
        f"  {_time(failure.at)} {printable(failure.key)}: {printable(failure.reason)}"
        for failure in list(told.failures.values())[-_SHOWN:]
    ]
    if told.removed:
        lines.append(f"Removed:  {told.removed:,} from the destination, outside the plan")
    if told.damaged:
        lines.append(
            f"Damaged:  {counted(told.damaged, 'line')} cannot be read; what was recorded there is looked at anew"
        )
    return "\n".join(lines)


def _state(told: Chronicle) -> str:
    last = f", last recorded {_time(told.last)}" if told.last is not None else ""
    if told.state == "running":
        return f"a run is at work{last}"
    if told.state == "complete":
        return f"complete{last}"
    return f"{told.state}: {_what_is_left(told) if told.state == 'incomplete' else _AGAIN}{last}"


def _what_is_left(told: Chronicle) -> str:
    run = told.runs[-1]
    if not run.conflicts:
        return _AGAIN
    yours = (
        f"{counted(run.conflicts, 'conflict')} for you to decide (--if-exists overwrite, or move what is in the way)"
    )
    return f"{yours}; for the other {run.left:,}, {_AGAIN}" if run.left else yours


def _earlier(count: int) -> list[str]:
    return [f"  … {count - _SHOWN:,} earlier"] if count > _SHOWN else []


def _end(run: RunRecord) -> str:
    if run.ended is None:
        return "not ended"
    how = f"stopped: {printable(run.reason)}" if run.reason else "complete" if run.complete else "incomplete"
    there = f", {run.present:,} were there already" if run.present else ""
    return f"ended {_time(run.ended)}, {how}{there}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
