"""Quartiles and bars of a histogram, against the plain list that it stands for."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.histogram import CAP, bars, quartiles

COUNTS = st.lists(st.integers(1, CAP), max_size=60)


@given(COUNTS)
def test_quartiles_are_those_of_the_sorted_list(counts: list[int]) -> None:
    """Nearest rank: the first number that enough of the list does not exceed."""
    expected = [next((n for n in sorted(counts) if sum(m <= n for m in counts) * 4 >= len(counts) * q), 0)
                for q in (1, 2, 3)]  # fmt: skip
    assert list(quartiles(Counter(counts))) == expected


@given(COUNTS)
def test_every_identity_is_in_one_bar(counts: list[int]) -> None:
    """The bars are in order, hold everything where it belongs, and none is empty."""
    found = bars(Counter(counts))
    assert sum(bar.identities for bar in found) == len(counts)
    for bar in found:
        assert bar.identities == sum(bar.low <= n <= (bar.high or CAP) for n in counts)
    assert all(one.high is not None and one.high < other.low for one, other in itertools.pairwise(found))
    assert all(bar.identities for bar in found)


def test_labels() -> None:
    """One number, a span, and no end."""
    assert [bar.label for bar in bars({1: 1, 6: 1, 999: 3, CAP: 2})] == ["1", "6–10", "501–999", "1,000 or more"]
