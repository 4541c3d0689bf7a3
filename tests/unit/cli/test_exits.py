"""Signals end a run, and a run leaves the process as it was."""

import asyncio
import gc
import os
import resource
import signal
import ssl
from typing import Any

import pytest

from streammerge.cli.exits import TerminatedError, run

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _process() -> list[Any]:
    handlers = [signal.getsignal(number) for number in _SIGNALS]
    return [handlers, gc.get_threshold(), gc.get_freeze_count(), resource.getrlimit(resource.RLIMIT_NOFILE)]


def test_two_runs_leave_the_process_as_it_was() -> None:
    """Handlers of signals, the collector's thresholds and the limit of files; while a run goes on they differ."""
    before = _process()

    async def look() -> list[Any]:
        return _process()

    for _ in range(2):
        during = run(look())
        assert during[:2] != before[:2]
        assert _process() == before


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError), (signal.SIGHUP, TerminatedError)],
)
def test_a_signal_cancels_the_run(number: int, error: type[BaseException]) -> None:
    """It is raised once the run has cleaned up; another hang-up meanwhile changes nothing."""
    before = signal.getsignal(signal.SIGHUP)
    cleaned = []

    async def wait() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            if number == signal.SIGHUP:
                os.kill(os.getpid(), number)
            await asyncio.sleep(0)
            cleaned.append(True)

    try:
        with pytest.raises(error) as raised:
            run(wait())
    finally:
        signal.signal(signal.SIGHUP, before)
    assert cleaned == [True]
    assert not isinstance(raised.value, TerminatedError) or raised.value.code == 128 + number


@pytest.mark.parametrize("number", _SIGNALS)
def test_a_signal_that_was_ignored_stays_ignored(number: int) -> None:
    """As under nohup, or in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    try:

        async def ignore() -> int:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)
            return 7

        assert run(ignore()) == 7
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(("error", "told"), [(ssl.SSLError("wrong version"), False), (ValueError("a bug"), True)])
def test_what_nobody_waits_for(caplog: pytest.LogCaptureFixture, error: Exception, *, told: bool) -> None:
    """A connection that failed after it was cancelled is no news; anything else is told as ever."""

    async def drop() -> None:
        asyncio.get_running_loop().create_future().set_exception(error)
        await asyncio.sleep(0)

    run(drop())
    gc.collect()
    assert ("never retrieved" in caplog.text) is told
