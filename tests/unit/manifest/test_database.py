"""The database: numbers, order and differences of more than fits in memory."""

from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.objects import S3Object
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.row import Row
from streammerge.manifest.wanted import Found, Wanted

_NAMES = st.text(st.sampled_from("ab-. /0\U0001f642é\ud800\udc80".replace("/", "")), min_size=1, max_size=3)


def image(identity: str, name: str, size: int = 1) -> Wanted:
    """An image."""
    return Wanted(S3Object(f"set/{identity}/{name}", size, "e", "m"), identity, name)


@given(st.lists(_NAMES, unique=True))
def test_classes_are_numbered_in_order_of_str(names: list[str]) -> None:
    """As torchvision does, also where names are prefixes of others, in whatever order they come."""
    with ImageDatabase("set/") as database:
        for name in names:
            if name.isprintable():
                database.add(name, [image(name, "1.jpg")])
        database.number(names)
        assert list(database.classes()) == sorted(names)
        labels = {row.identity: row.label for row in database.manifest()}
    assert labels == {name: sorted(names).index(name) for name in names if name.isprintable()}


def test_counts_what_is_there() -> None:
    """Failed images do not count, nor identities that have no other."""
    with ImageDatabase("set/") as database:
        database.add("a", [image("a", "1.jpg", 10), image("a", "2.jpg", 20)], "one")
        database.add("a-b", [image("a-b", "1.jpg", 3)], "two")
        database.add("c", [image("c", "1.jpg", 5)])
        database.add("a", [image("a", "3.jpg", 1)], "two")
        database.fail(image("c", "1.jpg"))
        found = database.statistics()
        assert (found.identities, found.images, found.bytes, found.smallest, found.largest) == (2, 4, 34, 1, 3)
        database.number(database.identities())
        rows = list(database.manifest())
    assert rows[2:] == [
        Row("set/a/3.jpg", "a", 0, "two", 1, "e", "a/3.jpg"),
        Row("set/a-b/1.jpg", "a-b", 1, "two", 3, "e", "a-b/1.jpg"),
    ]


def test_finds_what_is_in_its_place_and_what_is_not() -> None:
    """Files of identities that were not drawn are wanted none the less."""
    with ImageDatabase("set/") as database:
        for name in "abcdefgh":
            database.add(name, [image(name, "1.jpg")])
        there = [Found(name, "1.jpg", 1, 0) for name in "abcdefgh"]
        database.add_files([*there, Found("a", "9.jpg", 1, 0), Found("", "train.rec", 1, 0)])
        database.sample(3)
        wanted = list(database.wanted())
        assert len(wanted) == 3
        assert all(found and found.identity == each.identity for each, found in wanted)
        assert [each for each, _ in wanted] == [image(each.identity, "1.jpg") for each, _ in wanted]
        assert sorted(database.unplanned()) == ["a/9.jpg", "train.rec"]
        assert database.loose() == ["train.rec"]
