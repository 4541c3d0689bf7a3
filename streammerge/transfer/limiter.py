"""How many requests may be in flight, and how soon the next may start, learned from the answers alone.

Two bounds, each of which is alone in places: a store that makes requests wait does not refuse them, and one that
refuses within 3 ms what it would serve in 100 ms just gets more to refuse from a bound in flight. `in_flight` and
`rate` have the strategies.
"""

from streammerge.transfer.in_flight import InFlight
from streammerge.transfer.pace import Pace
from streammerge.transfer.rate import TICK, Rate

_SAMPLE, _PATIENCE = 16, 0.5  # answers a round waits for, and for how many seconds
_FULL, _FULL_SHARE = 0.8, 1 / 6  # of the size, from which on it is reached; of the answers, for which it was
_BINDING = 0.95  # of the starts that the rate allows, from which on it holds requests back
_SPARE = 2.0  # times the requests in flight that a rate needs


class Limiter:
    """The adaptive bound on requests in flight and on their rate; all times are monotonic seconds, passed in.

    Before a request wait until fewer than `size` are in flight, then until `start_at(now)`; after it call `answered`.
    """

    def __init__(self, *, start: int = 16, ceiling: int = 1024, floor: int = 1) -> None:
        if not 1 <= floor <= start <= ceiling:
            raise ValueError(f"a window needs 1 <= floor <= start <= ceiling, not {floor}, {start}, {ceiling}")
        self._size = InFlight(start, ceiling, floor)
        self._rate = Rate()
        self._pace = Pace(self._rate.now)
        self._latency = self._body = 0.0  # means of a round: seconds for a first byte, and from there to the last
        self._began: float | None = None
        self._begin(None)

    def _begin(self, now: float | None) -> None:
        self._began = now
        self._starts = self._answers = self._full = 0
        self._latencies = self._durations = 0.0
        self._judged = self._bodies = 0  # answers, and how many others were past their first byte when they came

    @property
    def size(self) -> int:
        """How many requests may be in flight."""
        return self._size.now

    @property
    def rate(self) -> float:
        """How many requests may start in a second; infinite until some were refused."""
        return self._rate.now

    def start_at(self, now: float) -> float:
        """Claim the next start: the earliest time for it. Call it once a request, in the order in which they start."""
        if self._began is None:
            self._began = now
        self._starts += 1
        return now + self._pace.claim(now)

    def answered(
        self,
        now: float,
        duration: float,
        *,
        throttled: bool,
        in_flight: int,
        bodies: int = 0,
        typical: bool = True,
    ) -> None:
        """Learn from an answer, as soon as its first byte is there.

        throttled: it was SlowDown or its like. in_flight: requests, still with this one; of these, `bodies` others are
        past their first byte. typical: False where the duration depends on the size of an object; whether it was
        refused counts all the same.
        """
        sent, size, rate = now - duration, self._size, self._rate
        latency = self._latency or duration
        if self._began is None:
            self._began = sent
        if typical and not throttled:
            self._durations += duration
            self._judged += 1
            self._bodies += bodies
            if in_flight >= _FULL * size.now:
                self._full += 1
                size.grow(latency)
            if sent >= size.since:
                self._answers += 1
                self._latencies += duration
        shortest = 0.001 if self._latency else TICK  # a refusal, if that came first, tells no latency
        asked = (size.before if sent < size.since else size.now) / max(latency + self._body, shortest)
        rate.answered(now, sent, refused=throttled, asked=asked, latency=latency, ramping=size.ramping)
        if rate.now < self._pace.rate:
            self._pace.rate = rate.now
            if self._latency:
                size.bound(now, _SPARE * rate.now * (self._latency + self._body) + 4, self._latency)
        elapsed = now - self._began
        if elapsed >= max(self._latency, TICK) and (self._answers >= _SAMPLE or elapsed >= _PATIENCE):
            self._end(now, elapsed)

    def _end(self, now: float, elapsed: float) -> None:
        rate, size = self._rate, self._size
        rate.tick(
            now, elapsed, self._latency, served=self._judged, binding=self._starts + 2 >= _BINDING * rate.now * elapsed
        )
        self._pace.rate = rate.now
        if self._answers:
            self._latency = max(self._latencies / self._answers, 1e-6)
            full = self._full > _FULL_SHARE * self._answers
            bodies = self._bodies / self._judged
            self._body = bodies * elapsed / self._judged  # by Little's law
            size.tick(now, self._latency, self._durations / elapsed, bodies, answers=self._answers, full=full)
        self._begin(now)
