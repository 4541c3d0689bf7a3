"""The class list and the manifest as files."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.errors import RunError, UsageError
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.files import TrainingFiles, write_classes, write_manifest
from streammerge.manifest.row import Row

_ROWS = [
    Row("set/a b/1.jpg", "a b", 0, "one", 3, "ab", "a b/1.jpg"),
    Row("set/a\rb/1.jpg", "a\rb", 2, "two", 3, "ef", "a\rb/1.jpg"),
    Row('set/q",\n/é.jpg', 'q",\n', 1, "two", 1 << 40, "cd-2", 'q",\n/é.jpg'),
]


@given(st.lists(st.text(min_size=1), max_size=20))
def test_classes_are_read_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """As JSON whatever they are; as lines unless a name has a line break in it, which is refused."""
    folder = tmp_path_factory.mktemp("classes")
    write_classes(folder / "classes.json", iter(names))
    assert json.loads((folder / "classes.json").read_text("utf-8")) == names
    if any(len((name + "x").splitlines()) > 1 for name in names):
        with pytest.raises(RunError, match=r"write the classes to a \.json file"):
            write_classes(folder / "classes.txt", names)
    else:
        write_classes(folder / "classes.txt", names)
        assert (folder / "classes.txt").read_text("utf-8").splitlines() == names
    assert not list(folder.glob("*.partial"))


def test_manifest_as_csv(tmp_path: Path) -> None:
    """A header, and a row each, whatever characters names have."""
    write_manifest(tmp_path / "m.csv", _ROWS)
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["key", "identity", "label", "source", "size", "etag", "path"]
    assert rows == [[str(value) for value in row] for row in _ROWS]


def test_manifest_as_parquet(tmp_path: Path) -> None:
    """The same, with types; in several groups of rows."""
    parquet = pytest.importorskip("pyarrow.parquet")
    write_manifest(tmp_path / "m.parquet", iter(_ROWS * 4_000))
    read = parquet.read_table(tmp_path / "m.parquet")
    assert read.num_rows == 12_000
    assert [tuple(row.values()) for row in read.slice(9_999, 2).to_pylist()] == [_ROWS[0], _ROWS[1]]


def test_what_cannot_be_written_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that there is not, a folder that is not there, Parquet without pyarrow."""
    with pytest.raises(UsageError, match=r"\.csv or \.parquet"):
        TrainingFiles(None, tmp_path / "m.xlsx")
    with pytest.raises(UsageError, match="does not exist"):
        TrainingFiles(tmp_path / "no/classes.txt", None)
    TrainingFiles(tmp_path / "no/classes.txt", None, directory=tmp_path / "no")  # which the run will make
    with pytest.raises(UsageError, match="does not exist"):
        TrainingFiles(tmp_path / "no/deep/classes.txt", None, directory=tmp_path / "no")
    monkeypatch.setattr("streammerge.manifest.files.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install '\.\[parquet\]'"):
        TrainingFiles(None, tmp_path / "m.parquet")


def test_a_file_that_was_there_stays_if_the_new_one_fails(tmp_path: Path) -> None:
    """Nor is anything half-written left beside it."""
    path = tmp_path / "classes.txt"
    path.write_text("old\n")
    with pytest.raises(RunError, match="does not fit on one line"):
        write_classes(path, ["a", "b\nc"])
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("classes.txt", "old\n")]
    (tmp_path / "folder").mkdir()
    with ImageDatabase("") as database, pytest.raises(RunError, match="cannot write"):
        TrainingFiles(tmp_path / "folder", None).write(database, ["a"])


@pytest.mark.parametrize(("classes", "journal"), [("a.csv", None), ("b.txt", "a.csv"), ("b.txt", "b.txt")])
def test_files_that_are_one(tmp_path: Path, classes: str, journal: str | None) -> None:
    """Also where Python code names them."""
    with pytest.raises(UsageError, match="choose another file"):
        TrainingFiles(tmp_path / classes, tmp_path / "a.csv", journal=journal and tmp_path / journal)
