"""Counters of a listing: its objects, and the ignored ones by reason."""

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

EXAMPLES = 20  # keys kept for each reason
T = TypeVar("T")


def keep(examples: list[Any], example: Any) -> None:
    """Keep an example if it is one of the least: so which ones are kept depends on no order."""
    if len(examples) < EXAMPLES or example < examples[-1]:
        insort(examples, example)
        del examples[EXAMPLES:]


def keep_all(examples: dict[str, list[T]], more: Mapping[str, list[T]]) -> None:
    """Keep examples by reason, as `keep` does."""
    for reason, found in more.items():
        for example in found:
            keep(examples.setdefault(reason, []), example)


@dataclass(slots=True)
class ListingCounters:
    """What a prefix was seen to hold: all objects, and by reason those that take no part in the join."""

    objects: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)  # some keys of each reason
    archived: Counter[str] = field(default_factory=Counter)  # images by storage class, whether they take part or not

    @property
    def images(self) -> int:
        """How many take part."""
        return self.objects - self.reasons.total()

    def ignore(self, reason: str, key: str) -> None:
        """Count a key that takes no part."""
        self.reasons[reason] += 1
        keep(self.examples.setdefault(reason, []), key)

    def __iadd__(self, other: Self) -> Self:
        self.objects += other.objects
        self.reasons.update(other.reasons)
        keep_all(self.examples, other.examples)
        self.archived.update(other.archived)
        return self
