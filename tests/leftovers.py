"""What a process leaves behind: other processes, files."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

_BOUND = 60.0  # seconds


def processes(directory: Path) -> list[int]:
    """The processes that have `directory` in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"TMPDIR={directory}\0".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


def expect_nothing_left(directory: Path) -> None:
    """Wait until no process and no file of `directory` is left."""
    until(lambda: not processes(directory) and not list(directory.iterdir()))


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so. Fails if it never is."""
    limit = time.monotonic() + _BOUND
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)
