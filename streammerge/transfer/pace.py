"""The pace: requests start one after the other, no faster than a rate that may change."""

from math import inf

SLACK = 0.01  # seconds of starts that may be made up for: event loops wake late


class Pace:
    """At most `rate` starts a second, and those of 10 milliseconds at once."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._next = -inf

    def claim(self, now: float) -> float:
        """Claim the next start: the seconds until then. The time is monotonic; call it in the order of the starts."""
        at = max(self._next, now - SLACK)
        self._next = at + 1 / self.rate
        return max(at - now, 0.0)
