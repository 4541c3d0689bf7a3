"""Quartiles and bars of a histogram, against the plain list that it stands for."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streammerge.core.histogram import CAP, bars, quartiles

COUNTS = st.lists(st.integers(1, CAP), max_size=60)


@given(COUNTS)
def test_quartiles_are_those_of_the_sorted_list(counts: list[int]) -> None:
    """Nearest rank: the first number that enough of the list does not exceed."""
    expected = [next((n for n in sorted(counts) if sum(m <= n for m in counts) * 4 >= len(counts) * q), 0)
                for q in (1, 2, 3)]  # fmt: skip
    assert list(quartiles(Counter(counts))) == expected


@given(COUNTS)
def test_every_identity_is_in_one_bar(counts: list[int]) -> None:
    """The bars join without gap, hold everything where it belongs, and the last is not empty."""
    found = bars(Counter(counts))
    assert sum(bar.identities for bar in found) == len(counts)
    for bar in found:
        assert bar.identities == sum(bar.low <= n <= (bar.high or CAP) for n in counts)
    assert all(one.high == other.low - 1 for one, other in itertools.pairwise(found))
    assert not found or found[-1].identities


def test_labels() -> None:
    """One number, a span, and no end."""
    assert [bar.label for bar in bars({1: 1, CAP: 2})] == [
        "1", "2", "3", "4", "5", "6 to 10", "11 to 20", "21 to 50", "51 to 100", "101 to 200", "201 to 500",
        "501 to 999", "1,000 or more",
    ]  # fmt: skip
