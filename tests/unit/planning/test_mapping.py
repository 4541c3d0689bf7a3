"""Applying an identity map: it equals a merge of sources renamed beforehand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from samples import image

from streammerge.dataset.identity_map import Mapped, check_map
from streammerge.dataset.objects import Identity, Image
from streammerge.errors import UsageError
from streammerge.planning.mapping import DROPPED, MISSING, RENAMED, HeldBack

_SOURCES = ("one", "two")
_NAMES = st.sampled_from("abcdef")
_SOURCE = st.dictionaries(_NAMES, st.integers(1, 3), max_size=6)  # images by identity
_ROWS = st.dictionaries(st.tuples(st.sampled_from(_SOURCES), _NAMES), st.one_of(_NAMES, st.just("")), max_size=8)


def _images(place: str, name: str, count: int) -> list[Image]:
    return [image(f"{number}.jpg", below=f"{place}/{name}/") for number in range(count)]


def _identities(members: Sequence[Mapping[str, int]]) -> list[Identity]:
    places = (*_SOURCES, "out")
    return [
        Identity(name, [_images(place, name, of.get(name, 0)) for place, of in zip(places, members, strict=True)])
        for name in sorted({name for of in members for name in of})
    ]


def _applied(rows: Sequence[Mapped], identities: Sequence[Identity], counts: Counter[str]) -> dict[str, Identity]:
    held = HeldBack(rows, _SOURCES)
    passed = [identity for identity in identities if not held.takes(identity)]
    settled = list(held.settled(counts))
    assert len({identity.name for identity in passed + settled}) == len(passed + settled), "each comes once"
    return {identity.name: identity for identity in passed + settled}


@given(one=_SOURCE, two=_SOURCE, out=_SOURCE, table=_ROWS, seed=st.integers(0, 99))
def test_a_map_is_a_renaming_beforehand(
    one: dict[str, int], two: dict[str, int], out: dict[str, int], table: dict[tuple[str, str], str], seed: int
) -> None:
    """Each image lies where the map wants it, none is lost or split, in whatever order identities come."""
    rows = [Mapped(source, identity, to) for (source, identity), to in table.items()]
    try:
        check_map(rows, _SOURCES)
    except UsageError:
        return
    identities = _identities([one, two, out])
    expected: dict[str, list[list[Image]]] = {}
    for name, members in identities:
        for number, images in enumerate(members):
            to = table.get(((*_SOURCES, "out")[number], name), name)
            if to and images:
                expected.setdefault(to, [[], [], []])[number].extend(images)
    Random(seed).shuffle(identities)
    counts = Counter[str]()
    found = _applied(rows, identities, counts)
    assert {name: identity.members for name, identity in found.items()} == {
        name: [sorted(images) for images in members] for name, members in expected.items()
    }
    there = {("one", name) for name in one} | {("two", name) for name in two}
    assert counts[MISSING] == len(table.keys() - there)
    assert counts[DROPPED] == sum(place in there and not to for place, to in table.items())
    assert counts[RENAMED] == sum(place in there and to not in ("", place[1]) for place, to in table.items())


def test_only_what_the_map_names_is_held() -> None:
    """Memory grows with the map, not with the data set."""
    held = HeldBack([Mapped("one", "a", "b"), Mapped("two", "c", "")], _SOURCES)
    names = [name for name in "abcdef" if held.takes(Identity(name, [[], [], []]))]
    assert names == ["a", "b", "c"]
