"""What share of requests a store refuses at random: asking for less does not spare these.

Strategy. While nothing bounds the rate, what was refused before more came through is noise. Later, where as many are
refused after a cut, and after another, half the rate is tried for a while: what is refused then is noise, too. That
takes seconds, since it may have been the work of others, who share a limit and had not come to ask for less yet. Noise
is never more than what is refused at any time.
"""

from math import inf, sqrt

IGNORED = 0.015  # share of refusals that is not worth asking for less
_MOST = 0.3  # share of refusals beyond which they are not taken for noise
_VAIN = 2  # cuts in a row after which as many are refused as before; the next one halves
_PATIENCE = 2.5  # seconds at half the rate in which others who share a limit come to ask for less
_COUNT = 10  # refusals that are to be expected after a cut that does not help
_FEW, _MANY = 32, 400  # answers that tell whether a cut helps, at least; that tell the share of the noise
_MORE = 1.2  # times as much coming through shows that a limit had no part in earlier refusals


class Noise:
    """The share that is known; what is counted is answers to requests that were sent at the present rate."""

    def __init__(self) -> None:
        self.share = 0.0
        self.cuts = 0  # in a row that are not known to have helped
        self._shown, self._trial = 0.0, 0  # share of refusals that the last one was made for; answers that judge it
        self._answers = self._refusals = 0
        self._from = 0.0  # when the first of these came
        self._through = self._next = inf  # of the best earlier window: answers a second that were no refusal, and share

    @property
    def halves(self) -> bool:
        """Whether half the rate is being tried."""
        return self.cuts > _VAIN

    @property
    def is_judging(self) -> bool:
        """Whether too few answers have come to tell whether the last cut helps."""
        return self.halves or self._answers < self._soon

    @property
    def _soon(self) -> float:
        """Answers without a refusal that show that the last cut helps."""
        return 0.4 * self._trial

    def cut(self, share: float) -> float:
        """Note a cut for a share of refusals; returns how many seconds it takes beyond others until it shows."""
        self._shown = min(share, self._refusals / self._answers) if self._answers >= _FEW else share
        self.cuts = self.cuts + 1 if share <= _MOST else 0
        self.begin()
        self._trial = max(_FEW, int(_COUNT / max(self._shown, IGNORED))) if self.cuts else _FEW
        return _PATIENCE if self.halves else 0.0

    def begin(self) -> None:
        """Count anew."""
        self._answers = self._refusals = self._trial = 0

    def answered(self, now: float, *, refused: bool, bound: bool) -> bool:
        """Count an answer; whether it shows that the last cuts were in vain. bound: there is a bound on the rate."""
        if not self._answers:
            self._from = now
        self._answers += 1
        self._refusals += refused
        if not self.halves and not self._refusals and self._answers >= self._soon > 0:
            self.cuts = self._trial = 0
        in_vain = False
        if self._answers == self._trial:
            in_vain = self._judge()
        if self._answers >= max(_MANY, self._trial) * (2 if self.share > IGNORED else 1):
            self._learn(now, bound=bound)
        return in_vain

    def _judge(self) -> bool:
        found = self._at_most()
        if self.halves and found <= _MOST and self._refusals > self._answers * self._shown / 2:
            self.share, self.cuts = found, 0
            return True
        if self.halves or self._refusals <= _COUNT / 5:
            self.cuts = 0
        return False

    def _learn(self, now: float, *, bound: bool) -> None:
        found = self._at_most()
        if bound:
            self.share = min(self.share, found)
        else:
            through = (self._answers - self._refusals) / max(now - self._from, 1e-6)
            if self._through == inf:
                self._through, self._next = through, found
            elif through > _MORE * self._through:
                self.share = min(self._next, _MOST)
                self._through, self._next = through, found
        self.begin()

    def _at_most(self) -> float:
        """The share of refusals, if chance has spared us as many as it often does."""
        return (self._refusals + 1 + sqrt(self._refusals)) / self._answers
