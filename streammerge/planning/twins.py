"""Twins: identities whose names differ only in how they are spelt, and which a merge keeps as separate classes.

Strategy: an identity comes whole and once, so each name is noted once, as 8 bytes of what it has in common with its
twins; a digest that is there twice belongs to twins. Their names are found by looking at all identities once more, for
the digests chosen, and are compared in full.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from streammerge.dataset.identity_map import Mapped
from streammerge.dataset.objects import Identity
from streammerge.dataset.spelling import is_plain, spelling_key, told_apart
from streammerge.planning.repeats import Repeats
from streammerge.report.units import counted

_DIGITS = 18  # of a number that fits into a digest behind a 1, which keeps its leading zeros
_MIX = 0x9E3779B97F4A7C15  # odd, so that different numbers stay different; 2**64 / the golden ratio spreads them evenly
_MOST = 1 << 18  # names that a merge keeps the digests of, in 2 MiB


@dataclass(frozen=True, slots=True)
class Spelling:
    """One of several spellings of an identity: the sources that have it, and their images of it."""

    identity: str
    sources: Sequence[str]
    images: int


class Twins:
    """Counts identities that are spelt in several ways.

    bounded: only so many are kept that memory does not grow with the data set; of very many, a sample is counted.
    """

    def __init__(self, *, bounded: bool = False) -> None:
        self._digests = Repeats(_MOST if bounded else None)

    def add(self, *names: str) -> None:
        """Take note of identities; each comes once."""
        self._digests.add(*map(_digest, names))

    def __iadd__(self, other: Self) -> Self:
        self._digests += other._digests
        return self

    def digests(self) -> set[int]:
        """What to tell the names by, in a second look."""
        return {digest for digest, _ in self._digests.repeated()}

    def count(self) -> tuple[int, int]:
        """How many identities are spelt in several ways, and how many names these have."""
        counts = [count for _, count in self._digests.repeated()]
        return len(counts), sum(counts)

    def warning(self, advice: str, examples: Sequence[Sequence[Spelling]] = ()) -> str | None:
        """A sentence on the twins that there are, and what to do about them."""
        groups, names = self.count()
        if not groups:
            return None
        least = "at least " if self._digests.sampled else ""
        such = f" ({', '.join(told_apart([each.identity for each in examples[0]]))})" if examples else ""
        return (
            f"{least}{counted(names, 'identity')} are probably {groups:,} under several names{such}, which differ only "
            f"in case, blanks, separators or Unicode normalization: each becomes a class of its own. {advice}"
        )


class Spellings:
    """Finds the names behind some digests of Twins, in a second look at all identities."""

    def __init__(self, wanted: Iterable[int], sources: Sequence[str]) -> None:
        self._wanted = frozenset(wanted)
        self._sources = sources
        self._found: dict[bytes, list[Spelling]] = {}

    def look(self, identity: Identity) -> bool:
        """Keep the name of an identity if it has one of the digests; further members than sources do not matter."""
        if not self._wanted or _digest(identity.name) not in self._wanted:
            return False
        having = [(name, len(images)) for name, images in zip(self._sources, identity.members, strict=False) if images]
        if having:
            spelling = Spelling(identity.name, [name for name, _ in having], sum(images for _, images in having))
            self._found.setdefault(spelling_key(identity.name), []).append(spelling)
        return True

    def groups(self) -> list[list[Spelling]]:
        """The spellings of each identity that has several, the one to choose first: as typed, then with most images."""
        groups = [
            sorted(spellings, key=lambda each: (not is_plain(each.identity), -each.images, each.identity))
            for _, spellings in sorted(self._found.items())
        ]
        return [group for group in groups if len(group) > 1]


def uniting(groups: Iterable[Sequence[Spelling]]) -> list[Mapped]:
    """The rows of an identity map that give every spelling the first one of its group."""
    return [
        Mapped(source, spelling.identity, group[0].identity)
        for group in groups
        for spelling in group
        for source in spelling.sources
    ]


def _digest(name: str) -> int:
    key = spelling_key(name)
    if len(key) <= _DIGITS and key.isdigit():  # as in most data sets: a number is mixed at a fraction of the CPU
        return int(b"1" + key) * _MIX % (1 << 64)
    return int.from_bytes(blake2b(key, digest_size=8).digest())
