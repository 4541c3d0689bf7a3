"""Which images are junk, and that a page which may have some is recognized."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.junk import junk, may_have_junk


@pytest.mark.parametrize(
    ("below", "reason"),
    [
        ("alice/1.jpg", None),
        ("alice/a.b/_1.jpg", None),
        ("alice/1._2.jpg", None),
        ("alice/../1.jpg", None),
        ("MACOSX/1.jpg", None),
        ("alice/._1.jpg", "AppleDouble file"),
        ("._1.jpg", "AppleDouble file"),
        ("__MACOSX/alice/._1.jpg", "AppleDouble file"),
        (".ipynb_checkpoints/1-checkpoint.jpg", "cache folder"),
        ("alice/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "cache folder"),
        (".thumbnails/1.png", "cache folder"),
        (".Trash-1000/files/1.jpg", "trash folder"),
        (".Trashes/1.jpg", "trash folder"),
        ("#recycle/alice/1.jpg", "trash folder"),
        ("$RECYCLE.BIN/1.jpg", "trash folder"),
        ("alice/lost+found/1.jpg", "trash folder"),
        (".git/1.jpg", "hidden folder"),
        ("alice/.1.jpg", "hidden file"),
        ("alice/.jpg", "hidden file"),
        ("@eaDir/.hidden/._1.jpg", "cache folder"),
    ],
)
def test_what_is_junk(below: str, reason: str | None) -> None:
    """The outermost name that says so gives the reason."""
    assert junk(below) == reason


_PARTS = st.sampled_from(
    ["alice", ".", "..", ".x", "._1.jpg", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "1.jpg"]
)


@given(st.lists(st.lists(_PARTS, min_size=1, max_size=4).map("/".join), max_size=5))
def test_a_page_with_junk_is_never_taken_for_one_without(keys: list[str]) -> None:
    """A page is searched as a whole, and no junk may escape."""
    if any(junk(key) for key in keys):
        assert may_have_junk(keys)
        assert may_have_junk([f"photos/{key}" for key in keys])
