"""The alphabet of a key range: guesses where to split the range, from the names seen so far.

Strategy: S3 cannot be asked how many keys lie where, so the border is a guess. A wrong one only makes the halves
unequal (an empty half costs one request); which guesses are safe, the join knows. To guess well, the alphabet is
learned from the names seen so far, for each position of the name. A position that never varied is taken for constant,
so a shared prefix of any length costs nothing; a position whose characters occur where names do vary may hold any of
those, so that the first thousand of a million numbers already tell how to cut the rest.
"""

import string
import sys
from collections.abc import Iterable, Iterator

_DIGITS = frozenset(string.digits)
_HEX = frozenset("abcdef"), frozenset("ABCDEF")
_SOME = 3  # of these letters among digits make it hexadecimal


class Alphabet:
    """Which characters stand where in the names of a range, as far as they were seen."""

    def __init__(self, varying: Iterable[str] = (), neighbour: str = "") -> None:
        self._seen: list[set[str]] = []  # by position
        self._varying = set(varying)  # seen at some position that varies
        self._neighbour = neighbour  # a name before the range

    def heir(self, name: str) -> "Alphabet":
        """For the far half of a range of which `name` was seen.

        Which characters vary is known there, where they stand is not; and in the first position in which its names
        differ from those before it, these characters vary too.
        """
        return Alphabet(self._varying, name)

    def learn(self, names: Iterable[str]) -> None:
        """Take note of some names."""
        for name in names:
            if self._neighbour:
                position = _common(self._neighbour, name)
                self._vary({*self._neighbour[position : position + 1], *name[position : position + 1]})
                self._neighbour = ""
            while len(self._seen) < len(name):
                self._seen.append(set())
            for seen, character in zip(self._seen, name, strict=False):
                if character not in seen:
                    seen.add(character)
                    if len(seen) > 1:
                        self._vary(seen)

    def _vary(self, characters: set[str]) -> None:
        self._varying |= characters
        if self._varying & _DIGITS:
            self._varying |= _DIGITS
        for letters in _HEX:
            if self._varying <= _DIGITS | letters and len(self._varying & letters) >= _SOME:
                self._varying |= letters

    def _at(self, position: int) -> set[str]:
        if position >= len(self._seen):
            return self._varying
        seen = self._seen[position]
        return seen | self._varying if seen & self._varying else seen

    def borders(self, low: str, high: str | None) -> Iterator[str]:
        """Guesses at where to cut between a name and another border (None: the end), the best ones first.

        To the end, that is first behind all names that begin like every name seen so far; then about half-way.
        """
        if high is None and (constant := self._constant()):
            yield constant + chr(sys.maxunicode)
        start = _common(low, high) if high is not None else 0
        for position in range(start, len(low) + 1):
            floor = low[position : position + 1]
            ceiling = high[position : position + 1] if high is not None and position == start else ""
            inner = sorted(c for c in self._at(position) if c > floor and (not ceiling or c < ceiling))
            middle = len(inner) // 2
            for number in sorted(range(len(inner)), key=lambda number: abs(number - middle)):
                yield low[:position] + inner[number]
            if ceiling:
                yield low[:position] + ceiling

    def _constant(self) -> str:
        """What every name seen so far begins with."""
        constant = ""
        for position in range(len(self._seen)):
            if len(characters := self._at(position)) > 1:
                break
            constant += next(iter(characters))
        return constant


def _common(one: str, other: str) -> int:
    """How many characters two strings have in common at their beginning."""
    for position, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return position
    return min(len(one), len(other))
