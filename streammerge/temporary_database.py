"""A temporary SQLite database for data that may not fit in memory; its unnamed file disappears with the run."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Self

_BATCH = 1000  # rows read at once


class TemporaryDatabase:
    """A context: the database is there while it lasts, for one thread. It spills to disk what its cache cannot hold."""

    def __init__(self, schema: str, *, cache: int) -> None:
        """`cache`: in KiB."""
        self._data = sqlite3.connect("", isolation_level=None)
        pragmas = f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{cache};"
        self._data.executescript(f"{pragmas} BEGIN; {schema}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def _run(self, statement: str, *values: Any) -> None:
        self._data.execute(statement, values)

    def _run_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._data.executemany(statement, rows)

    def _rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        cursor = self._data.execute(query, values)
        while batch := cursor.fetchmany(_BATCH):
            yield from batch
