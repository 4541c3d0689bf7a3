"""A file that is written is there whole, or as it was before."""

from pathlib import Path

import pytest

from streammerge.atomic_file import replacing
from streammerge.errors import RunError, UsageError


def test_a_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """Only when the block has ended; nothing else stays behind."""
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path, RunError) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "new")]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a bug"), OSError(28, "No space left on device")])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    """What was written is removed; that there is no space is told as the caller wants it."""
    path = tmp_path / "file"
    path.write_text("old")

    def write() -> None:
        with replacing(path, UsageError) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(UsageError if isinstance(error, OSError) else type(error)) as caught:
        write()
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {path}: No space left on device"
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "old")]
