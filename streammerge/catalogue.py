"""The catalogue of a run: every image that is to be somewhere, and every file that is, in an order of one's choice.

Strategy: identities are listed in order of `identity + "/"`, which is not the order of their names (`a-b/` comes before
`a/`, but `a` before `a-b`), and what `a` is numbered depends on names that may come a million keys later. So all is
noted in a temporary database of SQLite, which keeps on disk what does not fit in its cache: memory stays what it is,
whatever the size of the data set. Names are stored in UTF-8, whose byte order is Python's order of `str`.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from streammerge.core.local import Found, Wanted, lot

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32768;
BEGIN;
CREATE TABLE identity (name BLOB PRIMARY KEY, lot BLOB) WITHOUT ROWID;
CREATE TABLE image (identity BLOB, name BLOB, size INTEGER, etag TEXT, modified TEXT, source TEXT,
                    PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE TABLE file (identity BLOB, name BLOB, size INTEGER, written INTEGER, PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE TABLE failed (identity BLOB, name BLOB, PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE TABLE label (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE VIEW there AS SELECT image.* FROM identity JOIN image ON image.identity = identity.name
    WHERE NOT EXISTS (SELECT 1 FROM failed WHERE (failed.identity, failed.name) = (image.identity, image.name));
"""
_BATCH = 1000  # rows read at once


class Row(NamedTuple):
    """A line of the manifest."""

    key: str
    identity: str
    label: int
    source: str
    size: int  # bytes
    etag: str
    path: str  # below the directory that it is pulled into


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a data set holds. smallest, largest: the fewest and the most images that an identity has."""

    identities: int
    images: int
    bytes: int
    smallest: int
    largest: int


class Catalogue:
    """A context: the catalogue is there while it lasts, for one thread."""

    def __init__(self) -> None:
        self._data = sqlite3.connect("", isolation_level=None)  # a file that has no name, and goes by itself
        self._data.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._data.close()

    def add(self, identity: str, images: Iterable[Wanted], source: str = "") -> None:
        """Note images of one identity, with the name of the source that they come from."""
        name = _bytes(identity)
        self._data.execute("INSERT OR IGNORE INTO identity VALUES (?, ?)", (name, lot(identity)))
        self._data.executemany(
            "INSERT INTO image VALUES (?, ?, ?, ?, ?, ?)",
            ((name, _bytes(image.name), image.size, image.etag, image.modified, source) for image in images),
        )

    def forget(self, identity: str) -> None:
        """Note nothing of an identity any more."""
        for table, column in (("identity", "name"), ("image", "identity")):
            self._data.execute(f"DELETE FROM {table} WHERE {column} = ?", (_bytes(identity),))  # noqa: S608 - not input

    def add_files(self, found: Iterable[Found]) -> None:
        """Note files that are there."""
        self._data.executemany(
            "INSERT INTO file VALUES (?, ?, ?, ?)",
            ((_bytes(file.identity), _bytes(file.name), file.size, file.written) for file in found),
        )

    def sample(self, size: int) -> None:
        """Keep so many identities, drawn by lot; the files of the others are wanted there none the less."""
        self._data.execute(
            "DELETE FROM identity WHERE name NOT IN (SELECT name FROM identity ORDER BY lot LIMIT ?)", (size,)
        )

    def wanted(self) -> Iterator[tuple[Wanted, Found | None]]:
        """Every image, by identity in order of name, with the file that is in its place."""
        rows = self._rows(
            "SELECT image.identity, image.name, image.size, image.etag, image.modified, file.size, file.written "
            "FROM identity JOIN image ON image.identity = identity.name "
            "LEFT JOIN file ON file.identity = image.identity AND file.name = image.name ORDER BY 1, 2"
        )
        for identity, name, size, etag, modified, found, written in rows:
            wanted = Wanted(_str(identity), _str(name), size, etag, modified)
            yield wanted, None if found is None else Found(wanted.identity, wanted.name, found, written)

    def loose(self) -> list[str]:
        """The names of the files in no identity's folder."""
        return [_str(name) for (name,) in self._rows("SELECT name FROM file WHERE identity = x''")]

    def extra(self) -> Iterator[str]:
        """The paths of the files that no image wants there."""
        rows = self._rows(
            "SELECT identity, name FROM file WHERE NOT EXISTS "
            "(SELECT 1 FROM image WHERE (image.identity, image.name) = (file.identity, file.name))"
        )
        for identity, name in rows:
            yield f"{_str(identity)}/{_str(name)}" if identity else _str(name)

    def fail(self, wanted: Wanted) -> None:
        """Note that an image is not there."""
        key = _bytes(wanted.identity), _bytes(wanted.name)
        self._data.execute("INSERT INTO failed VALUES (?, ?)", key)

    def statistics(self) -> Statistics:
        """Of the images that are there."""
        [row] = self._rows(
            "SELECT count(*), coalesce(sum(images), 0), coalesce(sum(bytes), 0), coalesce(min(images), 0), "
            "coalesce(max(images), 0) "
            "FROM (SELECT count(*) AS images, sum(size) AS bytes FROM there GROUP BY identity)"
        )
        return Statistics(*row)

    def identities(self) -> Iterator[str]:
        """The names of the identities that are there."""
        return (_str(name) for (name,) in self._rows("SELECT DISTINCT identity FROM there ORDER BY 1"))

    def number(self, classes: Iterable[str]) -> None:
        """Number the classes as torchvision's ImageFolder does: in order of `str`, from 0.

        https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html (`find_classes`:
        `sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())`)
        """
        self._data.executemany("INSERT INTO label VALUES (?)", ((_bytes(name),) for name in classes))

    def classes(self) -> Iterator[str]:
        """The classes in the order of their numbers."""
        return (_str(name) for (name,) in self._rows("SELECT name FROM label ORDER BY name"))

    def manifest(self, prefix: str) -> Iterator[Row]:
        """A row for every image that is there, by label and name; `prefix` is what keys begin with."""
        rows = self._rows(
            "SELECT identity, name, number, source, size, etag FROM there "
            "JOIN (SELECT name AS class, row_number() OVER (ORDER BY name) - 1 AS number FROM label) "
            "ON class = identity ORDER BY 1, 2"
        )
        for identity, name, number, source, size, etag in rows:
            folder = _str(identity)
            path = f"{folder}/{_str(name)}"
            yield Row(prefix + path, folder, number, source, size, etag, path)

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        cursor = self._data.execute(query)
        while batch := cursor.fetchmany(_BATCH):
            yield from batch


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")  # a file's name need not be UTF-8


def _str(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")
