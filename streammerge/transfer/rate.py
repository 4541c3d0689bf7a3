"""How many requests may start in a second: no bound until a store refuses, then a little below what it takes.

Strategy. A CUSUM test (Page, 1954) finds when refusals are more than noise (`noise`). How close together the refused
requests were sent tells their share, whether they are refused at once or late; the rate is cut by that share, and once
all answers to what was sent before are there, by the share that they show. It is cut no further: so what was mistaken
for a limit costs little.

From a limit the rate grows slowly at first, then at twice the pace each second (as CUBIC leaves its plateau), by a step
that is nearly the same at any rate: who has less gains relatively more, so that all who share a limit come to equal
shares (Chiu and Jain, 1989). Where the limit may be anywhere below a rate that was too high, as at the first refusals,
the rate goes a part of the way there each round.
"""

from math import inf, sqrt

from streammerge.transfer.noise import IGNORED, Noise

TICK = 0.05  # seconds over which the other bounds are judged, at least
SLOWEST = 10.0  # requests a second, also while everything is refused
_SELDOM = 1.5  # refusals a second that are not worth asking for less
_TOLERATED = 1.5  # times the noise: a higher rate costs less than mistaking chance for a limit
_OVERSHOT = 0.25  # share of refusals that a doubling size reaches at a limit at once, and noise seldom
_TOGETHER = 0.1  # share of what is in flight that may be refused at once before any other answer comes
_ALARM, _OFTEN = 6.0, 500.0  # refusals beyond what is allowed that are no accident; more where more than these are sent
_MARGIN = 0.97  # of the limit: less lets a bucket recover, more wastes the limit
_LOST = 16  # times as much came through before: that was hardly the same limit, so the rate goes there fast
_DEEPEST = 8  # times as much as may come through, before that is measured
_HALF = 0.5  # share of refusals from which on the limit may be anywhere
_SURE, _MANY = 32, 400  # answers other than refusals that tell the limit; that tell it well
_SETTLING = 2.0  # latencies from a cut to answers that show its effect
_LATER, _LATEST = 1.3, 1.0  # or times what the last refusal took, of so many seconds at most
_STEP, _ROOT = 2.1, 0.2  # growth in the first second: times this power of the rate
_DOUBT = 0.25  # and beyond that, of the rate, over the answers that it was found by
_REACTION = 64  # starts in which the pace of growth doubles at most, and seconds in which it does: 1, or 2 latencies
_APPROACH, _NEAR = 0.25, 0.95  # share of the way to a rate that was too high, each round, and until it is this near


