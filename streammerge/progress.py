"""Progress: what a run shows while it goes on, bars on a terminal and nothing elsewhere."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from streammerge.colours import coloured
from streammerge.core.rendering import human_time
from streammerge.errors import ThrottledError, TransientError

_INTERVAL = 30.0  # seconds between two lines of a log
_SMOOTHING = 0.05  # of the speed on a bar: over some seconds, so that the time left can be read
_LISTING = "{desc}: {n:,} keys [{elapsed}, {speed}/s]"
_OPEN = "{desc}: {n:,} of {total:,} images so far [{elapsed}, {speed}/s{postfix}]"
_BOUND = "{desc}: {percentage:3.0f}%|{bar}| {n:,} of at most {total:,} [{speed}/s, {remaining} left{postfix}]"
_EXACT = "{desc}: {percentage:3.0f}%|{bar}| {n:,} of {total:,} [{speed}/s, {remaining} left{postfix}]"


class Progress:
    """Hears of everything and says nothing: for pipes, scripts and callers of the API."""

    def listed(self, keys: int) -> None:
        """So many keys more were listed."""

    def all_listed(self, images: int) -> None:
        """All listings came to their end before anything was decided: so many images are yet to be."""

    def listing_done(self) -> None:
        """All listings came to their end, and all is decided: the number of copies is final."""

    def planned(self, copies: int, *, images: int = 0) -> None:
        """So many copies more are to be made, after so many images more were decided about."""

    def copied(self, copies: int) -> None:
        """So many copies more are settled, but for those that were given up."""

    def failed(self, copies: int) -> None:
        """So many copies more were given up: they are to be made no longer."""

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


class _Counting(Progress):
    """Counts what was listed, planned and settled, and so knows how many copies there will be.

    title: what becomes of the copies, as a heading.
    """

    def __init__(self, *, copying: bool, title: str = "Copying") -> None:
        self._title = title if copying else "Listing"
        self._is_copying = copying
        self._keys = self._copies = self._settled = self._failed = 0
        self._undecided: int | None = None  # images listed; None while there may be more

    def listed(self, keys: int) -> None:
        """Count."""
        self._keys += keys

    def all_listed(self, images: int) -> None:
        """From now on there is a bound for the number of copies."""
        self._undecided = images

    def listing_done(self) -> None:
        """From now on the number of copies is final, but for what is decided anew."""
        self._undecided = 0

    def planned(self, copies: int, *, images: int = 0) -> None:
        """Count."""
        self._copies += copies
        if self._undecided is not None:
            self._undecided -= images

    def copied(self, copies: int) -> None:
        """Count."""
        self._settled += copies

    def failed(self, copies: int) -> None:
        """Count: neither what was done nor what is left, so that the speed and the time left are of copies alone."""
        self._failed += copies

    @property
    def _total(self) -> int:
        """How many copies there will be, as far as is known; at most, if some images are undecided."""
        return max(self._copies - self._failed + (self._undecided or 0), self._settled)


class Bars(_Counting):
    """Two bars on stderr: copies settled, and below it keys listed.

    How many copies there will be, and so the time left, is known only when the listing is done. Until then the first
    bar shows the number so far; where everything is listed before anything is decided, the number that it may be.
    """

    def __init__(self, *, copying: bool, title: str = "Copying") -> None:
        super().__init__(copying=copying, title=title)
        self._copying = _Bar(title, _OPEN, position=0) if copying else None
        self._listing = _Bar("Listing", _LISTING, position=int(copying))
        self._throttled = self._retried = 0

    def listed(self, keys: int) -> None:
        """Move the second bar."""
        super().listed(keys)
        self._listing.update(keys)

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
            self._copying.unpause()  # the time before, when little could be copied, says nothing of the time left
            self._copying.refresh()

    def planned(self, copies: int, *, images: int = 0) -> None:
        """Say how many copies there will be."""
        super().planned(copies, images=images)
        if self._copying is not None:
            self._copying.total = self._total

    def copied(self, copies: int) -> None:
        """Move the first bar."""
        super().copied(copies)
        if self._copying is not None:
            self._copying.update(copies)

    def failed(self, copies: int) -> None:
        """Count them behind the first bar, and await them no longer."""
        super().failed(copies)
        self._count()
        if self._copying is not None:
            self._copying.total = self._total

    def copying_done(self) -> None:
        """Clear the bars away."""
        for bar in (self._listing, self._copying):
            if bar is not None:
                bar.close()
        sys.stderr.write("\r")  # tqdm leaves the cursor at the end of what it blanked
        sys.stderr.flush()

    def retried(self, error: TransientError) -> None:
        """Count what S3 refused for now behind the first bar."""
        if isinstance(error, ThrottledError):
            self._throttled += 1
        else:
            self._retried += 1
        self._count()

    def _count(self) -> None:
        if self._copying is not None:
            counts = {"failed": self._failed, "throttled": self._throttled, "retried": self._retried}
            said = ", ".join(f"{what} {count:,}" for what, count in counts.items() if count)
            self._copying.set_postfix_str(said, refresh=False)

    def note(self, text: str) -> None:
        """Print above the bars."""
        tqdm.write(coloured(text, sys.stderr), file=sys.stderr)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Clear the bars away: the report says all that they said."""
        self.copying_done()


