"""Identity maps, and lists of corrupt images, as spreadsheets and programs write them."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.parquet import write_table

from streammerge.dataset.identity_map import Mapped
from streammerge.errors import UsageError
from streammerge.table_files import read_corrupt, read_map, writing

_ROWS = [Mapped("one", 'Smith, "J"\r', "José "), Mapped("two", "a\nb", ""), Mapped("two", "007", "7")]


@pytest.mark.parametrize(
    "text",
    [
        "source,identity,to\none,ann,anne\ntwo,bob,\n",
        "\ufeffsource,identity,to\r\none,ann,anne\r\n\r\ntwo,bob,\r\n",
        "source,identity,to\rone,ann,anne\rtwo,bob,",
        'note,"to","source","identity"\nx,"anne","one","ann"\ny,,two,bob\n',
    ],
)
def test_csv_of_any_kind(tmp_path: Path, text: str) -> None:
    """With a byte order mark, any ends of lines, empty lines, quotes, further columns, in any order."""
    path = tmp_path / "map.csv"
    path.write_bytes(text.encode())
    assert list(read_map(path)) == [("one", "ann", "anne"), ("two", "bob", "")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column 'source'"),
        ("source;identity;to\none;ann;anne\n", "no column 'source'"),
        ("source,identity,to\none,ann\n", "line 2 has fewer fields"),
        ("source,identity,to\none,Smith, John,ann\n", "line 2 has more fields"),
        ("source,identity,to\n\none,,ann\n", "row 1 has no identity"),
        ('source,identity,to\none,"ann"x,b\n', "cannot read the identity map"),
    ],
)
def test_a_csv_that_is_not_complete_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """Above all, a row that lacks its last field drops no identity."""
    path = tmp_path / "map.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=problem):
        list(read_map(path))


def test_no_file_and_no_text(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(UsageError, match=r"cannot read the identity map .*none\.csv: No such file"):
        list(read_map(tmp_path / "none.csv"))
    (tmp_path / "map.csv").write_bytes("source,identity,to\none,é,e\n".encode("latin-1"))
    with pytest.raises(UsageError, match="cannot read the identity map"):
        list(read_map(tmp_path / "map.csv"))
    (tmp_path / "map.parquet").write_bytes(b"no Parquet")
    with pytest.raises(UsageError, match="cannot read the identity map"):
        list(read_map(tmp_path / "map.parquet"))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Whatever is in a name."""
    path = tmp_path / "map.csv"
    with writing(path, Mapped._fields) as write:
        for row in _ROWS:
            write(row)
    assert list(read_map(path)) == _ROWS


def test_parquet(tmp_path: Path) -> None:
    """A null drops an identity as an empty text does; numbers are refused, since 0000001 is none."""
    path = tmp_path / "map.parquet"
    columns = {column: [getattr(row, column) or None for row in _ROWS] for column in Mapped._fields}
    write_table(pa.table({**columns, "score": [0.1, 0.2, 0.3]}), path)
    assert list(read_map(path)) == _ROWS
    write_table(pa.table({**columns, "identity": [1, 2, 3]}), path)
    with pytest.raises(UsageError, match="column 'identity' holds 1, which is no text"):
        list(read_map(path))
    write_table(pa.table({"source": ["one"], "identity": ["ann"]}), path)
    with pytest.raises(UsageError, match="no column 'to'"):
        list(read_map(path))


@given(rows=st.lists(st.tuples(*[st.text('a,\r\n\t"\x0b\u2028 ', min_size=1, max_size=5)] * 3), unique=True))
def test_any_name_survives_its_file(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    """Line breaks, tabs, commas and quotes in a name come out as they went in."""
    path = tmp_path_factory.mktemp("map") / "map.csv"
    with writing(path, Mapped._fields) as write:
        for row in rows:
            write(row)
    assert list(read_map(path)) == rows


def test_a_list_of_corrupt_images_is_read_as_strictly(tmp_path: Path) -> None:
    """Of any number of columns, and with a value in each that counts; a row that is cut short leaves out no image."""
    path = tmp_path / "corrupt.csv"
    path.write_text("detail,etag,bucket,key\nits header is damaged,e,b,a.jpg\n", "utf-8")
    assert list(read_corrupt(path)) == [("b", "a.jpg", "e")]
    path.write_text("bucket,key,etag\nb,a.jpg\n", "utf-8")
    with pytest.raises(UsageError, match=r"--ignore-corrupt .*line 2 has fewer fields"):
        list(read_corrupt(path))
