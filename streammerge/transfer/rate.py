"""How many requests may start in a second: no bound until a store refuses, then a little below what it takes.

Strategy. A CUSUM test (Page, 1954) finds when refusals are more than noise. The rate is cut then to what was accepted,
and held for a while. If as many are refused again, it is cut by the share measured meanwhile, then to half. Once a cut
helps, the limit is found. If none does, refusals are noise, which asking for less does not spare: that share is
tolerated, and looked at again at half the rate whenever refusals are more than that.

From a limit the rate grows slowly at first, then at twice the pace each second (as CUBIC leaves its plateau), by a step
that is nearly the same at any rate: who has less gains relatively more, so that all who share a limit come to equal
shares (Chiu and Jain, 1989). Where the rate grew fast, or without a bound, and refusals come late, it may be far above
the limit by then: it is halved at once, and what came through meanwhile is taken for the limit.
"""

from enum import Enum, auto
from math import inf, sqrt

TICK = 0.05  # seconds over which the other bounds are judged, at least
SLOWEST = 10.0  # requests a second, also while everything is refused
_IGNORED, _SELDOM = 0.005, 1.5  # share of refusals, and refusals a second, that are not worth asking for less
_TOLERATED = 1.5  # times the noise: a higher rate costs less than mistaking chance for a limit
_OVERSHOT = 0.15  # share of refusals that a doubling size reaches at a limit at once, and noise seldom
_NOISIEST = 0.3  # share of refusals beyond which they are not taken for noise
_ALARM = 6.0  # refusals beyond what is allowed that are no accident; twice as many where there is noise
_FEW = 32  # answers, or half as many refusals, that make a share
_HOLD = 20.0  # refusals that are to be expected after a cut that does not help, until it is said to have helped
_MARGIN = 0.97  # of the limit: less lets a bucket recover, more wastes the limit
_BRAKE = 0.9  # the first cut at most, since the share that raises an alarm exaggerates
_SETTLING = 2.0  # latencies from a cut to answers that show its effect
_PATIENCE = 1.0  # seconds in which others who share the limit come to ask for less, too, before refusals are noise
_STEP, _ROOT = 1.5, 0.25  # growth in the first second: times this power of the rate
_OF_CUT = 0.25  # and beyond that, of a cut, by its uncertainty
_REACTION = 64  # starts in which the pace of growth doubles at most, and seconds in which it does: 1, or 2 latencies
_FAST = 1.25  # factor of growth, each round, while the limit may be anywhere


class _Step(Enum):
    GROWS = auto()
    CUT = auto()  # to what seemed to be accepted
    MEASURED = auto()  # cut to what was accepted after that
    HALVED = auto()  # for the last time
    LOOKS = auto()  # at the noise that was found, also at half