class _Bar(tqdm):  # type: ignore[type-arg]  # generic in its stubs alone
    """A bar that is gone when it is closed; its format may also use {speed}, the steps a second in full."""

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


class Lines(_Counting):
    """Warnings, and every half a minute how far it is, a line each on stderr: for logs."""

    def __init__(self, *, copying: bool, title: str = "Copying") -> None:
        super().__init__(copying=copying, title=title)
        self._said = time.monotonic()
        self._settled_then = 0

    def listed(self, keys: int) -> None:
        """Count, and say so now and then."""
        super().listed(keys)
        self._say_now_and_then()

    def copied(self, copies: int) -> None:
        """Count, and say so now and then."""
        super().copied(copies)
        self._say_now_and_then()

    def failed(self, copies: int) -> None:
        """Count, and say so now and then."""
        super().failed(copies)
        self._say_now_and_then()

    def _say_now_and_then(self) -> None:
        now = time.monotonic()
        passed = now - self._said
        if passed >= _INTERVAL:
            speed = (self._settled - self._settled_then) / passed
            self._said, self._settled_then = now, self._settled
            self.note(f"{self._title}: {self._how_far(speed) if self._is_copying else f'{self._keys:,} keys'}")

    def _how_far(self, speed: float) -> str:
        done = f"{self._settled:,}"
        rate = f"{speed:,.0f} a second" + (f", failed {self._failed:,}" if self._failed else "")
        if self._undecided is None:
            return f"{done} of {self._total:,} images so far, {rate}; {self._keys:,} keys listed, and there may be more"
        left = f", {human_time((self._total - self._settled) / speed)} left" if speed else ""
        bound = "at most " if self._undecided else ""
        return f"{done} of {bound}{self._total:,} images, {rate}{left}"

    def note(self, text: str) -> None:
        """Print it. That nobody reads the log any more, as after Ctrl-C in `… 2>&1 | tee log`, stops no run."""
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - stderr is where a log goes


class VerboseBars(Bars):
    """Also every request that is tried again, above the bars."""

    def retried(self, error: TransientError) -> None:
        """Count, and print the reason."""
        super().retried(error)
        self.note(_again(error))


class VerboseLines(Lines):
    """Also every request that is tried again."""

    def retried(self, error: TransientError) -> None:
        """Print the reason."""
        self.note(_again(error))


def _again(error: TransientError) -> str:
    return f"Trying again: {error}"


def watch(*, copying: bool, title: str = "Copying", quiet: bool = False, verbose: bool = False) -> Progress:
    """Bars where stderr is a terminal and lines where it is not, with every retry if verbose; nothing if quiet."""
    if verbose:
        kind: type[_Counting] = VerboseBars if sys.stderr.isatty() else VerboseLines
    elif quiet:
        return Progress()
    else:
        kind = Bars if sys.stderr.isatty() else Lines
    return kind(copying=copying, title=title)
