"""Extras: what lies at the destination and is not in the plan, by the reason why the plan does not want it there."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from streammerge.core.join import EXAMPLES, Census
from streammerge.core.keys import Location, printable
from streammerge.core.layout import RECORDIO_NAMES
from streammerge.core.plan import KEPT, Decision

NOT_PLANNED, NO_FOLDER = "not in the plan of its identity", "in no folder"
_SHOWN = 3  # examples of a reason; the JSON has more


@dataclass(slots=True)
class Extras:
    """Counts and some keys by reason; every key only where they are asked for, since there may be millions.

    keys: the reason by key, if they are gathered. recordio: keys of files that a trainer reads instead of the folders.
    """

    destination: Location
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    recordio: list[str] = field(default_factory=list)
    keys: dict[str, str] | None = None

    @property
    def total(self) -> int:
        """How many there are."""
        return self.reasons.total()

    def gather(self) -> None:
        """From now on keep every key."""
        self.keys = {}

    def add(self, key: str, reason: str) -> None:
        """Count a key."""
        self.reasons[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(key)
        if self.keys is not None:
            self.keys[key] = reason
        if key.removeprefix(self.destination.prefix) in RECORDIO_NAMES:
            self.recordio.append(key)

    def withdraw(self, key: str, reason: str) -> None:
        """Count a key no longer."""
        self.reasons[reason] -= 1
        for keys in (self.examples[reason], self.recordio):
            if key in keys:
                keys.remove(key)
        if self.keys is not None:
            del self.keys[key]

    def decided(self, decision: Decision) -> None:
        """Count those of an identity."""
        for key in decision.extra:
            self.add(key, reason_of(decision))

    def withdrawn(self, decision: Decision) -> None:
        """Count those of an identity no longer: it is decided anew."""
        for key in decision.extra:
            self.withdraw(key, reason_of(decision))

    def some(self) -> list[str]:
        """Some of the keys."""
        return [key for keys in self.examples.values() for key in keys][:EXAMPLES]

    def by_reason(self) -> dict[str, int]:
        """How many there are for each reason, where there are any."""
        return {reason: count for reason, count in sorted(self.reasons.items()) if count}


def reason_of(decision: Decision) -> str:
    """Why the plan does not want what a decision calls extra."""
    return NOT_PLANNED if decision.verdict == KEPT else decision.verdict


def describe(reasons: dict[str, int], examples: dict[str, list[str]]) -> list[str]:
    """A line of text for each reason, with some keys."""
    lines = []
    for reason, count in reasons.items():
        some = ", ".join(map(printable, examples.get(reason, [])[:_SHOWN]))
        lines.append(f"  {count:,} {reason}" + (f", such as {some}" if some else ""))
    return lines


def recordio_warning(keys: Iterable[str]) -> list[str]:
    """What to say of RecordIO files, if there are any."""
    names = ", ".join(key.rpartition("/")[2] for key in keys)
    if not names:
        return []
    return [
        f"Warning:       {names} at the destination: a trainer that finds RecordIO",
        "               files reads them instead of the folders. Remove or move them",
    ]


@dataclass(slots=True)
class Loose(Census):
    """What lies at the destination in no identity's folder: none of it is in the plan."""

    extras: Extras = field(kw_only=True)

    def set_aside(self, reason: str, key: str) -> None:  # noqa: ARG002 - whatever the reason
        """Count one key."""
        self.extras.add(key, NO_FOLDER)
