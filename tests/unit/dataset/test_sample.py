"""A sample of what comes: by keys alone, whatever the order, and spread evenly."""

from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.sample import Sample


@given(numbers=st.lists(st.integers(0, 500), unique=True, max_size=60), size=st.integers(0, 20), data=st.data())
def test_sample_depends_on_the_keys_alone(numbers: list[int], size: int, data: st.DataObject) -> None:
    """As many as were asked for, the same whatever order they come in."""
    chosen = []
    for order in (numbers, data.draw(st.permutations(numbers))):
        sample = Sample[int](size)
        for number in order:
            sample.add(f"out/id{number:03}/a.jpg", number)
        chosen.append(list(sample))
    assert chosen[0] == chosen[1] == sorted(chosen[0])
    assert len(chosen[0]) == min(size, len(numbers))


def test_sample_is_spread_over_the_key_space() -> None:
    """Of 10,000 keys in order, each tenth gives its share of a sample of 500, give or take."""
    sample = Sample[int](500)
    for number in range(10_000):
        sample.add(f"out/{number:05}/a.jpg", number)
    tenths = [number // 1000 for number in sample]
    assert all(25 < tenths.count(tenth) < 80 for tenth in range(10))
