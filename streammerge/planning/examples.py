"""Examples of what a run does: images that it renames, drops or counts once, identities that it skips, the largest.

Strategy: the least ones by identity are kept, so that they do not depend on the order in which identities come; and an
identity is looked at only where it may be among them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from streammerge.dataset.counters import EXAMPLES, keep, keep_all
from streammerge.planning.pairs import pairs_of
from streammerge.planning.plan import KEPT, NO_SOURCE, Decision


class Example(NamedTuple):
    """An image or an identity to which something happened.

    key: of the image, empty for an identity. other: the name that it gets, or the image that is kept instead of it.
    images: how many the identity has, 0 for an image.
    """

    identity: str
    key: str
    other: str
    images: int


class Largest(NamedTuple):
    """An identity with many images. Ordered by them, the most first."""

    less: int  # its images, below zero
    identity: str


@dataclass(slots=True)
class Examples:
    """Examples by kind: `renamed`, `dropped`, `duplicate`, `capped`, and why identities are skipped."""

    by_kind: dict[str, list[Example]] = field(default_factory=dict)
    largest: list[Largest] = field(default_factory=list)

    def decided(self, decisions: Iterable[Decision]) -> None:
        """Keep what there is to be seen in decisions."""
        for decision in decisions:
            identity, _, verdict, named, *_ = decision
            if verdict == KEPT:
                if len(self.largest) < EXAMPLES or (-named[1], identity[0]) < self.largest[-1]:
                    keep(self.largest, Largest(-named.images, identity.name))
            elif verdict != NO_SOURCE:
                self._keep(verdict, Example(identity.name, "", "", named.images))
            if any(named[2:]):
                self._look(decision)

    def _look(self, decision: Decision) -> None:
        """Keep what became of images that are not kept as they are."""
        named, name = decision.named, decision.identity.name
        if named.capped:
            self._keep("capped", Example(name, "", "", named.images + named.capped))
        if (named.renamed or named.dropped or named.duplicates) and self._wants(name):
            for kind, one, other, new in pairs_of(decision.identity, named):
                self._keep(kind, Example(name, other[1].key, new or one[1].key, 0))

    def _wants(self, identity: str) -> bool:
        pairs = [self.by_kind.get(kind, []) for kind in ("renamed", "dropped", "duplicate")]
        return any(len(found) < EXAMPLES or identity < found[-1].identity for found in pairs)

    def _keep(self, kind: str, example: Example) -> None:
        keep(self.by_kind.setdefault(kind, []), example)

    def withdrawn(self, identity: str) -> None:
        """Keep nothing of an identity: it is re-evaluated."""
        self.by_kind = {
            kind: [example for example in found if example.identity != identity] for kind, found in self.by_kind.items()
        }
        self.largest = [each for each in self.largest if each.identity != identity]

    def __iadd__(self, other: Self) -> Self:
        keep_all(self.by_kind, other.by_kind)
        for each in other.largest:
            keep(self.largest, each)
        return self
