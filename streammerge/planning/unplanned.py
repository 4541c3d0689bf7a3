"""Unplanned objects: objects at the destination that are not in the plan, by reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, Self

from streammerge.dataset.counters import EXAMPLES, ListingCounters, keep, keep_all
from streammerge.dataset.objects import Location
from streammerge.dataset.recordio import RECORDIO_NAMES
from streammerge.planning.plan import KEPT, Decision

NOT_PLANNED, NO_FOLDER = "not in the plan of its identity", "in no folder"


class Keys(Protocol):
    """Where the keys of millions of objects are kept."""

    def add(self, key: str, reason: str) -> None:
        """Keep a key."""

    def withdraw(self, key: str) -> None:
        """Keep it no longer."""

    def batches(self, size: int) -> Iterable[dict[str, str]]:
        """The reason by key, so many at a time; those that were handed over may be withdrawn."""


@dataclass(slots=True)
class Unplanned:
    """Counts and some keys by reason; every key only where they are asked for, since there may be millions.

    folder_markers: objects that only make a folder show; they are not unplanned, and stay.
    keys: where they are gathered, if they are. recordio: keys of files that a trainer reads instead of the folders.
    """

    destination: Location
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    recordio: list[str] = field(default_factory=list)
    of_this_job: bool = False  # some are in its journal
    keys: Keys | None = None
    folder_markers: int = 0

    @property
    def total(self) -> int:
        """How many there are."""
        return self.reasons.total()

    def gather(self, keys: Keys) -> None:
        """From now on keep every key there."""
        self.keys = keys

    def add(self, key: str, reason: str) -> None:
        """Count a key."""
        self.reasons[reason] += 1
        keep(self.examples.setdefault(reason, []), key)
        if self.keys is not None:
            self.keys.add(key, reason)
        self.note_recordio(key)

    def note_recordio(self, key: str) -> None:
        """Keep a key if it is one that a trainer would read instead of the folders."""
        if key.removeprefix(self.destination.prefix) in RECORDIO_NAMES:
            keep(self.recordio, key)

    def __iadd__(self, other: Self) -> Self:
        """Count what was counted elsewhere; its keys are not gathered here."""
        self.reasons.update(other.reasons)
        keep_all(self.examples, other.examples)
        for key in other.recordio:
            keep(self.recordio, key)
        self.of_this_job |= other.of_this_job
        self.folder_markers += other.folder_markers
        return self

    def withdraw(self, key: str, reason: str) -> None:
        """Count a key no longer."""
        self.reasons[reason] -= 1
        for keys in (self.examples.get(reason, []), self.recordio):
            if key in keys:
                keys.remove(key)
        if self.keys is not None:
            self.keys.withdraw(key)

    def decided(self, decision: Decision) -> None:
        """Count those of an identity."""
        for key in decision.unplanned:
            self.add(key, reason_of(decision))

    def withdrawn(self, decision: Decision) -> None:
        """Count those of an identity no longer: it is re-evaluated."""
        for key in decision.unplanned:
            self.withdraw(key, reason_of(decision))

    @property
    def in_folders(self) -> int:
        """How many of them are in an identity's folder."""
        return self.total - self.reasons[NO_FOLDER]

    def some(self) -> list[str]:
        """The first few of the keys, in byte order."""
        return sorted(key for keys in self.examples.values() for key in keys)[:EXAMPLES]

    def by_reason(self) -> dict[str, int]:
        """How many there are for each reason, where there are any."""
        return {reason: count for reason, count in sorted(self.reasons.items()) if count}


def reason_of(decision: Decision) -> str:
    """Why the plan does not want an object that a decision leaves unplanned."""
    return NOT_PLANNED if decision.verdict == KEPT else decision.verdict


@dataclass(slots=True)
class DestinationCounters(ListingCounters):
    """What is at the destination in no identity's folder: unplanned, unless it is a folder marker.

    append: it stays, and is not unplanned.
    """

    unplanned: Unplanned = field(kw_only=True)
    append: bool = field(kw_only=True, default=False)

    def ignore(self, reason: str, key: str) -> None:
        """Count one key."""
        if reason == "folder marker":
            self.unplanned.folder_markers += 1
        elif self.append:
            self.unplanned.note_recordio(key)
        else:
            self.unplanned.add(key, NO_FOLDER)
