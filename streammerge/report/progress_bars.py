"""Progress as bars on a terminal: images settled, and below it keys listed."""

import contextlib
import sys
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from streammerge.errors import ThrottledError, TransientError
from streammerge.report.progress import CountedProgress, WorkerProgress
from streammerge.report.terminal import labelled

_SMOOTHING = 0.05  # of the speed on a bar: over some seconds, so that the time left can be read
_LISTING = "{desc}: {n:,} keys [{elapsed}, {speed}/s]"
_OPEN = "{desc}: {n:,} of {total:,} images so far [{elapsed}, {speed}/s{postfix}]"
_BOUND = "{desc}: {n:,} of at most {total:,} images [{elapsed}, {speed}/s{postfix}]"
_EXACT = "{desc}: {percentage:3.0f}%|{bar}| {n:,} of {total:,} [{speed}/s, {remaining} left{postfix}]"


class Bars(CountedProgress):
    """Two bars on stderr, and below them what the workers of a cluster are at, if there are any.

    How many copies there will be, and so the share done and the time left, is known only once the listing is done.
    Until then the first bar shows the number so far or, where everything is listed before anything is planned, a bound.
    """

    def __init__(self, *, copying: bool, title: str = "Copying", verbose: bool = False) -> None:
        super().__init__(copying=copying, title=title, verbose=verbose)
        self._copying = _Bar(title, _OPEN, position=0) if copying else None
        self._listing = _Bar("Listing", _LISTING, position=int(copying))
        self._workers: _Bar | None = None
        self._throttled = self._retried = 0

    def all_listed(self, images: int) -> None:
        """Close the second bar; the first one shows a bound."""
        super().all_listed(images)
        self._listing.close()
        self._draw(_BOUND)

    def listing_done(self) -> None:
        """Close the second bar; from now on the first one's total and time left are exact."""
        super().listing_done()
        self._listing.close()
        self._draw(_EXACT)

    def _draw(self, bar_format: str) -> None:
        if self._copying is not None:
            self._copying.bar_format = bar_format
            self._copying.total = self._total
            self._copying.unpause()  # the time before, when little could be copied, says nothing about the time left
            self._copying.refresh()

    def _show(self) -> None:
        """Move both bars, and count what is out of the ordinary behind the first."""
        self._listing.update(self._keys - self._listing.n)
        if self._copying is not None:
            counts = {"failed": self._failed, "throttled": self._throttled, "retried": self._retried}
            text = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
            self._copying.set_postfix_str(text, refresh=False)
            self._copying.total = self._total
            self._copying.update(self._settled - self._copying.n)

    def copying_done(self) -> None:
        """Clear the bars."""
        with contextlib.suppress(OSError):  # the terminal is gone
            for bar in (self._workers, self._listing, self._copying):
                if bar is not None:
                    bar.close()
            sys.stderr.write("\r")  # tqdm leaves the cursor at the end of what it blanked
            sys.stderr.flush()

    def retried_elsewhere(self, *, throttled: int, others: int) -> None:
        """Count them behind the first bar."""
        self._throttled += throttled
        self._retried += others
        self._show()

    def workers(self, workers: Sequence[WorkerProgress]) -> None:
        """Show them below the bars."""
        if self._workers is None:
            self._workers = _Bar("", "{desc}", position=1 + (self._copying is not None))
        self._workers.set_description_str(f"{len(workers)} workers: {', '.join(map(str, workers))}")

    def retried(self, error: TransientError) -> None:
        """Count it behind the first bar."""
        super().retried(error)
        if isinstance(error, ThrottledError):
            self._throttled += 1
        else:
            self._retried += 1
        self._show()

    def note(self, text: str) -> None:
        """Print above the bars."""
        with contextlib.suppress(OSError):  # the terminal is gone
            tqdm.write(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """Print above the bars, as a warning."""
        self.note(labelled("Warning", "warning", text, sys.stderr))

    def __exit__(self, *_: object) -> None:
        """Clear the bars: the report has all that they showed."""
        self.copying_done()


class _Bar(tqdm):  # type: ignore[type-arg]  # generic in its stubs alone
    """A bar that disappears when it is closed; its format may also use {speed}, the steps per second in full."""

    def __init__(self, title: str, bar_format: str, *, position: int) -> None:
        super().__init__(
            desc=title,
            total=0,
            bar_format=bar_format,
            position=position,
            dynamic_ncols=True,
            leave=False,
            smoothing=_SMOOTHING,
        )

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the format may use."""
        known = dict(super().format_dict)
        average = known["n"] / known["elapsed"] if known["elapsed"] else 0
        return known | {"speed": f"{known['rate'] or average:,.0f}"}
