"""Finds digests that occur more than once, in 8 bytes of memory each, or within a bound."""

from array import array
from collections.abc import Iterator
from itertools import groupby
from typing import Self

_SHARES = 256  # the digests are sorted in so many shares, so that sorting needs little memory
_HIGHEST = 1 << 64


class Repeats:
    """Collects digests of 64 bits, then tells those that came several times.

    most: how many are kept. Beyond that only the lower half of all digests counts, then the lowest quarter, and so on:
    a sample of the digests, so that one that repeats is in it each time, or never.
    """

    def __init__(self, most: int | None = None) -> None:
        self._shares = [array("Q") for _ in range(_SHARES)]
        self._most = _HIGHEST if most is None else most
        self._kept = 0
        self._below = _HIGHEST

    @property
    def sampled(self) -> bool:
        """Whether not all digests count."""
        return self._below < _HIGHEST

    def add(self, *digests: int) -> None:
        """Take note of digests."""
        shares = self._shares
        for digest in digests:
            if digest < self._below:
                shares[digest % _SHARES].append(digest)
                self._kept += 1
                if self._kept > self._most:
                    self._bound()

    def __iadd__(self, other: Self) -> Self:
        """Take note of all that another of the same bound has; of a sample, what is in both samples."""
        for mine, theirs in zip(self._shares, other._shares, strict=True):
            mine.extend(theirs)
        self._kept += other._kept
        if self._below != other._below:
            self._below = min(self._below, other._below)
            self._sift()
        if self._kept > self._most:
            self._bound()
        return self

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Every digest that came several times, and how often."""
        for share in self._shares:
            if len(set(share)) == len(share):  # as nearly always
                continue
            for digest, group in groupby(sorted(share)):
                count = sum(1 for _ in group)
                if count > 1:
                    yield digest, count

    def _bound(self) -> None:
        while self._kept > self._most:
            self._below //= 2
            self._sift()

    def _sift(self) -> None:
        for number, share in enumerate(self._shares):
            self._shares[number] = array("Q", [digest for digest in share if digest < self._below])
        self._kept = sum(map(len, self._shares))
