"""Tables on disk, read and written by the names of their columns: identity maps, and lists of corrupt images."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streammerge.atomic_file import replacing
from streammerge.dataset.corrupt import Corrupt
from streammerge.dataset.identity_map import Mapped
from streammerge.errors import UsageError

WriteRow = Callable[[Iterable[str]], object]


@dataclass(frozen=True, slots=True)
class _Table:
    """A kind of table. option: what names one to read. filled: how many of its columns, the first ones, have values."""

    name: str
    option: str
    columns: tuple[str, ...]
    filled: int

    def rows(self, path: Path) -> Iterator[list[str]]:
        """The values of the columns, row by row; others that the file has are passed over.

        Raises UsageError where it cannot be read, lacks a column, or a row lacks a value.
        """
        read = _parquet_rows if path.suffix.lower() == ".parquet" else _csv_rows
        try:
            for number, row in enumerate(read(path, self), 1):
                if "" in row[: self.filled]:
                    raise UsageError(f"{self.option} {path}: row {number} has no {self.columns[row.index('')]}")
                yield row
        except OSError as error:
            raise UsageError(f"cannot read the {self.name} {path}: {error.strerror or error}") from error
        except (ValueError, csv.Error) as error:
            raise UsageError(f"cannot read the {self.name} {path}: {error}") from error

    def check(self, path: Path, columns: Sequence[str]) -> None:
        """Raises UsageError where a file has not all of the columns."""
        if missing := [column for column in self.columns if column not in columns]:
            *most, last = self.columns
            raise UsageError(
                f"{self.option} {path}: no column {missing[0]!r}; it needs the columns {', '.join(most)} and {last}"
            )


_MAP = _Table("identity map", "--identity-map", Mapped._fields, filled=2)  # an empty `to` drops an identity
_CORRUPT = _Table("list of corrupt images", "--ignore-corrupt", Corrupt._fields, filled=3)


def read_map(path: Path) -> Iterator[Mapped]:
    """The rows of an identity map, a .csv or .parquet file. Raises UsageError where it is not complete."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"--identity-map {path}: its name must end with .csv or .parquet")
    return map(Mapped._make, _MAP.rows(path))


def read_corrupt(path: Path) -> Iterator[Corrupt]:
    """The rows of a list of corrupt images. Raises UsageError where it is not complete."""
    return map(Corrupt._make, _CORRUPT.rows(path))


@contextmanager
def writing(path: Path, columns: Sequence[str]) -> Iterator[WriteRow]:
    """A function that writes a row of a CSV file, which is there once the block has ended well.

    Raises UsageError where it cannot be written.
    """
    with replacing(path, UsageError) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        write: WriteRow = csv.writer(file).writerow
        write(columns)
        yield write


def _csv_rows(path: Path, table: _Table) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        table.check(path, reader.fieldnames or ())
        for row in reader:
            values = [row[column] for column in table.columns]
            if None in row or None in values:  # an empty value has a meaning, one that is missing must not
                compared = "more" if None in row else "fewer"
                raise UsageError(
                    f"{table.option} {path}: line {reader.line_num} has {compared} fields than the header: put quotes "
                    "around a name with a comma, and write the comma before a value that is empty"
                )
            yield values


def _parquet_rows(path: Path, table: _Table) -> Iterator[list[str]]:
    try:
        from pyarrow.parquet import read_table  # noqa: PLC0415 - optional
    except ImportError:
        raise UsageError(
            f"{table.option} {path}: Parquet needs pyarrow. In a checkout, run: pip install '.[parquet]'"
        ) from None
    found = read_table(path)
    table.check(path, found.column_names)
    for row in found.select(table.columns).to_pylist():
        for column, value in row.items():
            if not isinstance(value, str | None):  # 0000001 as a number is 1
                raise UsageError(f"{table.option} {path}: column {column!r} holds {value!r}, which is no text")
        yield [value or "" for value in row.values()]
