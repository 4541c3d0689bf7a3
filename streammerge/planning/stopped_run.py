"""How far a stopped run came, in a few lines."""

from collections.abc import Sequence

from streammerge.dataset.objects import printable
from streammerge.planning.failures import Failure
from streammerge.planning.report import INTERRUPTED, Report
from streammerge.report.units import commas, counted, human_bytes

_SHOWN = 3  # failures


def planned_so_far(report: Report) -> str:
    """What a run that was stopped had planned, and what became of that, in a sentence."""
    if not report.identities + report.skipped and not report.all_decided:
        return "Nothing was copied yet: the sources and the destination were still being listed"
    images = [
        f"{commas(report.copied)} copied ({human_bytes(report.bytes_copied)})",
        f"{commas(report.already_present)} already there",
        f"{commas(report.failed)} failed",
        *([f"{commas(report.conflicts)} in conflict"] if report.conflicts else []),
        f"{commas(report.not_attempted)} to copy",
    ]
    kept = f"{counted(report.identities, 'identity')} with {counted(report.images, 'image')}"
    skipped = f" ({commas(report.skipped)} more skipped)" if report.skipped else ""
    when, rest = ("", "") if report.all_decided else (" so far", "; objects not listed yet are not counted")
    return f"Planned{when}: {kept}{skipped}: {', '.join(images)}{rest}"


def so_far(report: Report) -> str:
    """How far a run came that was stopped: a sentence, why some objects failed, and what was removed."""
    lines = [planned_so_far(report), *first_failures(report.failures, report.failed, report.stopped)]
    if report.removed:
        lines.append(f"Removed: {counted(report.removed, 'unplanned object')}")
    if report.not_pruned is not None:
        lines.append(f"Nothing was removed: {counted(report.unplanned, 'unplanned object')} ({report.not_pruned})")
    return "\n".join(lines)


def first_failures(failures: Sequence[Failure], failed: int, stopped: str | None) -> list[str]:
    """A line for each of the first few failures of a run that was interrupted.

    None for a run that an error has stopped: its message says what was wrong.
    """
    if stopped != INTERRUPTED:
        return []
    lines = [f"  {printable(failure.key)}: {printable(failure.reason)}" for failure in failures[:_SHOWN]]
    return lines if failed <= _SHOWN else [*lines, f"  … and {commas(failed - _SHOWN)} more failed"]
