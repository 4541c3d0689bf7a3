"""Applies an identity map: holds back the identities that it names, and regroups them at the end.

Strategy: an identity that the map names on either side is not complete before all listings have ended. What is held is
what the map names, so that memory grows with the map, not with the data set.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from streammerge.dataset.identity_map import Mapped
from streammerge.dataset.objects import Identity, Image

RENAMED, DROPPED, MISSING = "renamed", "dropped", "in no source"


class HeldBack:
    """The identities that a map names; further members than there are sources, of the destination, are not mapped."""

    def __init__(self, rows: Sequence[Mapped], sources: Sequence[str]) -> None:
        numbers = {source: number for number, source in enumerate(sources)}
        self._targets = {(numbers[source], identity): to for source, identity, to in rows}
        self._named = {identity for _, identity in self._targets} | {*self._targets.values()}
        self.identities: list[Identity] = []  # held back so far

    def takes(self, identity: Identity) -> bool:
        """Whether an identity is held back."""
        if identity.name not in self._named:
            return False
        self.identities.append(identity)
        return True

    def settled(self, counts: Counter[str]) -> Iterator[Identity]:
        """What was held, each image where the map wants it; `counts` gets what became of the identities of the map."""
        groups: dict[str, list[list[Image]]] = {}
        found = set[tuple[int, str]]()
        for name, members in self.identities:
            for number, images in enumerate(members):
                if not images:
                    continue
                to = self._targets.get((number, name), name)
                found.add((number, name))
                if to:
                    groups.setdefault(to, [[] for _ in members])[number].extend(images)
        for place, to in self._targets.items():
            counts[MISSING if place not in found else RENAMED if to else DROPPED] += (
                place not in found or to != place[1]
            )
        self.identities.clear()
        for name in sorted(groups):
            yield Identity(name, [sorted(images) for images in groups[name]])
