"""How many requests may be in flight, and how soon the next may start, learned from the answers alone.

Strategy. Answers are gathered into rounds of about one round trip, and each round is judged once. Two bounds are
learned, by the same question: the bound was moved by a step, did the yield move with it?

- The size bounds requests in flight. While it is full it grows by one an answer (slow start, RFC 5681), until latency
  says that requests only queue (HyStart++, RFC 9406). From then on it holds; now and then a larger size is tried, or
  else a smaller one. By Little's law the yield is size / latency: larger is kept if it paid, smaller if it was free.
  Only neighbouring rounds are compared: an "unloaded" latency as in TCP Vegas would go stale.
- The pace bounds starts a second. There is none until the first SlowDown: a store that refuses within 3 ms what it
  would serve in 100 ms just gets more to refuse from a bound in flight. The rate follows what the store admits (BBR's
  delivery rate), holds a little below, probes upwards now and then. A few percent of refusals are no limit by
  themselves (BBRv2's loss threshold): if asking for more yields more, or if asking for less spares none, they are
  noise, and as many are expected from then on. After an outage the rate doubles back towards where it was (slow start
  up to ssthresh).

A round in which a bound did not bind (a slow producer, the other bound was tighter) says nothing about it.
"""

from dataclasses import dataclass
from math import inf, sqrt

