"""Identities that differ in spelling alone: counted in little memory, named by a second look, united by a map."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from samples import image

from streammerge.dataset.objects import Identity
from streammerge.dataset.spelling import spelling_key
from streammerge.planning.repeats import Repeats
from streammerge.planning.twins import Spelling, Spellings, Twins, uniting


def _groups(identities: list[tuple[str, int, int]]) -> list[list[Spelling]]:
    found = [
        Identity(name, [[image(str(n)) for n in range(many)] for many in members]) for name, *members in identities
    ]
    twins = Twins()
    for identity in found:
        twins.add(identity.name)
    spellings = Spellings(twins.digests(), ["one", "two"])
    for identity in found:
        spellings.look(identity)
    return spellings.groups()


@given(st.sets(st.text(alphabet="aA_- 1é\u0301", max_size=4)))
def test_twins_are_those_with_a_key_in_common(names: set[str]) -> None:
    """Each counted once, each named."""
    keys = Counter(map(spelling_key, names))
    many = {key: count for key, count in keys.items() if count > 1}
    twins = Twins()
    for name in names:
        twins.add(name)
    assert twins.count() == (len(many), sum(many.values()))
    groups = _groups([(name, 1, 0) for name in names])
    assert {spelling_key(group[0].identity): len(group) for group in groups} == many


def test_the_map_unites_them_under_the_best_spelling() -> None:
    """As one types it, then the one with most images; each source's own name is mapped."""
    [group] = _groups([("Jose\u0301", 9, 9), ("José", 1, 0), ("josé", 1, 1), ("Ana", 1, 1)])
    assert [each.identity for each in group] == ["josé", "José", "Jose\u0301"]
    assert set(uniting([group])) == {
        ("one", "josé", "josé"),
        ("two", "josé", "josé"),
        ("one", "José", "josé"),
        ("one", "Jose\u0301", "josé"),
        ("two", "Jose\u0301", "josé"),
    }


def test_a_warning_names_two_and_the_way_out() -> None:
    """And there is none without twins."""
    twins = Twins()
    twins.add("John_Smith")
    assert twins.warning("Do this") is None
    twins.add("john-smith ")
    warning = twins.warning("Do this", _groups([("John_Smith", 1, 0), ("john-smith ", 2, 0)])) or ""
    assert warning.startswith(
        "2 identities are probably 1 under several names ('John_Smith', 'john-smith '), which differ"
    )
    assert warning.endswith("Do this")


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=60), st.integers(1, 20))
def test_a_bound_samples_digests_with_all_their_repeats(digests: list[int], most: int) -> None:
    """What is counted is counted right, and it is never more than was allowed."""
    every = Counter(digests + digests[::2])
    bounded, full = Repeats(most), Repeats()
    for digest in every.elements():
        bounded.add(digest)
        full.add(digest)
    right = {digest: count for digest, count in every.items() if count > 1}
    assert dict(full.repeated()) == right
    assert dict(bounded.repeated()).items() <= right.items()
    assert bounded.sampled == (every.total() > most)
    assert sum(count for _, count in bounded.repeated()) <= most
    one, other = Repeats(most), Repeats(most)
    for number, digest in enumerate(every.elements()):
        (one, other)[number % 2].add(digest)
    one += other
    assert list(one.repeated()) == list(bounded.repeated())


@given(st.sets(st.text("09", min_size=1, max_size=20), max_size=50))
def test_numbers_are_twins_of_none_but_numbers_in_blanks(names: set[str]) -> None:
    """Leading zeros count, and so does every digit of a long number."""
    twins = Twins()
    for name in names:
        twins.add(name)
    assert twins.count() == (0, 0)
    for name in names:
        twins.add(f" {name}")
    assert twins.count() == (len(names), 2 * len(names))
