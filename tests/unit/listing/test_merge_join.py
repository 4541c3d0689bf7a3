"""The merge join over every mix of layouts: each identity comes once, whole, and no more is held than must be."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samples import DAY

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.filter import Filter
from streammerge.dataset.layout import parse_layout
from streammerge.dataset.objects import Identity, S3Object
from streammerge.errors import RunError
from streammerge.listing.index import Index
from streammerge.listing.listing import Listing
from streammerge.listing.merge_join import Join, unite

PATTERNS = (
    "folder",
    "{identity}_face.{ext}",
    "{identity}_{any}.{ext}",
    "{identity}/{identity}_{any}.{ext}",  # the shortest identity that fits need not be the shortest before a tail
    "{identity}-{any}/{name}",
    "{identity}.{ext}",
    "{identity}!{any}.{ext}",
    "{identity}11{any}.{ext}",
    "{identity}🙂{any}.{ext}",
    "{identity}\ud7ff{any}.{ext}",  # the character after it is a surrogate
    "{identity}a\U0010ffff{any}.{ext}",  # the highest character of all
    "{identity}\U0010ffff{any}.{ext}",  # cannot be joined
    "img_{identity}.{ext}",  # nor this
)
ALPHABET = "a1_/-.!\x01\x00é\ud7ff\ue000\uffff🙂\U0010ffff"
NAME = st.one_of(
    st.text(st.sampled_from(ALPHABET), max_size=4),
    st.sampled_from(["a", "aa", "aaa", "1", "11", "111", "a_face", "a_face.", "_face.", "img_a", "\x01\x01", "\x00"]),
    st.integers(1, 120).map(str),
)
TAIL = st.sampled_from(["/", "_face.", "_", "-", ".", "!", "11", "🙂", "\ud7ff", "a\U0010ffff", "\U0010ffff"])
KEY = st.one_of(
    st.tuples(NAME, TAIL, NAME).map("".join),
    st.tuples(NAME, NAME).map(lambda names: f"{names[0]}/{names[0]}_{names[1]}"),
    st.tuples(NAME, TAIL, NAME, TAIL, NAME).map("".join),
    NAME,
).map(lambda name: f"{name}.png")
_HIDDEN = Filter(hidden=True)  # the join loses no name, whatever it begins with
NAMESPACE = st.sampled_from(["", "", "", "a", "a_", "1", "b_face.", "🙂/"])
SOURCE = st.tuples(st.sampled_from(PATTERNS), NAMESPACE, st.sets(KEY, max_size=14))
SOURCES = st.one_of(
    st.lists(SOURCE, min_size=1, max_size=4),
    st.lists(SOURCE, min_size=2, max_size=3).map(lambda sources: [(sources[0][0], *one[1:]) for one in sources]),
)
PAGE_SIZES = st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any)

CUTS = st.lists(st.tuples(st.integers(0, 99), st.integers(1, 9), NAME | st.just("")), max_size=12)

Source = tuple[str, str, set[str]]  # pattern, namespace, keys below the prefix


class Reader:
    """Reads one range of some listings, page by page, as a scan does."""

    def __init__(self, join: Join, keys: Sequence[Sequence[str]], sizes: Sequence[int]) -> None:
        self.join = join
        self._keys = keys
        self._sizes = cycle(sizes)
        self._page = dict[int, int]()  # keys in the last page of each listing

    def step(self) -> list[Identity]:
        """Read on where it is behind; returns what is complete then, and checks what is left."""
        for number in self.join.behind():
            keys = [key for key in self._keys[number] if key > self.join.start_of(number)]
            self._page[number] = size = next(self._sizes)
            self.join.feed(number, [S3Object(key, 1, "", DAY) for key in keys[:size]], last=size >= len(keys))
        found = list(self.join.complete())
        self._check_pending()
        return found

    def _check_pending(self) -> None:
        """Beyond the open pages there are only names that a cursor or a border begins with."""
        join = self.join
        cursor = min(join._cursors.values(), default="")
        begun = (cursor, join.low, join.high or "")
        ahead = [one for one in join.shared() if not any(place.startswith(one.name) for place in begun)]
        for number, size in self._page.items():
            assert sum(len(identity.members[number]) for identity in ahead) <= size
        assert all(one.name > cursor for one in ahead)


def joined(
    sources: Sequence[Source],
    sizes: Sequence[int],
    borders: Sequence[str] = (),
    moves: Sequence[bool] = (),
    *,
    scattered: bool = False,
) -> list[Identity]:
    """What comes out of a join, each range cut at the borders given, where it may be.

    moves: after each of the first steps, whether another join continues, in another process.
    """
    listings = [
        Listing("x/", ListingCounters(), parse_layout(pattern).behind(_HIDDEN), namespace=namespace)
        for pattern, namespace, _ in sources
    ]
    keys = [sorted(f"x/{key}" for key in below) for _, _, below in sources]
    indexes = {n: _index(listing, keys[n]) for n, listing in enumerate(listings) if not listing.joinable}
    active, left = [Reader(Join(listings, indexes, scattered=scattered), keys, sizes)], list(borders)
    found, shared = list[Identity](), list[Identity]()
    while active:
        reader = active.pop(0)
        step = reader.step()
        move, *moves = moves or [False]
        if move and not indexes:
            reader.join = Join.resumed(listings, pickle.loads(pickle.dumps(reader.join.reached)))
        found += step
        if reader.join.open:
            active.append(reader)
        else:
            shared += reader.join.shared()
        if left and (cuttable := [one for one in active if one.join.may_be_cut_at(left[0])]):
            active += [Reader(one.join.cut(left[0]), keys, sizes) for one in cuttable]
        left = left[1:]
    return found + unite(shared)


def _index(listing: Listing, keys: Sequence[str]) -> Index:
    index = Index(listing)
    index.add([S3Object(key, 1, "", DAY) for key in reversed(keys)])
    index.seal()
    return index


def expected(sources: Sequence[Source]) -> dict[str, list[list[str]]]:
    """The keys of each identity by listing, worked out over everything at once."""
    members: dict[str, list[list[str]]] = {}
    for number, (pattern, namespace, keys) in enumerate(sources):
        for key in sorted(keys):
            placed = parse_layout(pattern).place(key)
            if isinstance(placed, tuple):
                members.setdefault(namespace + placed[0], [[] for _ in sources])[number].append(f"x/{key}")
    return members


def keys_of(identities: Sequence[Identity]) -> dict[str, list[list[str]]]:
    """The keys that a join found, by identity; each identity came once."""
    found = {one.name: [[image.object.key for image in images] for images in one.members] for one in identities}
    assert len(found) == len(identities)
    return found


def borders_at(sources: Sequence[Source], cuts: Sequence[tuple[int, int, str]]) -> list[str]:
    """Borders where it hurts: before, in and behind the names that there are."""
    positions = sorted({*(namespace + key for _, namespace, keys in sources for key in keys), *expected(sources), "a"})
    return [positions[number % len(positions)][:length] + more for number, length, more in cuts]


@given(sources=SOURCES, sizes=PAGE_SIZES, cuts=CUTS, scattered=st.booleans())
@example(  # the identity of a border lies on both sides of it: ab/ < ab1 < ab_face.png
    sources=[("folder", "", {"ab/1.png", "b/1.png"}), ("{identity}_face.{ext}", "", {"ab_face.png", "a_face.png"})],
    sizes=[1],
    cuts=[(0, 2, "1")],
    scattered=False,
)
@example(  # an identity holds the tail, and a border must not
    sources=[("{identity}_face.{ext}", "", {"a_face.b_face.png", "a_face.png", "a_face.png.png"})],
    sizes=[1],
    cuts=[(0, 7, "a"), (0, 7, "c"), (0, 5, "f")],
    scattered=False,
)
@example(  # a range that ends in the middle of a folder
    sources=[("folder", "", {f"a/{number}.png" for number in range(9)}), ("folder", "", {"a/1.png"})],
    sizes=[2],
    cuts=[(4, 3, "")],
    scattered=False,
)
@example(  # a listing that was read whole knows an identity by its name alone: a < a! < a/
    sources=[("folder", "", {"Z/1.png", "a/1.png"}), ("img_{identity}.{ext}", "", {"img_a.png"})],
    sizes=[1],
    cuts=[(2, 1, "!")],
    scattered=True,
)
@example(
    sources=[("img_{identity}.{ext}", "", {"img_\x01\x01.png", "img_\x00.png"})], sizes=[1], cuts=[], scattered=True
)
def test_each_identity_comes_once_and_whole(
    sources: list[Source],
    sizes: list[int],
    cuts: list[tuple[int, int, str]],
    scattered: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    """Whatever the layouts, the names, the pages, the cuts and the namespaces are, in order or scattered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streammerge.listing.merge_join._SLICE", 2)
        assert keys_of(joined(sources, sizes, borders_at(sources, cuts), scattered=scattered)) == expected(sources)


