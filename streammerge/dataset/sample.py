"""A reproducible sample: chosen by digests, so that it depends on the keys alone and is spread evenly over them."""

import hashlib
import heapq
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Sample(Generic[T]):
    """So many items of those that come, in whatever order they come."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._chosen: list[tuple[int, str, T]] = []  # a heap, the largest digest first

    def add(self, key: str, item: T) -> None:
        """Choose an item by its key, which no other has, perhaps instead of another."""
        self.offer(key, lambda: item)

    def offer(self, key: str, make: Callable[[], T]) -> None:
        """Choose an item by its key, which no other has, perhaps instead of another; `make` it only then."""
        rank = -int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest())
        if len(self._chosen) < self._size:
            heapq.heappush(self._chosen, (rank, key, make()))
        elif self._chosen and (rank, key) > self._chosen[0][:2]:
            heapq.heapreplace(self._chosen, (rank, key, make()))

    def __iadd__(self, other: Self) -> Self:
        """Choose from what another sample of other items has chosen, too."""
        for _, key, item in other._chosen:
            self.add(key, item)
        return self

    def __iter__(self) -> Iterator[T]:
        """The chosen items, in byte order of their keys."""
        return iter([item for _, _, item in sorted(self._chosen, key=lambda chosen: chosen[1])])
