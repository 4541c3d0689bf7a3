"""Throughput over time, in a bounded number of samples.

Strategy: when there are too many samples, every second one is dropped and the next are taken half as often.
"""

from typing import NamedTuple

LIMIT = 240  # samples kept at most; even, so that the last one stays when they are thinned
_FIRST_INTERVAL = 0.25  # seconds


class Sample(NamedTuple):
    """So many images were copied, so many seconds after the start, and so many attempts retried, throttled or not."""

    seconds: float
    copied: int
    throttled: int = 0
    retried: int = 0


class Throughput:
    """The samples of one run."""

    def __init__(self) -> None:
        self.samples = [Sample(0.0, 0)]
        self.interval = _FIRST_INTERVAL  # seconds to the next sample

    def record(self, sample: Sample) -> None:
        """Take a sample."""
        self.samples.append(sample)
        if len(self.samples) > LIMIT:
            del self.samples[1::2]
            self.interval *= 2
