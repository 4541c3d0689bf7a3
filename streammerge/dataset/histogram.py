"""The histogram of images per identity: its quartiles, and the bars of its chart."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

CAP = 1000  # identities with more images are counted as having so many: the counter stays small
_EDGES = (1, 2, 3, 4, 5, 6, 11, 21, 51, 101, 201, 501, CAP)  # where each bar begins


class Bar(NamedTuple):
    """Identities that have from `low` to `high` images (None: or more)."""

    low: int
    high: int | None
    identities: int

    @property
    def label(self) -> str:
        """What stands beside the bar."""
        if self.high is None:
            return capped(self.low)
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,}–{self.high:,}"


class Quartiles(NamedTuple):
    """Of the identities, at least a quarter, a half, three quarters have so many images or fewer."""

    lower: int
    median: int
    upper: int


def quartiles(histogram: Mapping[int, int]) -> Quartiles:
    """The quartiles by nearest rank, so that each is a number of images that occurs; all 0 where there is nothing."""
    total = sum(histogram.values())
    return Quartiles(*(_at_rank(histogram, -(-total * quarter // 4)) for quarter in (1, 2, 3)))


def capped(images: float) -> str:
    """A number of images taken from a histogram, as it may be said: what stands for more is said to."""
    return f"{images:,} or more" if images >= CAP else f"{images:,}"


def edge_below(images: int) -> int:
    """Where the bar begins in which identities of so many images are."""
    return _EDGES[bisect_right(_EDGES, images) - 1]


def _at_rank(histogram: Mapping[int, int], rank: int) -> int:
    passed = 0
    for images in sorted(histogram):
        passed += histogram[images]
        if passed >= rank:
            return images
    return 0


def bars(histogram: Mapping[int, int]) -> list[Bar]:
    """The histogram in few bars, wider to the right, without those that are empty."""
    ends = [*(edge - 1 for edge in _EDGES[1:]), None]
    found = [
        Bar(low, high, sum(n for images, n in histogram.items() if low <= images and (high is None or images <= high)))
        for low, high in zip(_EDGES, ends, strict=True)
    ]
    return [bar for bar in found if bar.identities]
