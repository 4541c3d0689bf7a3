"""Asks on the terminal whether to remove objects, without blocking the event loop."""

import asyncio
import sys

from streammerge.errors import UsageError
from streammerge.merging.pruning import Confirm
from streammerge.planning.sections import reasons_table
from streammerge.planning.unplanned import Unplanned
from streammerge.report.description import Section
from streammerge.report.progress import Progress
from streammerge.report.text import render_section
from streammerge.report.units import counted


def confirm_of(*, prune: bool, yes: bool, progress: Progress) -> Confirm | None:
    """The function that asks before objects are removed; None without --prune.

    Raises UsageError if there is no terminal to ask on.
    """
    if yes and not prune:
        raise UsageError("--yes only answers the question of --prune: pass --prune too")
    if not prune:
        return None
    if yes:

        async def agree(unplanned: Unplanned) -> bool:
            progress.note(_what(unplanned))
            return True

        return agree
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "--prune asks before it removes anything, but there is no terminal to ask on: pass --yes to confirm"
        )
    return _ask


def _what(unplanned: Unplanned) -> str:
    reasons = reasons_table("Unplanned because", unplanned.by_reason(), unplanned.examples)
    what = counted(unplanned.total, "unplanned object")
    return f"To remove: {what} in {unplanned.destination}\n{render_section(Section('', tables=reasons))}"


async def _ask(unplanned: Unplanned) -> bool:
    print(f"{_what(unplanned)}\nRemove them? [y/N] ", end="", file=sys.stderr, flush=True)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)  # so that a signal can end the wait
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().strip().lower() in ("y", "yes")
