"""Warnings about what a pull has left in its directory: what ImageFolder will load that was not pulled."""

from collections.abc import Collection, Iterator

from streammerge.dataset.objects import printable
from streammerge.pulling.report import PullReport
from streammerge.report.units import commas, counted

_NAMED = 3  # folders


def result_warnings(report: PullReport, others: Collection[str]) -> Iterator[str]:
    """What is unusual; others: the folders in the directory that none of the pulled images is in."""
    if others:
        named = ", ".join(map(printable, sorted(others)[:_NAMED]))
        rest = len(others) - _NAMED
        yield (
            f"ImageFolder will number {counted(report.classes, 'folder')} of {report.directory}, "
            f"{commas(len(others))} more than were pulled: {named}{f' and {commas(rest)} more' if rest > 0 else ''}"
        )
    if report.junk:
        them = "it" if report.junk == 1 else "them"
        junk = counted(report.junk, "junk or hidden image")
        yield f"{junk} in {report.directory}, which ImageFolder will load: remove {them}"