@given(sources=SOURCES, sizes=PAGE_SIZES, cuts=CUTS, moves=st.lists(st.booleans(), max_size=12))
def test_another_process_may_go_on_with_a_join(
    sources: list[Source], sizes: list[int], cuts: list[tuple[int, int, str]], moves: list[bool]
) -> None:
    """The state of a join can be pickled at any moment; nothing is lost or split."""
    assert keys_of(joined(sources, sizes, borders_at(sources, cuts), moves)) == expected(sources)


@given(sources=SOURCES, sizes=PAGE_SIZES)
def test_the_order_of_one_range_depends_on_no_page(sources: list[Source], sizes: list[int]) -> None:
    """A plan that is written to a file is the same however its listings are cut into pages."""
    whole = [identity.name for identity in joined(sources, [1000])]
    assert [identity.name for identity in joined(sources, sizes)] == whole


def _numbers(ending: str) -> set[str]:
    return {f"{number}{ending}" for number in range(1, 3000)}


@pytest.mark.parametrize(
    "sources",
    [
        [("{identity}_face.{ext}", "", _numbers("_face.png")), ("folder", "", _numbers("/1.png"))],
        [("{identity}.{ext}", "", _numbers(".png")), ("{identity}~{any}.{ext}", "", _numbers("~.png"))],
    ],
    ids=["flat beside folders", "two patterns"],
)
def test_numbers_without_leading_zeros(sources: list[Source]) -> None:
    """`1_face` comes after `1999_face` and `1/` before `10/`: only the few that begin others are held meanwhile."""
    assert keys_of(joined(sources, [50], ["15", "2", "27", "9"])) == expected(sources)


