"""Key spaces that are hard to cut: skewed, adversarial, in any alphabet. Nothing is lost, little is asked in vain."""

import asyncio
from collections.abc import Callable, Mapping
from math import ceil
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from memory_store import MemoryStore, identities, in_order
from samples import DAY

from streammerge.dataset.layout import FOLDER, parse_layout
from streammerge.dataset.objects import Location, S3Object
from streammerge.listing.scan import _FREE_REQUESTS, _FREE_SHARE

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
    store = MemoryStore({"source": in_order(S3Object(key, 1, "", DAY) for key in keys), "into": []}, [size])
    found = asyncio.run(identities(store, [_SOURCE, _INTO], ranges=ranges))
    names = [identity.name for identity in found]
    assert len(set(names)) == len(names)
    return [image.object.key for identity in found for image in identity.members[0]], store


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


_FLAT = Location("flat", "y/")


@given(
    images=st.dictionaries(NAMES, st.tuples(st.booleans(), st.integers(0, 3)), max_size=150),
    pattern=st.sampled_from(["{identity}_face.{ext}", "{identity}!{any}.{ext}", "{identity}~.{ext}"]),
    size=st.integers(1, 60),
    ranges=st.integers(1, 16),
)
@example(images={str(n): (True, 1) for n in range(1, 2000)}, pattern="{identity}_face.{ext}", size=40, ranges=16)
@example(images={"a" * n: (True, 1) for n in range(1, 200)}, pattern="{identity}_face.{ext}", size=10, ranges=16)
def test_a_flat_source_is_joined_with_folders(
    images: dict[str, tuple[bool, int]], pattern: str, size: int, ranges: int
) -> None:
    """Cut where a scan cuts by itself, each identity comes once, whole, and the flat source is read in ranges, too."""
    ending = pattern.removeprefix("{identity}").replace("{any}", "1").replace("{ext}", "jpg")
    folders = _keys({name: many for name, (_, many) in images.items()})
    flat = [f"y/{name}{ending}" for name, (has_flat, _) in images.items() if has_flat]
    buckets = {"source": folders, "flat": flat, "into": []}
    store = MemoryStore(
        {name: in_order(S3Object(key, 1, "", DAY) for key in of) for name, of in buckets.items()}, [size]
    )
    found = asyncio.run(
        identities(store, [_SOURCE, _FLAT, _INTO], ranges=ranges, layouts=[FOLDER, parse_layout(pattern)])
    )
    expected = dict[str, list[list[str]]]()
    for number, keys in enumerate((folders, flat)):
        for key in in_order(S3Object(key, 1, "", DAY) for key in keys):
            below = key.key[2:]
            name = below.partition("/")[0] if number == 0 else parse_layout(pattern).place(below)[0]
            if name:
                expected.setdefault(name, [[], [], []])[number].append(key.key)
    assert len(found) == len(expected)
    assert {one.name: [[image.object.key for image in images] for images in one.members] for one in found} == expected


def test_a_flat_source_is_cut() -> None:
    """A flat source is read from several places at once, as folders are."""
    keys = [f"x/{number:06}_face.jpg" for number in range(20_000)]
    store = MemoryStore({"source": [S3Object(key, 1, "", DAY) for key in keys], "into": []}, [100])
    layouts = [parse_layout("{identity}_face.{ext}")]
    found = asyncio.run(identities(store, [_SOURCE, _INTO], ranges=16, layouts=layouts))
    assert len(found) == len(keys)
    assert len(store.starts) >= 16
