"""How deep the images of a source lie: a prefix that is one folder too shallow is refused."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import source

from memory_s3 import MemoryS3, Stored
from streammerge.dataset.connection import Connection
from streammerge.dataset.objects import Location, Page
from streammerge.listing.depth import Depth, depth_of, folders_of, looks_shallow
from streammerge.listing.depth_sample import sample_depth

_CONNECTION = Connection(region="eu-west-1")  # a source may have its own
_ALL_IN_ONE = [f"set0/{person}/{number}.jpg" for person in ("ab", "ac") for number in range(60)]
_ONE_EACH = [f"{person}/images/{number}.jpg" for person in ("ab", "ac", "ad") for number in range(3)]


def _problem(keys: Sequence[str], layout: str | None = None) -> str | None:
    return looks_shallow(source(layout=layout), depth_of(sorted(keys)))


def test_one_folder_that_holds_all() -> None:
    """The message names the prefix that was probably meant, and the option that confirms."""
    problem = _problem(_ALL_IN_ONE) or ""
    assert problem.startswith(
        "source one (s3://data/one/) is one folder too shallow: all of its images lie in folders of 'set0', and would"
    )
    assert "such as 'ab', are the identities:  one=s3://data/one/set0/\n" in problem
    assert "If 'set0' is one identity:  --layout one=folder" in problem
    assert _problem(_ALL_IN_ONE, layout="folder") is None
    assert _problem(_ALL_IN_ONE[:60]) is None, "one identity in a folder of its own"


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ([f"x{number}/0.jpg" for number in range(6)], True),
        ([f"x{number}/0.jpg" for number in range(7)], False),
        ([f"set0/{number}.jpg" for number in range(6)], True),
        ([f"set0/{number}.jpg" for number in range(7)], False),
    ],
)
def test_one_folder_that_holds_nearly_all(others: list[str], *, refused: bool) -> None:
    """95 % of at least a hundred images, and of these 95 % in folders."""
    assert bool(_problem([*_ALL_IN_ONE, *others])) == refused


def test_a_few_images_prove_nothing() -> None:
    """A small set may have one large identity."""
    assert _problem([*_ALL_IN_ONE[50:70], "x/0.jpg"]) is None


def test_a_large_identity_is_no_folder_of_identities() -> None:
    """If its images lie in it, and in no folders."""
    assert _problem([f"ab/{number:04}.jpg" for number in range(1000)] + ["ac/0.jpg"]) is None


@pytest.mark.parametrize(
    ("keys", "way_out"),
    [
        (_ONE_EACH, "To leave 'images' out of the names:  --layout 'one={identity}/images/{name}.{ext}'"),
        (["0/ab/1.jpg", "1/ac/1.jpg"], "If 'ab' is the identity:  --layout 'one={any}/{identity}/{name}.{ext}'"),
        (["0/ab/s/1.jpg", "1/ac/t/1.jpg"], "--layout 'one={any}/{identity}/{any}/{name}.{ext}'"),
    ],
)
def test_exactly_one_folder_below_each(keys: list[str], way_out: str) -> None:
    """The layout that was probably meant fits every key; `folder` confirms."""
    problem = _problem(keys) or ""
    assert f"each of its {len({key.partition('/')[0] for key in keys})} identities has exactly one folder" in problem
    assert way_out in problem
    assert "--layout one=folder" in problem
    assert _problem(keys, layout="folder") is None
    pattern = source(layout=problem.partition("--layout 'one=")[2].partition("'")[0]).layout
    assert all(isinstance(pattern.place(key), tuple) for key in keys)


def test_keys_of_several_depths_get_no_pattern() -> None:
    """None fits them all."""
    problem = _problem(["0/ab/1.jpg", "1/ac/t/1.jpg"]) or ""
    assert "exactly one folder" in problem
    assert "{identity}" not in problem


@pytest.mark.parametrize("more", ["ab/0.jpg", "ab/other/0.jpg", "ae/0.jpg"])
def test_one_exception_is_enough(more: str) -> None:
    """An image of an identity's own, or a second folder: so the folders belong to the identities."""
    assert _problem([*_ONE_EACH, more]) is None


_KEYS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), max_size=8)


@given(_KEYS)
def test_counts_of_parts_add_up(names: list[list[str]]) -> None:
    """However folders are shared out, what is concluded is the same, but for the example."""
    belows = sorted({"/".join([*parts, "1.jpg"]) for parts in names})
    whole, one, other = depth_of(belows), Depth(), Depth()
    for number, folder in enumerate(folders_of(belows)):
        (one, other)[number % 2].add(folder)
    one += other
    assert (whole.images, whole.most, whole.one_each) == (one.images, one.most, one.one_each)
    if whole.one_each:
        assert (len(whole.names) > 1, whole.lengths) == (len(one.names) > 1, one.lengths)
    assert bool(looks_shallow(source(), whole)) == bool(looks_shallow(source(), one)) or whole.most < whole.images


async def _sampled(keys: Sequence[str], page_size: int = 10) -> Depth | None:
    store = _Store(page_size=page_size)
    store.buckets["data"] = {}
    for key in keys:
        store.put("data", f"one/{key}", Stored(b"1"))
    there = Location("data", "one/", _CONNECTION)
    level, start = await store.probe(there, delimiter="/"), await store.probe(there)
    depth = await sample_depth(store, replace(source(), location=there), level, start)
    assert store.connections == {_CONNECTION}
    return depth


class _Store(MemoryS3):
    """Notes by which connections it is asked."""

    def __init__(self, page_size: int) -> None:
        super().__init__(page_size=page_size)
        self.connections: set[Connection] = set()

    async def probe(self, location: Location, *, delimiter: str = "", after: str = "") -> Page:
        self.connections.add(location.connection)
        return await super().probe(location, delimiter=delimiter, after=after)


async def test_few_folders_are_looked_at() -> None:
    """Of a long listing, a page each: nearly all, beside folders that are seen whole."""
    depth = await _sampled(
        [*(f"images/{n // 3:03}/{n:03}.jpg" for n in range(300)), "a/0.jpg", "z/0.jpg"], page_size=100
    )
    assert depth is not None
    problem = looks_shallow(source(), depth) or ""
    assert "nearly all of its images lie in folders of 'images'" in problem
    assert "one=s3://data/one/images/" in problem


async def test_a_folder_whose_first_page_is_one_identity() -> None:
    """Whether there are others in it is asked for."""
    depth = await _sampled([f"set0/{person}/{n:03}.jpg" for person in ("ab", "ac") for n in range(50)])
    assert depth is not None
    assert "If 'set0' is one identity" in (looks_shallow(source(), depth) or "")


async def test_two_long_folders_are_no_proof() -> None:
    """How much either has is not known."""
    keys = [f"{top}/{n // 3:03}/{n:03}.jpg" for top in ("train", "val") for n in range(300)]
    depth = await _sampled(keys, page_size=100)
    assert depth is not None
    assert looks_shallow(source(), depth) is None


async def test_folders_of_a_long_listing_are_sampled() -> None:
    """A folder that goes on behind its page counts for nothing, unless it has a second folder."""
    keys = [f"{person:03}/images/{n:02}.jpg" for person in range(40) for n in range(7)]
    depth = await _sampled(keys)
    assert depth is not None
    assert "each of its first" in (looks_shallow(source(), depth) or "")
    depth = await _sampled([f"{key}/{number}.jpg" for key in keys for number in range(2)])
    assert depth is not None
    assert looks_shallow(source(), depth) is None
    assert await _sampled([f"{person:03}/{n:02}.jpg" for person in range(40) for n in range(7)]) is None
