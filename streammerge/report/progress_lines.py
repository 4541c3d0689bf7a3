"""Progress as lines on stderr, for logs: warnings, and the state of the run twice a minute."""

import contextlib
import sys
import time
from collections.abc import Sequence

from streammerge.report.progress import CountedProgress, WorkerProgress
from streammerge.report.terminal import labelled
from streammerge.report.units import human_time

_INTERVAL = 30.0  # seconds between two lines


class Lines(CountedProgress):
    """Lines on stderr."""

    def __init__(self, *, copying: bool, title: str = "Copying", verbose: bool = False) -> None:
        super().__init__(copying=copying, title=title, verbose=verbose)
        self._last = time.monotonic()
        self._settled_at_last = 0
        self._workers = ""

    def _show(self) -> None:
        """Print a line, if it is time."""
        now = time.monotonic()
        passed = now - self._last
        if passed >= _INTERVAL:
            speed = (self._settled - self._settled_at_last) / passed
            self._last, self._settled_at_last = now, self._settled
            self.note(f"{self._title}: {self._state(speed) if self._is_copying else f'{self._keys:,} keys'}")
            if self._workers:
                self.note(self._workers)

    def workers(self, workers: Sequence[WorkerProgress]) -> None:
        """Print them with the next line."""
        self._workers = f"{len(workers)} workers: {', '.join(map(str, workers))}"

    def _state(self, speed: float) -> str:
        done, total = f"{self._settled:,}", f"{self._total:,}"
        rate = f"{speed:,.0f} images/s" + (f", {self._failed:,} failed" if self._failed else "")
        if self._unplanned is None:
            return f"{done} of {total} images so far, {rate}; {self._keys:,} keys listed, more to come"
        if self._unplanned:
            return f"{done} of at most {total} images, {rate}"
        left = f", {human_time((self._total - self._settled) / speed)} left" if speed else ""
        return f"{done} of {total} images, {rate}{left}"

    def note(self, text: str) -> None:
        """Print it. If the reader of the log is gone, as after Ctrl-C in `… 2>&1 | tee log`, the run continues."""
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - stderr is where a log goes

    def warn(self, text: str) -> None:
        """Print it as a warning."""
        self.note(labelled("Warning", "warning", text, sys.stderr))
