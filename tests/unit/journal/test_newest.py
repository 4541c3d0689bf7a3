"""The newest record of each target: what a dictionary would say, in a fraction of its memory."""

from hypothesis import given
from hypothesis import strategies as st

from streammerge.journal.newest import Newest, digest

KEYS = st.integers(0, 9).map(lambda number: digest(b"%d" % number))
VALUES = st.binary(min_size=3, max_size=3)


@given(added=st.lists(st.tuples(KEYS, VALUES)))
def test_the_last_value_of_each_digest_counts(added: list[tuple[bytes, bytes]]) -> None:
    """Whatever the order, and for those that were never added, too."""
    newest = Newest(3)
    for key, value in added:
        newest.add(key, value)
    newest.seal()
    assert bool(newest) == bool(added)
    assert sorted(newest) == sorted(dict(added).values())
    for number in range(12):
        key = digest(b"%d" % number)
        assert newest.get(key) == dict(added).get(key)


def test_without_values_it_is_a_set() -> None:
    """Failures are known by their targets alone."""
    newest = Newest()
    newest.add(digest(b"a"))
    newest.add(digest(b"a"))
    newest.seal()
    assert list(newest) == [b""]
    assert (newest.get(digest(b"a")), newest.get(digest(b"b"))) == (b"", None)


def test_nothing_is_known_before_it_is_sealed() -> None:
    """As where there is no journal to read."""
    assert Newest().get(digest(b"key")) is None
    assert not Newest()
