"""Asking on the terminal whether something may be removed, while the event loop goes on."""

import asyncio
import sys

from streammerge.core.extras import Extras, describe
from streammerge.core.rendering import counted
from streammerge.errors import UsageError
from streammerge.progress import Progress
from streammerge.pruning import Confirm


def confirm_of(*, prune: bool, yes: bool, progress: Progress) -> Confirm | None:
    """Who is asked before objects are removed; None if nothing is to be.

    Raises UsageError where nobody could answer.
    """
    if yes and not prune:
        raise UsageError("--yes answers the question of --prune: say --prune, too")
    if not prune:
        return None
    if yes:

        async def agree(extras: Extras) -> bool:
            progress.note(_what(extras))
            return True

        return agree
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--prune asks before it removes anything, and there is no terminal to ask on: say --yes")
    return _ask


def _what(extras: Extras) -> str:
    lines = [f"To remove: {counted(extras.total, 'object')} below {extras.destination}, outside the plan"]
    return "\n".join(lines + describe(extras.by_reason(), extras.examples))


async def _ask(extras: Extras) -> bool:
    print(f"{_what(extras)}\nRemove them? [y/N] ", end="", file=sys.stderr, flush=True)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)  # so that a signal can end the wait
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().strip().lower() in ("y", "yes")
