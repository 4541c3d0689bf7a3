"""Progress of a run: bars on a terminal, lines in a log, or nothing."""

import sys
from collections.abc import Sequence
from typing import NamedTuple, Self

from streammerge.errors import TransientError


class WorkerProgress(NamedTuple):
    """The progress of a worker of a cluster. rate: images copied per second, or keys listed where nothing is copied.

    idle: seconds that it had nothing to do.
    """

    name: str
    rate: float
    copied: int
    throttled: int
    idle: float

    def __str__(self) -> str:
        throttled = f" ({self.throttled:,} throttled)" if self.throttled else ""
        return f"{self.name} {self.rate:,.0f}/s{throttled}"


class Progress:
    """Shows nothing; the base for everything that shows progress."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def listed(self, keys: int) -> None:
        """More keys were listed."""

    def all_listed(self, images: int) -> None:
        """All listings ended before anything was planned; `images` remain to be planned."""

    def listing_done(self) -> None:
        """All listings ended and everything is planned: the number of copies is final."""

    def planned(self, copies: int, *, images: int = 0) -> None:
        """More images were planned, and more copies are to be made."""

    def copied(self, copies: int) -> None:
        """More copies are done."""

    def failed(self, copies: int) -> None:
        """More copies failed for good."""

    def copying_done(self) -> None:
        """All copies are done or failed; bars must not overwrite what is printed from now on."""

    def retried(self, error: TransientError) -> None:
        """A request failed and will be retried."""

    def retried_elsewhere(self, *, throttled: int, others: int) -> None:
        """So many requests of other processes failed and will be retried; some were throttled."""

    def workers(self, workers: Sequence[WorkerProgress]) -> None:
        """The progress of each worker of a cluster; called about once a second."""

    def note(self, text: str) -> None:
        """Show a message."""

    def warn(self, text: str) -> None:
        """Show a warning."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The run has ended."""


class CountedProgress(Progress):
    """Counts what was listed, planned and settled, and so knows how many copies there will be.

    title: what happens to the images, as a heading. verbose: note every retry.
    """

    def __init__(self, *, copying: bool, title: str = "Copying", verbose: bool = False) -> None:
        self._title = title if copying else "Listing"
        self._is_copying = copying
        self._is_verbose = verbose
        self._keys = self._copies = self._settled = self._failed = 0
        self._unplanned: int | None = None  # images listed; None while there may be more

    def listed(self, keys: int) -> None:
        """Count."""
        self._keys += keys
        self._show()

    def all_listed(self, images: int) -> None:
        """From now on there is a bound for the number of copies."""
        self._unplanned = images

    def listing_done(self) -> None:
        """From now on the number of copies is final, save for what is re-evaluated."""
        self._unplanned = 0

    def planned(self, copies: int, *, images: int = 0) -> None:
        """Count; keys that are listed, or copies that are made, soon show it."""
        self._copies += copies
        if self._unplanned is not None:
            self._unplanned -= images

    def copied(self, copies: int) -> None:
        """Count."""
        self._settled += copies
        self._show()

    def failed(self, copies: int) -> None:
        """Count as neither done nor left: speed and remaining time are those of successful copies."""
        self._failed += copies
        self._show()

    def _show(self) -> None:
        """Show the counts, which have changed."""

    def retried(self, error: TransientError) -> None:
        """Note the reason, if verbose."""
        if self._is_verbose:
            self.note(f"Retrying: {error}")

    @property
    def _total(self) -> int:
        """The number of copies, as far as known; an upper bound while images are unplanned."""
        return max(self._copies - self._failed + (self._unplanned or 0), self._settled)


def watch(*, copying: bool, title: str = "Copying", quiet: bool = False, verbose: bool = False) -> Progress:
    """Bars if stderr is a terminal, else lines; with every retry if verbose, nothing if quiet."""
    if quiet and not verbose:
        return Progress()
    if sys.stderr.isatty():
        from streammerge.report.progress_bars import Bars  # noqa: PLC0415 - brings tqdm, which --help need not load

        return Bars(copying=copying, title=title, verbose=verbose)
    from streammerge.report.progress_lines import Lines  # noqa: PLC0415

    return Lines(copying=copying, title=title, verbose=verbose)
