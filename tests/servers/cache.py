"""What servers need beyond pip's packages: made by the first test run on a machine, kept for those that follow.

Strategy: it is made in a directory of a guard, which removes what is half done, and moved into the cache in one step.
So what is in the cache is always whole. A lock keeps two test runs from making the same at the same time.
"""

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from servers import Unavailable
from servers.guard import Guard

_MAKING = 600.0  # seconds
_LAST_LINES = 5


def path(name: str) -> Path:
    """Where something is, once it is made."""
    cache = os.environ.get("STREAMMERGE_TEST_CACHE") or Path.home() / ".cache" / "streammerge-tests"
    return Path(cache).absolute() / name


def provide(name: str, make: Callable[[Guard, Path], None]) -> Path:
    """Something in the cache; where it is not yet, `make` makes it as a directory of that path.

    Raises Unavailable, and what `make` raises.
    """
    final = path(name)
    if not final.exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        with _lock(final.with_name(f"{name}.lock")):
            if not final.exists():  # the other run did not make it while we waited
                with Guard(below=final.parent) as guard:
                    new = guard.directory / "new"
                    make(guard, new)
                    new.rename(final)
    return final


def run(guard: Guard, argv: Sequence[str], *, timeout: float, env: Mapping[str, str]) -> str:
    """Run a command to its end, bounded and guarded; give what it printed."""
    log = guard.directory / f"run-{time.monotonic_ns()}.log"
    pid = guard.start(argv, log=log, env=env)
    until = time.monotonic() + timeout
    while (status := guard.status(pid)) is None:
        if time.monotonic() > until:
            raise subprocess.TimeoutExpired(list(argv), timeout, log.read_bytes())
        time.sleep(0.01)
    printed = log.read_text(encoding="utf-8", errors="replace")
    if status:
        raise subprocess.CalledProcessError(status, list(argv), printed)
    return printed


def why(error: Exception) -> str:
    """What went wrong, for a reason to skip: of a command that failed, the last that it said."""
    if isinstance(error, subprocess.CalledProcessError):
        last = "\n".join(str(error.output).splitlines()[-_LAST_LINES:])
        return f"{error.cmd[0]} failed with\n{last}"
    return str(error)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel drops with us, however we end."""
    until = time.monotonic() + _MAKING
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Unavailable(f"another run has held {path} for {_MAKING:g} s") from None
                time.sleep(0.2)
        yield
