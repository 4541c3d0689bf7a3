"""Which images a page shows: of every bar, the same in every order, and pairs as a merge makes them."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.objects import Identity, Image, Location, S3Object
from streammerge.dataset.source import Source
from streammerge.images.choice import Choice, Row
from streammerge.planning.collisions import name_images
from streammerge.planning.pairs import pairs_of

SOURCES = [Source("one", Location("data", "one/")), Source("two", Location("data", "two/"))]
NAMES = [source.name for source in SOURCES]


def image(key: str, content: str = "") -> Image:
    """An image; equal contents have equal ETags."""
    etag = f"{hash(content or key) % 16**8:032x}"
    return Image(S3Object(key, 10, etag, "2026-01-01T00:00:00"), key.rpartition("/")[2])


def identity(name: str, *counts: int) -> Identity:
    """An identity with so many images of each source."""
    return Identity(name, [[image(f"{source}/{name}/{n}-{source}.jpg") for n in range(count)]
                           for source, count in zip(NAMES, counts, strict=True)])  # fmt: skip


def chosen(identities: Sequence[Identity], size: int) -> list[tuple[str, list[Row]]]:
    """What is shown of these."""
    choice = Choice(SOURCES, size)
    for each in identities:
        choice.note(each, name_images(each.members, NAMES))
    return list(choice.chosen())


@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)).filter(any), max_size=60),
    size=st.integers(1, 40),
    data=st.data(),
)
def test_as_many_as_asked_for_in_any_order(counts: list[tuple[int, int]], size: int, data: st.DataObject) -> None:
    """So many identities, each once, the largest first among them; the order in which they come changes nothing."""
    identities = [identity(f"id{number}", *of_each) for number, of_each in enumerate(counts)]
    albums = chosen(identities, size)
    assert albums == chosen(data.draw(st.permutations(identities)), size)
    rows = [row for _, rows in albums for row in rows]
    assert len({row.identity for row in rows}) == len(rows) == min(size, len(identities))
    if counts:
        assert rows[0].images == max(map(sum, counts))
        assert "the largest" in albums[0][0]
    assert all(1 <= len(row.shown) <= 4 for row in rows)


def test_each_bar_is_shown_and_each_source() -> None:
    """Identities of every size, named as the largest, the median and the smallest; images of each source in turn."""
    identities = [identity(f"id{number}", 1, 1) for number in range(50)]
    identities += [identity(f"large{number}", 4, 10) for number in range(20)] + [identity("huge", 0, 700)]
    albums = chosen(identities, 9)
    assert [(title, len(rows)) for title, rows in albums] == [
        ("Identities with 501–999 images: the largest", 1),
        ("Identities with 11–20 images", 4),
        ("Identities with 2 images: the median, the smallest", 4),
    ]
    assert [shown.source for shown in albums[1][1][0].shown] == ["one", "two", "one", "two"]


def test_none_asked_for() -> None:
    """Nothing is kept, nothing shown."""
    assert chosen([identity("id1", 2, 3)], 0) == []


def test_pairs() -> None:
    """The renamed image beside the one that has the name, a duplicate beside the one that is kept."""
    members = [
        [image("one/p/a.jpg"), image("one/p/b.jpg", "same")],
        [image("two/p/a.jpg"), image("two/p/b.jpg", "same"), image("two/p/c.jpg")],
    ]
    found = Identity("p", members)
    renamed = pairs_of(found, name_images(members, NAMES))
    assert [(kind, one.key, other.key, name) for kind, (_, one), (_, other), name in renamed] == [
        ("renamed", "one/p/a.jpg", "two/p/a.jpg", "a_two.jpg"),
        ("duplicate", "one/p/b.jpg", "two/p/b.jpg", ""),
    ]
    dropped = pairs_of(found, name_images(members, NAMES, collisions="first"))
    assert [pair.kind for pair in dropped] == ["dropped", "duplicate"]
