"""Names that cannot be a file's, and that most are seen at once to be none of these."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.file_names import unfit, unfit_among


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("ada/1.jpg", ""),
        (f"ada/{'x' * 255}", ""),
        (f"ada/{'x' * 256}", "a name longer than 255 bytes"),
        (f"{'é' * 128}/1.jpg", "a name longer than 255 bytes"),
        ("ada/../1.jpg", "'.' or '..' in its path"),
        ("./1.jpg", "'.' or '..' in its path"),
        ("ada//1.jpg", "an empty name ('//') in its path"),
        ("ada/a\0b", "a NUL character in its name"),
    ],
)
def test_why_a_path_is_none(path: str, reason: str) -> None:
    """The first thing that is wrong with it."""
    assert unfit(path) == reason


@given(
    identity=st.sampled_from(["ada", ".", "..", "x" * 70, "é" * 128, "a\0"]),
    names=st.lists(st.text("a./\0", min_size=1, max_size=5) | st.sampled_from(["é" * 60, "é" * 128, "x" * 256])),
    prefix=st.sampled_from(["", "into/", ".//", "x" * 256 + "/"]),
)
def test_the_quick_look_overlooks_none(identity: str, names: list[str], prefix: str) -> None:
    """It finds what the slow one does; what lies before the identity is no part of the path."""
    paths = [f"{identity}/{name}" for name in names]
    found = unfit_among([prefix + path for path in paths], len(prefix))
    assert found == list(filter(None, map(unfit, paths)))