ROUND = 0.05  # seconds: the shortest round; counts of less are mostly noise
SAMPLE, PATIENCE = 32, 1.0  # answers a round waits for, and for how many seconds
HOLD = 3.0  # seconds from a bound found to the next probe
SLACK = 0.01  # seconds of starts that may be made up for: event loops wake late
STRAY, TOLERATED = 2, 0.05  # refusals in a round that mean nothing, share of refusals that may be noise
EARLY = 16  # refusals in a round, more than 1/8 of it, after which it need not be seen to its end
MARGIN = 0.97  # of what the store admits, so that its token bucket recovers
FALLEN = 0.4  # of the rate before a fall, below which the way back is quick
PACE_STEP, SIZE_STEP = 0.04, 0.2  # first step of a probe, relative to the bound
FASTER, CAREFUL, RAMP = 1.25, 0.12, 0.5  # a step that paid grows so; at most this with refusals, or without any
PAID, FREE = 0.2, 0.15  # elasticity above which a larger size paid, below which a smaller one was free
QUEUEING = 1.5  # times the lowest latency of a round: ends the ramp of the size
FEW = 4  # requests in flight, of which to try fewer would cost more than it could save
NOISE, NOISIEST = 0.025, 0.15  # shares of refusals between which they may be called noise
MEMORY = 300  # starts over which the noise is learned
SLOWEST = 10.0  # requests a second, also while everything is refused


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round trip has shown."""

    end: float
    elapsed: float
    starts: int
    throttled: int
    answers: int  # not throttled
    latency: float  # their mean; if there were none, of the round before
    full: bool  # the size was what held requests back

    @property
    def admitted(self) -> float:
        """Requests a second that the store took on."""
        return max(self.starts - self.throttled, 0) / self.elapsed


class _Pace:
    """The bound on starts a second: none until the first refusal."""

    def __init__(self) -> None:
        self.rate = inf
        self._spacing = 0.0
        self._next = -inf
        self._step = RAMP
        self._probing = True  # the first rate is a guess
        self._probe_at = -inf
        self._reference = 0.0  # admitted before the last step
        self._fell = False  # in the round before
        self._good = 0.0  # the rate before the last fall
        self._share = 0.0  # of refusals, that made it fall
        self._noise = 0.0  # share of refusals that no fall has spared

    @property
    def hoped(self) -> float:
        """The rate to be ready for."""
        return max(self.rate, FALLEN * self._good)

    def start_at(self, now: float) -> float:
        at = max(self._next, now - SLACK)
        self._next = at + self._spacing
        return max(at, now)

    def open(self, now: float, rate: float) -> None:
        """Begin to pace, at a first guess."""
        self._next = now
        self._set(rate)

    def judge(self, seen: _Round) -> bool:
        """Adapt to a round; true if the rate had to fall."""
        share = seen.throttled / max(seen.starts, 1)
        if self._fell and self._was_vain(share):
            self._set(self._good)
            self._fell, self._probe_at = False, seen.end + HOLD
            return False
        expected = self._noise * seen.starts
        expected += 2 * sqrt(expected) + STRAY
        quiet = seen.throttled <= expected
        refused = seen.throttled > max(expected, TOLERATED * seen.starts + STRAY)
        futile = self._probing and not quiet and seen.admitted < self._reference * (1 + self._step / 2)
        flattered = self._fell and not quiet  # the last rate counted in what the bucket had saved up
        if refused or futile or flattered:
            self._good = self._good if self._fell else self.rate
            self._share = share
            self._set(min(self.rate, max(MARGIN * seen.admitted, self.rate / 2)))
            self._fell, self._probing, self._step = refused or futile, False, PACE_STEP
            self._probe_at = seen.end + HOLD
            return True
        if not self._probing and not self._fell:
            self._noise += (share - self._noise) * seen.starts / (seen.starts + MEMORY)
        self._fell = False
        if seen.starts < 0.9 * self.rate * seen.elapsed:  # not what held requests back
            return False
        lost = self.rate < FALLEN * self._good
        if self._probing or lost or seen.end >= self._probe_at:
            if self._probing:
                self._step = min(self._step * FASTER, RAMP if quiet else CAREFUL)
            if lost:
                self._step = 1.0
            self._probing = True
            self._reference = seen.admitted
            self._set(self.rate * (1 + self._step))
        return False

    def _was_vain(self, share: float) -> bool:
        """Whether the last fall spared no refusals, so that they are noise; more than before are a bucket run dry."""
        if share < 0.5 * self._share:
            self._noise = min(self._noise, share)
            return False
        vain = NOISE < share < min(NOISIEST, 1.5 * self._share)
        if vain:
            self._noise = share
        return vain

    def _set(self, rate: float) -> None:
        self.rate = max(rate, SLOWEST)
        self._spacing = 1 / self.rate


class _Size:
    """The bound on requests in flight."""

    def __init__(self, start: int, ceiling: int, floor: int) -> None:
        self.now = self._kept = start
        self._ceiling = ceiling
        self._floor = floor
        self.ramping = True
        self._lowest = inf  # latency of a round of the ramp
        self._trial = 0  # 1: a larger size is tried, -1: a smaller one, 0: none
        self._settling = False  # answers to requests sent under another size are still coming in
        self._step = SIZE_STEP
        self._yield = 0.0  # of the size kept
        self._probe_at = -inf

    def grow(self) -> None:
        self.now = min(self.now + 1, self._ceiling)

    def judge(self, seen: _Round) -> None:
        """Adapt to a round."""
        if self.ramping:
            self._lowest = min(self._lowest, seen.latency)
            if seen.full and seen.latency > QUEUEING * self._lowest:
                self.settle(seen, 1.25 * seen.answers / seen.elapsed * self._lowest)
        elif not seen.full:
            self._hold(seen)
        elif self._settling:
            self._settling = False
        elif self._trial:
            self._judge_trial(seen)
        else:
            self._yield = self.now / seen.latency
            if seen.end >= self._probe_at:
                self._step = SIZE_STEP
                self._try(1, seen)

    def settle(self, seen: _Round, size: float) -> None:
        """Ramp no more; hold this size, or the present one if that is smaller."""
        self.ramping = False
        self._kept = max(self._floor, int(min(self.now, size + 1)))
        self._hold(seen)

    def _judge_trial(self, seen: _Round) -> None:
        now = self.now / seen.latency
        elasticity = (now / self._yield - 1) / (self.now / self._kept - 1)
        if elasticity > PAID if self._trial > 0 else elasticity < FREE:
            self._kept = self.now
            self._yield = now
            self._step = 2 * SIZE_STEP
            self._try(self._trial, seen)
        elif self._trial > 0:
            self._step = SIZE_STEP
            self._try(-1, seen)
        else:
            self._hold(seen)

    def _try(self, trial: int, seen: _Round) -> None:
        if trial > 0:
            self.now = min(self._ceiling, max(self._kept + 1, int(self._kept * (1 + self._step))))
        else:
            self.now = max(self._floor, min(self._kept, FEW), int(self._kept / (1 + self._step)))
        self._trial = trial
        self._settling = True
        if self.now == self._kept:  # at the ceiling, or the floor
            self._hold(seen)

    def _hold(self, seen: _Round) -> None:
        self._settling = self.now != self._kept
        self.now = self._kept
        self._trial = 0
        self._probe_at = seen.end + max(HOLD, 6 * seen.elapsed)


class Window:
    """The adaptive bound on requests in flight and on their rate; all times are monotonic seconds, passed in.

    Before a request wait until fewer than `size` are in flight, then until `start_at(now)`; after it call `answered`.
    """

    def __init__(self, *, start: int = 16, ceiling: int = 2048, floor: int = 1) -> None:
        if not 1 <= floor <= start <= ceiling:
            raise ValueError(f"a window needs 1 <= floor <= start <= ceiling, not {floor}, {start}, {ceiling}")
        self._size = _Size(start, ceiling, floor)
        self._pace = _Pace()
        self._latency = 0.0
        self._reacted = -inf  # refusals of requests sent before are answered for
        self._before = (0, 0.0)  # starts and seconds of the round before
        self._begin(-inf, 0)

    @property
    def size(self) -> int:
        """How many requests may be in flight."""
        return self._size.now

    @property
    def rate(self) -> float:
        """How many requests may start in a second; infinite until one was refused."""
        return self._pace.rate

    def start_at(self, now: float) -> float:
        """Claim the next start: the earliest time for it. Call it once a request, in the order in which they start."""
        return self._pace.start_at(now)

    def answered(self, now: float, latency: float, *, throttled: bool, in_flight: int) -> None:
        """Learn from an answer; `throttled` means SlowDown and its like, `in_flight` still counts this request."""
        if self._began == -inf:
            self._begin(now - latency, 0)
        self._returned += 1
        if throttled:
            self._refused(now, latency, in_flight - 1)
        else:
            self._answers += 1
            self._latencies += latency
            size = self._size
            if in_flight >= 0.8 * size.now:
                self._full += 1
                if size.ramping:
                    size.grow()
        if now >= self._due and (self._returned >= SAMPLE or now >= self._began + PATIENCE):
            self._end(now, in_flight - 1)

    def _begin(self, now: float, in_flight: int) -> None:
        self._began = now
        self._due = now + max(self._latency, ROUND)
        self._in_flight = in_flight
        self._returned = self._answers = self._throttled = self._full = 0
        self._latencies = 0.0

    def _refused(self, now: float, latency: float, in_flight: int) -> None:
        if now - latency < self._reacted:
            return
        self._throttled += 1
        starts = self._returned + in_flight - self._in_flight
        elapsed = now - self._began
        if self._pace.rate == inf:
            self._pace.open(now, (self._before[0] + starts) / max(self._before[1] + elapsed, ROUND))
            self._reacted = now
            self._begin(now, in_flight)
        elif elapsed >= ROUND and self._throttled > max(EARLY, starts / 8):
            self._end(now, in_flight)

    def _end(self, now: float, in_flight: int) -> None:
        if self._answers:
            self._latency = max(self._latencies / self._answers, 1e-6)
        seen = _Round(
            end=now,
            elapsed=now - self._began,
            starts=self._returned + in_flight - self._in_flight,
            throttled=self._throttled,
            answers=self._answers,
            latency=self._latency,
            full=self._full > self._answers / 6,
        )
        if self._pace.rate < inf and self._pace.judge(seen):
            self._reacted = now
            needed = 2 * self._pace.hoped * (self._latency or inf)
            if needed < self._size.now:
                self._size.settle(seen, needed)
        elif self._answers:
            self._size.judge(seen)
        self._before = (seen.starts, seen.elapsed)
        self._begin(now, in_flight)