def test_a_whole_listing_is_taken_in_small_blocks() -> None:
    """With nothing else to wait for, an index is decoded bit by bit, not all at once."""
    listing = Listing("x/", ListingCounters(), parse_layout("img_{identity}.{ext}"))
    index = _index(listing, [f"x/img_{number:05}.png" for number in range(2500)])
    join = Join([listing], {0: index})
    names, most = [], 0
    for identity in join.complete():
        names.append(identity.name)
        most = max(most, len(join.shared()))
    assert names == [f"{number:05}" for number in range(2500)]
    assert most <= 1000


def test_what_comes_first_of_a_whole_listing_is_from_all_over_it() -> None:
    """Scattered, one tenth of it has something of each tenth; a key that was listed twice counts once."""
    counters = ListingCounters()
    listing = Listing("x/", counters, parse_layout("img_{identity}.{ext}"))
    keys = [f"x/img_{number:05}.png" for number in range(20_000)]
    index = _index(listing, [*keys, *keys[::500]])
    names = [identity.name for identity in Join([listing], {0: index}, scattered=True).complete()]
    assert sorted(names) == [f"{number:05}" for number in range(20_000)]
    assert {int(name) // 2000 for name in names[:2000]} == set(range(10))
    assert counters.objects == 20_000


@pytest.mark.parametrize(
    ("namespace", "position", "key"),
    [
        ("", "", ""),
        ("", "ab", "x/ab"),
        ("b_", "", ""),
        ("b_", "a", ""),
        ("b_", "b", ""),
        ("b_", "b_", "x/"),
        ("b_", "b_c", "x/c"),
        ("b_", "b`", None),
        ("b_", "c", None),
    ],
)
def test_a_border_is_looked_for_without_the_namespace(namespace: str, position: str, key: str | None) -> None:
    """A namespace is in no key: LIST begins at the border without it, at the beginning, or not at all."""
    assert Listing("x/", ListingCounters(), namespace=namespace).key_at(position) == key


def _pages(listing: Mapping[str, bool]) -> Iterator[tuple[list[S3Object], bool]]:
    for page, last in listing.items():
        yield [S3Object(f"x/{key}", 1, "", DAY) for key in page.split()], last


@pytest.mark.parametrize(
    "pages",
    [{"b_face.png a_face.png": True}, {"b_face.png": False, "a_face.png": True}, {"a_face.png a_face.png": True}],
    ids=["in a page", "from page to page", "twice"],
)
def test_a_flat_listing_out_of_order_is_an_error(pages: Mapping[str, bool]) -> None:
    """A pattern is joined by the same promise of order as folders, and held to it on every page."""
    join = Join([Listing("x/", ListingCounters(), parse_layout("{identity}_face.{ext}"))], {})

    def read() -> None:
        for objects, last in _pages(pages):
            join.feed(0, objects, last=last)

    with pytest.raises(RunError, match="not UTF-8 byte order"):
        read()
