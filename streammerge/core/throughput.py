"""How fast a run copied, over its time: few samples, however long it took.

Strategy: when there are too many samples, every second one is dropped and the next are taken half as often.
"""

from typing import NamedTuple

LIMIT = 240  # samples kept at most; even, so that the last one stays when they are thinned
_FIRST_INTERVAL = 0.25  # seconds


class Sample(NamedTuple):
    """So many images were copied, so many seconds after the start."""

    seconds: float
    copied: int


class Throughput:
    """The samples of one run."""

    def __init__(self) -> None:
        self.samples = [Sample(0.0, 0)]
        self.interval = _FIRST_INTERVAL  # seconds to the next sample

    def record(self, seconds: float, copied: int) -> None:
        """Take a sample."""
        self.samples.append(Sample(round(seconds, 3), copied))
        if len(self.samples) > LIMIT:
            del self.samples[1::2]
            self.interval *= 2
