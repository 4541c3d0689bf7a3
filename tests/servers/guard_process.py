"""The process behind `servers.guard`: runs commands until the pipe from its parent closes, then clears up.

It is run by path, without site-packages and apart from our package: standard library only. Each line on stdin asks for
one thing, as JSON, and gets one line back under the same `number`: `argv`, `env`, `log`, `litter` start a command and
give its `pid`; a `pid` gives its `status`. The first line, unasked, gives the `directory`.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Seconds between asking the servers to stop and making them. Their data is thrown away: nothing is lost by haste.
_GRACE = 0.5
_PR_SET_PDEATHSIG = 1


def _die_with_guard() -> Callable[[], None]:
    """What a child does before exec, so that it does not outlive a guard that is itself killed by SIGKILL.

    Linux then sends the child a SIGKILL (PR_SET_PDEATHSIG; it survives exec). Strictly, the kernel does so when the
    *thread* that forked ends, and forking with a preexec_fn is safe only in a process with one thread: both are why
    servers are started from here and not from the caller's process. Elsewhere than on Linux there is no such call.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    guard = os.getpid()

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:  # it was killed before the line above
            os._exit(1)

    return arm


class _Children:
    """The commands that were started here and have not been seen to end."""

    def __init__(self) -> None:
        self.litter: list[str] = []
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: dict[int, int] = {}
        self._before_exec = _die_with_guard()

    def start(self, request: dict[str, Any]) -> dict[str, object]:
        self.litter += request["litter"]
        try:
            with Path(request["log"]).open("ab") as log:
                child = subprocess.Popen(
                    request["argv"],
                    env=request["env"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=self._before_exec,  # noqa: PLW1509  (one thread: see _die_with_guard)
                )
        except OSError as error:
            return {"error": f"cannot start {request['argv'][0]}: {error}"}
        self._running[child.pid] = child
        return {"pid": child.pid}

    def status(self, pid: int) -> int | None:
        child = self._running.get(pid)
        if child is not None and (status := child.poll()) is not None:
            del self._running[pid]
            self._ended[pid] = status
        return self._ended.get(pid)

    def end(self) -> None:
        self._signal(signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while time.monotonic() < until and any(child.poll() is None for child in self._running.values()):
            time.sleep(0.01)
        # The groups of those that ended too: they may have left children.
        self._signal(signal.SIGKILL)
        for child in self._running.values():
            child.wait()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._running:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of zombies
                os.killpg(pid, number)


def _serve(children: _Children) -> None:
    """Do what our parent asks, until the pipe from it closes."""
    for line in sys.stdin:
        request = json.loads(line)
        reply = {"status": children.status(request["pid"])} if "pid" in request else children.start(request)
        _tell(number=request["number"], **reply)


def _tell(**reply: object) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


def _hang_up(_number: int, _frame: object) -> None:
    """Go on as if the pipe had closed: the one way to end, at a moment when no child is half started."""
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, sys.stdin.fileno())
    os.close(empty)


def _main() -> None:
    # A handler, not SIG_IGN: the children would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _hang_up)
    children = _Children()
    directory = tempfile.mkdtemp(prefix="streammerge-", dir=sys.argv[1] if len(sys.argv) > 1 else None)
    try:
        with contextlib.suppress(BrokenPipeError):
            _tell(number=0, directory=directory)
            _serve(children)
    finally:
        children.end()
        for path in children.litter:
            Path(path).unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    _main()
