"""Progress: what a run shows while it goes on, bars on a terminal and nothing elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from streammerge.errors import ThrottledError, TransientError

_INTERVAL = 30.0  # seconds between two lines of a log


class Progress:
    """Hears of everything and says nothing: for pipes, scripts and callers of the API."""

    def listed(self, keys: int) -> None:
        """So many keys more were listed."""

    def listing_done(self) -> None:
        """All listings came to their end: the number of copies is final."""

    def planned(self, copies: int) -> None:
        """So many copies more are to be made."""

    def copied(self, copies: int) -> None:
        """So many copies more are settled, done or given up."""

    def copying_done(self) -> None:
        """Every copy is settled; what is printed from now on is not disturbed."""

    def retried(self, error: TransientError) -> None:
        """A request failed and will be tried again."""

    def note(self, text: str) -> None:
        """Something that whoever watches should know."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The end of the run."""


class Bars(Progress):
    """Two bars on stderr: keys listed, and copies settled.

    How many copies there will be, and so the time left, is known only when the listing is done; until then the second
    bar shows count and rate alone.
    """

    def __init__(self, *, copying: bool, title: str = "Copying") -> None:
        self._listing = tqdm(desc="Listing", unit=" keys", unit_scale=True, dynamic_ncols=True, leave=False)
        self._copying = (
            tqdm(desc=title, unit=" images", position=1, dynamic_ncols=True, leave=False) if copying else None
        )
        self._planned = self._throttled = self._failed = 0

    def listed(self, keys: int) -> None:
        """Move the first bar."""
        self._listing.update(keys)

    def listing_done(self) -> None:
        """Close the first bar; from now on the second one's total and time left are exact."""
        self._listing.close()
        if self._copying is not None:
            self._copying.total = self._planned
            self._copying.refresh()

    def planned(self, copies: int) -> None:
        """Count what the second bar's total will be."""
        self._planned += copies

    def copied(self, copies: int) -> None:
        """Move the second bar."""
        if self._copying is not None:
            self._copying.update(copies)

    def copying_done(self) -> None:
        """Clear the bars away."""
        for bar in (self._copying, self._listing):
            if bar is not None:
                bar.close()
        sys.stderr.write("\r")  # tqdm leaves the cursor at the end of what it blanked
        sys.stderr.flush()

    def retried(self, error: TransientError) -> None:
        """Count what S3 refused for now behind the second bar."""
        if isinstance(error, ThrottledError):
            self._throttled += 1
        else:
            self._failed += 1
        if self._copying is not None:
            self._copying.set_postfix(throttled=self._throttled, retried=self._failed, refresh=False)

    def note(self, text: str) -> None:
        """Print above the bars."""
        tqdm.write(text, file=sys.stderr)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Clear the bars away: the report says all that they said."""
        self.copying_done()


class Lines(Progress):
    """Warnings, and every half a minute how far it is, a line each on stderr: for logs."""

    def __init__(self) -> None:
        self._listed = self._planned = self._copied = 0
        self._listing = True
        self._said = time.monotonic()

    def listed(self, keys: int) -> None:
        """Count, and say so now and then."""
        self._listed += keys
        self._say_now_and_then()

    def listing_done(self) -> None:
        """From now on the number of copies is final."""
        self._listing = False

    def planned(self, copies: int) -> None:
        """Count."""
        self._planned += copies

    def copied(self, copies: int) -> None:
        """Count, and say so now and then."""
        self._copied += copies
        self._say_now_and_then()

    def _say_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._said >= _INTERVAL:
            self._said = now
            so_far = ", still listing" if self._listing else ""
            self.note(f"{self._listed:,} keys listed, {self._copied:,} of {self._planned:,} images copied{so_far}")

    def note(self, text: str) -> None:
        """Print it."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - stderr is where a log goes


class VerboseLines(Lines):
    """Also every request that is tried again."""

    def retried(self, error: TransientError) -> None:
        """Print the reason."""
        self.note(f"Trying again: {error}")


def watch(*, copying: bool, title: str = "Copying", quiet: bool = False, verbose: bool = False) -> Progress:
    """Lines if verbose, nothing if quiet; else bars where stderr is a terminal and warnings where it is not."""
    if verbose:
        return VerboseLines()
    if quiet:
        return Progress()
    return Bars(copying=copying, title=title) if sys.stderr.isatty() else Lines()