class Rate:
    """The bound on starts a second; all times are monotonic seconds."""

    def __init__(self) -> None:
        self.now = inf
        self.noise = Noise()
        self._before, self._grown_at = inf, -inf  # the rate before it grew last, and when that was
        self._top = 0.0  # a rate that was too high, where the limit may be anywhere below it
        self._since = self._from = -inf  # what is sent, and answered, since then tells of the present rate
        self._suspicion = 0.0  # the CUSUM
        self._first = self._first_at = 0.0  # when the first request since it was zero was sent, and answered
        self._answers = self._refusals = 0  # of what was sent since then
        self._cut_from = inf  # the rate before a cut that is not settled
        self._early = 0  # refusals of what is sent since a cut, and answered before that is settled
        self._supposed = (inf, 0.0)  # what seemed to come through before cuts in vain, and the top
        self._base = self._pace = 0.0  # rate, and growth in a second, after a cut
        self._grown = 0.0  # seconds since then
        self._late = 0.0  # seconds that the last refusal took
        self._best = 0.0  # answers in a second, other than refusals, of a round; halved where that is lost

    def answered(self, now: float, sent: float, *, refused: bool, asked: float, latency: float, ramping: bool) -> None:
        """Take in an answer.

        asked: requests a second that the other bound allows; ramping: whether that is still sought. latency: the mean.
        """
        if now >= self._from and self._cut_from < inf:
            self._settle(now, latency)
        if sent < self._since:
            self._count(sent, refused=refused)
        elif now < self._from:
            self._unsettled(now, latency, refused=refused)
        else:
            if self.noise.answered(now, refused=refused, bound=self.now < inf):
                self._restore(now, latency)
                return
            self._suspect(now, sent, refused=refused, asked=asked, latency=latency, ramping=ramping)

    def _count(self, sent: float, *, refused: bool) -> None:
        if sent >= self._first:
            self._answers += 1
            self._refusals += refused

    def _unsettled(self, now: float, latency: float, *, refused: bool) -> None:
        """Halve the rate where most is refused, and at once: other answers cannot have come yet."""
        self._early += refused
        most = self._early >= (now - self._since) * self.now / 2
        if refused and most and now > self._since + latency:
            self._cut(now, self.now, latency, share=_HALF)
            self._cut_from = inf

    def _suspect(self, now: float, sent: float, *, refused: bool, asked: float, latency: float, ramping: bool) -> None:
        """Test whether more is refused than is no accident, and ask for less then."""
        rate = asked if self.now == inf else self._before if sent < self._grown_at else self.now
        overshoots, at_once = ramping and self.now == inf, now - sent < latency / 2
        allowed = _OVERSHOT if overshoots else max(IGNORED, _SELDOM / rate, _TOLERATED * self.noise.share)
        if not self._suspicion:
            self._answers = self._refusals = 0
            self._first, self._first_at = sent, now
        self._count(sent, refused=refused)
        self._suspicion = max(0.0, self._suspicion + refused - allowed)
        self._late = now - sent
        alarm = _ALARM * sqrt(max(1.0, rate / _OFTEN)) * (2 if self.noise.share > IGNORED else 1)
        if overshoots and at_once:
            alarm += _TOGETHER * asked * latency
        if not refused or self._suspicion < alarm or self.noise.halves:
            return
        if overshoots:
            through = (self._answers - self._refusals) / max(now - self._first_at, TICK / 10)
            self._cut(now, rate, latency, share=_HALF if at_once else max(_HALF, 1 - through / rate))
            self._cut_from = inf if at_once else rate  # what was sent at once with it tells of a burst
        else:
            self._cut(now, rate, latency, share=self._share(rate, sent))

    def _cut(self, now: float, rate: float, latency: float, *, share: float) -> None:
        """Cut a rate that is too high by a share of refusals."""
        if not self.noise.cuts:
            self._supposed = (rate * (1 - share), self._top)
        patience = self.noise.cut(share)
        share = _HALF if self.noise.halves else share
        self._top = 0.0 if _MARGIN * (1 - share) > _HALF else max(self._top, rate)
        self._set(max(rate / _DEEPEST, self._accepted(rate, share)))
        self._cut_from = rate
        self._wait(now, latency)
        self._from = max(self._from, now + _LATER * min(self._late, _LATEST)) + patience

    def _settle(self, now: float, latency: float) -> None:
        """Cut anew, now that all answers to what was sent before are there."""
        before, sent = self.now, max(1, self._answers - 1)
        seconds = min(self._since - self._first, self._since - self._first_at + latency)
        rate = min(self._cut_from, sent / max(seconds, 1e-6))
        self._cut_from = inf
        if self.noise.halves or self._answers - self._refusals < (_SURE if self._top else _SURE / 4):
            return
        self._top = 0.0
        self._set(self._accepted(rate, self._share(rate, self._since)), sent)
        if self.now < before:
            self._since, self._from = now, now + _SETTLING * latency

    def _share(self, rate: float, until: float) -> float:
        """The share of refusals of what was sent at a rate, from the first one on."""
        return min(1.0, (self._refusals - 1) / max(1.0, rate * (until - self._first)))

    def _accepted(self, rate: float, share: float) -> float:
        """What comes through of a rate at a limit, less a margin, if noise has a part in that share of refusals."""
        return min(rate, _MARGIN * rate * (1 - share) / (1 - self.noise.share))

    def _restore(self, now: float, latency: float) -> None:
        """Take back the last cuts."""
        rate, self._top = self._supposed
        self._set(rate / (1 - self.noise.share), _MANY)
        self._wait(now, latency)
        self.noise.begin()

    def _set(self, rate: float, answers: int = 1) -> None:
        """Begin to grow from a rate, which so many answers have shown: fast, if far more came through not long ago."""
        self.now = self._base = max(SLOWEST, rate)
        self._pace = _STEP * self.now**_ROOT + _DOUBT * self.now / answers
        self._grown = 0.0
        if self.now < self._best / _LOST:
            self._best /= 2
            self._top = max(self._top, self._best)

    def _wait(self, now: float, latency: float) -> None:
        self._since, self._from = now, now + _SETTLING * latency
        self._suspicion, self._early = 0.0, 0

    def tick(self, now: float, elapsed: float, latency: float, *, served: int, binding: bool) -> None:
        """Grow, `elapsed` seconds after the last time.

        served: answers since then, other than refusals. binding: this bound was what held requests back.
        """
        self._best = max(self._best, served / elapsed)
        if self.now == inf or now < self._from or not binding or self.noise.is_judging:
            return
        self._before, self._grown_at = self.now, now
        if self.now < _NEAR * self._top:
            self.now += _APPROACH * (self._top - self.now)
            self._base = self.now
        else:
            self._grown += elapsed
            doubling = max(1.0, 2 * latency, _REACTION / self._base)
            self.now = self._base + self._pace * (2.0 ** (self._grown / doubling) - 1)
