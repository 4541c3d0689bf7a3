"""The newest record of each target, for millions of targets, in few bytes each.

Strategy: a target is known by a digest of 8 bytes. Records go to 256 buckets by the first byte of it, so that each is
small when it is put in order, and memory never holds much more than the records.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator

_DIGEST = 8  # bytes: of a million targets two are taken for one with a chance of 1 in 37 million
_BUCKETS = 256


def digest(facts: bytes) -> bytes:
    """What stands for some facts: 8 bytes."""
    return hashlib.blake2b(facts, digest_size=_DIGEST).digest()


class Newest:
    """Values of one size by digest. Add them in the order in which they were recorded, `seal`, then ask."""

    def __init__(self, size: int = 0) -> None:
        """`size`: of a value, in bytes."""
        self._width = _DIGEST + size
        self._adding = [bytearray() for _ in range(_BUCKETS)]
        self._sealed = [b""] * _BUCKETS

    def add(self, key: bytes, value: bytes = b"") -> None:
        """Add a value."""
        self._adding[key[0]] += key + value

    def seal(self) -> None:
        """Keep the last value of each digest, in order; nothing may be added any more."""
        while self._adding:
            rows = bytes(self._adding.pop())
            borders = range(0, len(rows), self._width)
            newest = {rows[at : at + _DIGEST]: rows[at : at + self._width] for at in borders}
            self._sealed[len(self._adding)] = b"".join(map(newest.__getitem__, sorted(newest)))

    def get(self, key: bytes) -> bytes | None:
        """The value of a digest; None if there is none."""
        rows, width = self._sealed[key[0]], self._width
        at = width * bisect_left(
            range(len(rows) // width), key, key=lambda row: rows[row * width : row * width + _DIGEST]
        )
        return rows[at + _DIGEST : at + width] if rows[at : at + _DIGEST] == key else None

    def __bool__(self) -> bool:
        """Whether there are any, once it is sealed."""
        return any(self._sealed)

    def __iter__(self) -> Iterator[bytes]:
        """All values, once it is sealed."""
        for rows in self._sealed:
            for at in range(_DIGEST, len(rows) + 1, self._width):
                yield rows[at : at - _DIGEST + self._width]