class Rate:
    """The bound on starts a second; all times are monotonic seconds."""

    def __init__(self) -> None:
        self.now = inf
        self._step = _Step.GROWS
        self._known = False  # the limit, as far as the rate was not cut by half and more
        self._limit = 0.0  # as the cuts have shown it
        self._before = inf  # the rate before them
        self._noise = self._noisiest = 0.0  # share of refusals that no lower rate spares; when that was found
        self._since = self._from = -inf  # what is sent, and answered, since then tells of the present rate
        self._early = 0  # refusals of what is sent since then, and answered earlier
        self._suspicion = 0.0  # the CUSUM
        self._answers = self._refusals = 0  # since it was zero, or since the last cut
        self._counted_from = -inf  # when the first of them came
        self._share = 1.0  # of refusals before the last cut
        self._all_answers = self._all_refusals = 0  # since the first cut
        self._base = self._pace = 0.0  # rate, and growth in a second, when the limit was found
        self._grown = 0.0  # seconds since then

    def answered(self, now: float, sent: float, *, refused: bool, asked: float, latency: float, ramping: bool) -> None:
        """Take in an answer.

        asked: requests a second that the other bound allows; ramping: whether that is still sought. latency: the mean.
        """
        if sent < self._since:
            return
        if now < self._from:
            self._early += refused
            if refused and self._early >= _ALARM + (now - self._since) * self.now / 2:  # most, and at once
                self._limit, self._known = 0.0, False
                self._lower(now, self.now / 2, latency)
            return
        overshoots = ramping and self.now == inf
        rate = asked if self.now == inf else self.now
        allowed = _OVERSHOT if overshoots else max(_IGNORED, _SELDOM / rate, _TOLERATED * self._noise)
        self._count(now, allowed, refused=refused)
        growing = self._step is _Step.GROWS
        if refused and self._suspicion >= _ALARM * (2 if self._noise > _IGNORED else 1):
            if growing or self._answers + self._refusals >= _FEW:
                late = now - sent >= max(TICK, latency / 2)
                self._cut(now, rate, latency, overshot=overshoots, late=late)
        elif not growing and self._answers >= max(_FEW, _HOLD / self._share):
            if self._step is _Step.LOOKS:
                self._noise = min(self._noisiest, _at_most(self._refusals, self._answers))
            self._grow_from(max(self.now, self._limit))

    def _count(self, now: float, allowed: float, *, refused: bool) -> None:
        if not self._answers:
            self._counted_from = now
        self._answers += 1
        self._refusals += refused
        self._suspicion = max(0.0, self._suspicion + refused - allowed)
        if not self._suspicion and self._step is _Step.GROWS:
            self._answers = self._refusals = 0

    def _cut(self, now: float, rate: float, latency: float, *, overshot: bool, late: bool) -> None:
        share = self._refusals / self._answers
        if self._step is _Step.LOOKS and share <= _TOLERATED * self._noisiest:  # as much noise as there was
            self._noise = min(self._noisiest, _at_most(self._refusals, self._answers))
            self._grow_from(max(self.now, self._limit))
            return
        accepted = _MARGIN * rate * (1 - share) / (1 - self._noise)
        if self._step is _Step.GROWS or share > _NOISIEST:
            self._all_answers = self._all_refusals = 0
        else:
            self._all_answers += self._answers
            self._all_refusals += self._refusals
        blind = late and self._step is _Step.GROWS and (overshot or not self._known)  # the rate may be far too high
        if self._step is _Step.GROWS:
            self._before = self.now
            if blind:  # what came through is the better guess
                through = (self._answers - self._refusals - 1) / max(now - self._counted_from, TICK / 10)
                accepted = _MARGIN * min(rate, through)
            elif overshot:
                accepted = 0.0  # or anything
            elif share <= _NOISIEST:
                accepted = max(accepted, _BRAKE * rate)
            self._aim(accepted, rate)
            self._step = _Step.LOOKS if self._noise > _IGNORED and self._limit else _Step.CUT
        elif self._step in (_Step.CUT, _Step.LOOKS) or share > _NOISIEST:
            self._aim(accepted, rate)
            self._step = _Step.MEASURED
        elif self._step is _Step.MEASURED:
            self._step = _Step.HALVED
        else:
            self._noise = self._noisiest = _at_most(self._all_refusals, self._all_answers)
            self._grow_from(self._before)
            return
        self._share = share
        half = blind or self._step in (_Step.HALVED, _Step.LOOKS)
        self._lower(now, rate / 2 if half else max(self._limit, rate / 2), latency)

    def _aim(self, accepted: float, rate: float) -> None:
        self._limit = accepted if accepted > rate / 2 else 0.0
        self._known = self._limit > 0

    def _lower(self, now: float, rate: float, latency: float) -> None:
        self.now = max(SLOWEST, rate)
        self._since, self._from = now, now + _SETTLING * latency + _PATIENCE * (self._step is _Step.HALVED)
        self._early = 0
        self._forget()

    def _forget(self) -> None:
        self._suspicion = 0.0
        self._answers = self._refusals = 0

    def _grow_from(self, rate: float) -> None:
        self._step, self._grown = _Step.GROWS, 0.0
        self.now = self._base = rate
        self._pace = _STEP * rate**_ROOT + _OF_CUT * self._share**2 * rate
        self._forget()

    def tick(self, elapsed: float, latency: float, *, binding: bool) -> None:
        """Grow, `elapsed` seconds after the last time; `binding`: this bound was what held requests back."""
        if self._step is not _Step.GROWS or self.now == inf or not binding:
            return
        if self._known:
            self._grown += elapsed
            doubling = max(1.0, 2 * latency, _REACTION / self._base)
            self.now = self._base + self._pace * (2.0 ** (self._grown / doubling) - 1)
        else:
            self.now *= _FAST


def _at_most(refusals: int, answers: int) -> float:
    """The share of refusals, if chance has spared us as many as it often does."""
    return (refusals + 1 + sqrt(refusals)) / answers
