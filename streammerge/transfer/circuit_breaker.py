"""The circuit breaker: stops a run when S3 or the permissions fail, not just single objects.

Strategy: failing objects often lie together (a folder uploaded from another account, a broken disk), so many failures
in a row say little about the rest of the plan; they only raise a doubt. In doubt, the pool holds tasks back and draws a
random sample from all of them; if the sample fails too, the run stops.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Self

from streammerge.errors import DeniedError, IncompleteError, S3Error, TransientError, UsageError
from streammerge.report.units import counted

SAMPLE = 256  # objects drawn in doubt; where one of 50 can be had, 99.4 % of such samples show it
_OUTAGE = 64  # objects given up in a row, each after all its attempts: then S3 itself is in doubt
_REFUSED = 128  # objects refused with no success before: then it may be what holds for every object
_UNLIKELY = 16  # mean distances between two successes; the chance of a longer one is e ** -16
_RESUME = "What was done is kept; run the same command again to resume"


class CircuitBreaker:
    """Gets the final outcome of each object, and raises if the others will fare no better.

    attempts: per object. advise: what to change if every object is refused like this one; "" if unknown.
    max_failures: objects that may fail; None for any number.
    """

    def __init__(
        self, attempts: int, *, advise: Callable[[S3Error], str] = lambda _: "", max_failures: int | None = None
    ) -> None:
        self._attempts = attempts
        self._advise = advise
        self._max_failures = max_failures
        self._in_a_row = 0  # given up
        self._failed = 0
        self._refused = 0
        self._all_denied = True
        self._first_refused = self._advice = ""  # what the first refusal was, and what to change
        self._last = ""  # what the last failure was
        self._works = False
        self._drawing = False
        self._drawn = self._succeeded = 0  # since a sample is drawn

    @property
    def doubtful(self) -> bool:
        """Whether so many have failed that what comes next should be drawn from as much of the plan as can be had."""
        return self._in_a_row >= _OUTAGE or (not self._works and self._refused >= _REFUSED)

    def works(self) -> None:
        """Record that an object could be accessed."""
        self._works = True

    @contextlib.contextmanager
    def drawing(self) -> Iterator[Self]:
        """While the block lasts, objects come in random order; raises as `settled` does where none of them succeeds."""
        self._drawing, self._drawn, self._succeeded = True, 0, 0
        try:
            yield self
            if not self._succeeded and self._in_a_row >= _OUTAGE:
                raise self._outage()
        finally:
            self._drawing = False

    def settled(self, error: S3Error | None = None) -> None:
        """Record the outcome of one object.

        Raises IncompleteError where very many in a row were given up though another attempt might have succeeded (any
        other answer, a refusal too, says that S3 is at work), or more have failed than may; UsageError where very many
        were refused, and none succeeded.
        """
        self._drawn += 1
        if error is None:
            self._in_a_row = 0
            self._succeeded += 1
            self._works = True
            return
        self._failed += 1
        if self._max_failures is not None and self._failed > self._max_failures:
            raise IncompleteError(
                f"{counted(self._failed, 'object')} failed, more than --max-failures allows; the last one: {error}. "
                f"{_RESUME}"
            )
        if isinstance(error, TransientError):
            self._in_a_row += 1
        else:
            self._in_a_row = 0
            self._refused += 1
            self._all_denied = self._all_denied and isinstance(error, DeniedError)
            if not self._first_refused:
                self._first_refused, self._advice = str(error), self._advise(error)
        self._last = str(error)
        if self._drawing:
            self._judge_sample()

    def _judge_sample(self) -> None:
        in_a_row = min(self._in_a_row, self._drawn)
        distance = (self._drawn - in_a_row) / self._succeeded if self._succeeded else 0
        if in_a_row >= max(SAMPLE, _UNLIKELY * distance):
            raise self._outage()
        if not self._works and self._refused >= _REFUSED and self._drawn >= SAMPLE:
            raise self._refusal()

    def ended(self) -> None:
        """Record that there are no more objects.

        Raises UsageError where each of them was denied, or refused and it is known what to change.
        """
        if not self._works and self._refused == self._failed > 0 and (self._all_denied or self._advice):
            raise self._refusal()

    def _outage(self) -> IncompleteError:
        return IncompleteError(
            f"S3 fails every request: the last {self._in_a_row:,} objects, from all over the plan, failed after "
            f"{self._attempts} attempts each; the last one: {self._last}. {_RESUME}"
        )

    def _refusal(self) -> UsageError:
        what = "access denied" if self._all_denied else "S3 refuses every object, the first one with"
        return UsageError(f"{what}: {self._first_refused}{f'. {self._advice}' if self._advice else ''}")
