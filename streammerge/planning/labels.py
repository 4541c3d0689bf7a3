"""Finds labels with different meanings: numbers shared by two sources that have no image in common.

Strategy: people in a data set are often numbered from 1, so two data sets share most of their labels and no
person. Of identities that two sources share under a number, some have an image in common if the sources know the same
people; once one has, or enough have none, a pair needs no more comparing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

from streammerge.dataset.objects import Identity, Image, is_plain_md5
from streammerge.dataset.source import Source

_NUMBER = re.compile(r"[0-9]+|(?=.*[0-9])[0-9a-fA-F]{6,16}")  # longer ones are digests, and equal by no chance
_MANY = 10  # shared identities without an image in common that make a warning
_ENOUGH = 1000  # to compare


@dataclass(slots=True)
class _Pair:
    numbers: int = 0  # identities in both, named by a number, with images that can be compared
    in_common: bool = False  # two of them have the same content


class SharedLabels:
    """Takes in identities that several sources have, and warns of pairs whose numbers seem to mean different people.

    Sources with different namespaces share nothing, and no namespace, where that was chosen, says that the numbers mean
    the same; but one namespace for both keeps nobody apart.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        chosen = [source.namespace for source in sources]
        pairs = combinations(range(len(sources)), 2)
        self._pairs = {(one, other): _Pair() for one, other in pairs if chosen[one] == chosen[other] != ""}
        self._namespaces = {chosen[one] or "" for one, _ in self._pairs}
        self._open = dict(self._pairs)  # those that need more comparing

    def add(self, identity: Identity) -> None:
        """Take note of an identity; further members than there are sources do not matter."""
        if not self._open or not self._is_number(identity.name):
            return
        for one, other in list(self._open):
            mine, theirs = _contents(identity.members[one]), _contents(identity.members[other])
            if mine and theirs:
                pair = self._open[one, other]
                pair.numbers += 1
                pair.in_common = not mine.isdisjoint(theirs)
                if pair.in_common or pair.numbers >= _ENOUGH:
                    del self._open[one, other]

    def _is_number(self, name: str) -> bool:
        """Whether a name is a number, behind its namespace."""
        return any(name.startswith(space) and _NUMBER.fullmatch(name, len(space)) for space in self._namespaces)

    def __iadd__(self, other: Self) -> Self:
        for pair, theirs in other._pairs.items():
            mine = self._pairs[pair]
            mine.numbers = min(mine.numbers + theirs.numbers, _ENOUGH)
            mine.in_common |= theirs.in_common
        return self

    def warnings(self) -> list[str]:
        """A sentence for each pair that shares many numbers, and no image."""
        return [
            self._warning(self._sources[one], self._sources[other], pair.numbers)
            for (one, other), pair in self._pairs.items()
            if pair.numbers >= _MANY and not pair.in_common
        ]

    def _warning(self, one: Source, other: Source, numbers: int) -> str:
        return (
            f"sources {one.name} and {other.name} share at least {numbers:,} identities whose names are numbers, and "
            "no image of them: the same number is probably not the same person. To keep them apart, pass "
            f"--namespace {other.name}={other.name}-, or --namespace {other.name}= if the numbers mean the same"
        )


def _contents(images: Sequence[Image]) -> set[tuple[int, str]]:
    return {(image.object.size, image.object.etag) for image in images if is_plain_md5(image.object.etag)}
