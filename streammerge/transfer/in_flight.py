"""How many requests may be in flight: as many as a store works on at once, so that none only wait.

Strategy. The size doubles each round trip (slow start, RFC 5681; beyond what S3 is known to sustain, at a quarter of
the pace at most, as in RFC 9406) until latency shows that requests queue. By Little's law it is set to what keeps the
store busy, with something on top. Now and then it dips below that, which shows the latency without a queue, and ramps
anew.
"""

from math import inf, sqrt

_SUSTAINED = 3500.0  # requests a second, of one prefix (planning/cost.py has the source)
_CAREFUL, _E_FOLD = 0.25, 0.65  # the pace beyond that, at most; seconds in which it grows by a factor of e, at least
_QUEUEING = 1.5  # times the latency without a queue: ends a ramp
_ABOVE, _DIP = 1.3, 0.7  # times what keeps the store busy; times what may be in a queue
_HOLD, _ROUNDS = 3.0, 20.0  # seconds, and latencies, from the end of a ramp to the next dip
_LONGEST = 0.5  # seconds of a latency that is waited by: a stall of a minute is not to be felt for many


class InFlight:
    """The bound on requests in flight; all times are monotonic seconds."""

    def __init__(self, start: int, ceiling: int, floor: int) -> None:
        self._floor, self._ceiling = floor, ceiling
        self._exact = float(start)
        self._top = 2.0 * start  # of this round of the ramp
        self.ramping = True
        self._kept = 0.0  # the size before the dip that goes on, if one does
        self._lowest = inf  # latency, as far as it is certain
        self.before = start  # the size before it was last set
        self.since = self._settled = -inf  # sent since: tells of the present size; from when on there is enough of it
        self._dips_at = -inf

    @property
    def now(self) -> int:
        """How many."""
        return int(self._exact)

    def grow(self, latency: float) -> None:
        """Take in an answer that came while the bound was reached."""
        if self.ramping:
            step = 1.0 if self._exact < _SUSTAINED * latency else min(_CAREFUL, latency / _E_FOLD)
            self._exact = min(self._exact + step, self._top, self._ceiling)

    def tick(self, now: float, latency: float, waiting: float, bodies: float, *, answers: int, full: bool) -> None:
        """Judge a round: its mean latency, of so many answers, and whether this bound was reached.

        waiting, bodies: how many were in flight on average, before and after their first byte.
        """
        if now < self._settled:
            return
        self._top = 2 * self._exact
        dips_at = now + max(_HOLD, _ROUNDS * min(latency, _LONGEST))
        if self._kept:
            self._set(now, self._kept, latency)
            self.ramping, self._lowest = True, latency
            self._top, self._kept = 1.5 * self._exact + 1, 0.0
        elif not full:
            self._dips_at = dips_at
        elif self.ramping:
            self._lowest = min(self._lowest, latency * (1 + 1 / sqrt(answers)))  # few may be quick by chance
            if latency > _QUEUEING * self._lowest:
                self.ramping, self._dips_at = False, dips_at
                self._set(now, _ABOVE * (waiting * self._lowest / latency + bodies) + 1, latency)
        elif now >= self._dips_at:
            self._kept = self._exact
            self._set(now, (_DIP * waiting + bodies) / (waiting + bodies) * self._exact, latency)

    def bound(self, now: float, size: float, latency: float) -> None:
        """Come down to a size, if it is larger; it ramps up again as soon as that is reached."""
        if size < self._exact:
            self._set(now, size, latency)
            self.ramping, self._kept = True, 0.0
            self._top = 2 * self._exact

    def _set(self, now: float, size: float, latency: float) -> None:
        self.before = self.now
        self._exact = float(max(self._floor, min(int(size), self._ceiling)))
        self.since, self._settled = now, now + 2 * min(latency, 2 * _LONGEST)
