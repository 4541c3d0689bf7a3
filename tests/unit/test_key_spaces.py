"""Key spaces that are hard to cut: skewed, adversarial, in any alphabet. Nothing is lost, little is asked in vain."""

import asyncio
from collections.abc import Callable, Mapping
from math import ceil
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_store import MemoryStore, identities, in_order
from samples import DAY

from streammerge.core.keys import Listed, Location
from streammerge.scanning import _FREE_REQUESTS, _FREE_SHARE

_SOURCE, _INTO = Location("source", "x/"), Location("into", "x/")
_LONG = "subject-seen-by-the-door-camera-of-the-north-building-" * 3 + "and-some-more-to-make-it-two-hundred-"
_HEX = "0123456789abcdef"
_UNICODE = "aé名\uffff🙂\U0010ffff"

Images = Mapping[str, int]  # how many each identity has


def _random(number: int, alphabet: str, length: int) -> str:
    return "".join(Random(number).choices(alphabet, k=length))


SPACES: dict[str, Callable[[int], Images]] = {
    "numbers": lambda count: {f"id{number:07}": 2 for number in range(count)},
    "a prefix of 200 characters": lambda count: {f"{_LONG}{number:06}": 2 for number in range(count)},
    "one holds 90 % of the keys": lambda count: {
        **{f"id{number:05}": 1 for number in range(count)},
        f"id{count // 2:05}": 9 * count,
    },
    "the last holds 90 % of the keys": lambda count: {**{f"a{n}": 1 for n in range(count)}, "z": 9 * count},
    "hex": lambda count: {_random(number, _HEX, 16): 2 for number in range(count)},
    "unicode": lambda count: {_random(number, _UNICODE, 8): 2 for number in range(count)},
    "two far apart": lambda count: {f"{'a' if number % 2 else chr(0x10FFFF)}{number}": 1 for number in range(count)},
    "each begins the next": lambda count: {"a" * length: 2 for length in range(1, min(count, 600))},
    "one identity": lambda count: {"only": 2 * count},
}


def _keys(images: Images) -> list[str]:
    return [f"x/{name}/{number:06}.jpg" for name, many in images.items() for number in range(many)]


def _scanned(keys: list[str], size: int, ranges: int) -> tuple[list[str], MemoryStore]:
    """The keys that came out of a scan, and the store that was scanned."""
    store = MemoryStore({"source": in_order(Listed(key, 1, "", DAY) for key in keys), "into": []}, [size])
    found = asyncio.run(identities(store, [_SOURCE, _INTO], ranges=ranges))
    names = [identity.name for identity in found]
    assert len(set(names)) == len(names)
    return [image.key for identity in found for image in identity.members[0]], store


@pytest.mark.parametrize("space", SPACES)
def test_nothing_is_lost_and_little_asked_in_vain(space: str) -> None:
    """Every key comes once, and cutting costs no more requests than it may."""
    keys = _keys(SPACES[space](1000))
    found, store = _scanned(keys, 50, 16)
    assert sorted(found) == sorted(keys)
    needed = ceil(len(keys) / 50) + 1  # and one for the destination
    assert store.pages <= needed + 2 * (_FREE_REQUESTS + 1) + store.pages / _FREE_SHARE


@pytest.mark.parametrize("space", ["numbers", "a prefix of 200 characters", "hex", "one holds 90 % of the keys"])
def test_a_key_space_is_cut(space: str) -> None:
    """What can be cut is read from several places at once."""
    _, store = _scanned(_keys(SPACES[space](1000)), 50, 16)
    assert len(store.starts) >= 8


NAMES = st.one_of(
    st.text(st.sampled_from("ab0/!-.~\x01é🙂\uffff\U00010000").filter(lambda one: one != "/"), min_size=1, max_size=4),
    st.integers(0, 99).map("{:02}".format),
    st.integers(0, 999).map(lambda number: f"{_LONG}{number}"),
    st.integers(0, 0xFFFF).map("{:04x}".format),
)


@settings(max_examples=150)
@given(
    images=st.dictionaries(NAMES, st.integers(1, 4), max_size=120),
    heavy=st.tuples(NAMES, st.integers(0, 1000)),
    size=st.integers(1, 60),
    ranges=st.integers(1, 16),
)
@example(images={"a": 1, "a-": 1, "a0": 1}, heavy=("a", 900), size=10, ranges=16)
@example(images={"\U0010ffff": 1, "a": 1}, heavy=("\U0010ffff", 300), size=10, ranges=16)
def test_the_union_of_the_ranges_is_the_prefix(
    images: dict[str, int], heavy: tuple[str, int], size: int, ranges: int
) -> None:
    """Whatever names there are, and whichever holds most of the keys, each key comes once."""
    keys = _keys({**images, heavy[0]: images.get(heavy[0], 0) + heavy[1]})
    assert sorted(_scanned(keys, size, ranges)[0]) == sorted(keys)
