"""A temporary database of the images of a data set and the files of a directory, to read them in any order.

Strategy: identities are listed in order of `identity + "/"`, which is not the order of their names (`a-b/` comes before
`a/`, but `a` before `a-b`), and what `a` is numbered depends on names that may come a million keys later. So
everything goes to a temporary SQLite database, which spills to disk what does not fit in its cache: memory stays
bounded whatever the size of the data set. Names are stored in UTF-8, whose byte order is Python's order of `str`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streammerge.dataset.objects import S3Object
from streammerge.manifest.row import Row
from streammerge.manifest.wanted import Found, Wanted, lot
from streammerge.temporary_database import TemporaryDatabase

_SCHEMA = """
CREATE TABLE identity (name BLOB PRIMARY KEY, lot BLOB) WITHOUT ROWID;
CREATE TABLE image (identity BLOB, name BLOB, size INTEGER, etag TEXT, modified TEXT, source TEXT,
                    place INTEGER, key BLOB, PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE TABLE file (identity BLOB, name BLOB, size INTEGER, written INTEGER, PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE INDEX by_lot ON identity (lot);
CREATE TABLE failed (identity BLOB, name BLOB, PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE TABLE late (identity BLOB, name BLOB, PRIMARY KEY (identity, name)) WITHOUT ROWID;
CREATE TABLE label (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE VIEW there AS SELECT image.* FROM identity JOIN image ON image.identity = identity.name
    WHERE NOT EXISTS (SELECT 1 FROM failed WHERE (failed.identity, failed.name) = (image.identity, image.name));
"""
_CACHE = 32 * 1024  # KiB


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a data set holds. smallest, largest: the fewest and the most images that an identity has."""

    identities: int
    images: int
    bytes: int
    smallest: int
    largest: int


class ImageDatabase(TemporaryDatabase):
    """Images, files and labels, as a TemporaryDatabase."""

    def __init__(self, prefix: str) -> None:
        """`prefix`: what precedes the path of an image in its key, as it does in a merged set."""
        super().__init__(_SCHEMA, cache=_CACHE)
        self._prefix = prefix
        self._deferred = False

    def add(self, identity: str, images: Iterable[Wanted], source: str = "") -> None:
        """Add images of one identity, with the name of the source that they come from."""
        images = list(images)
        if not images:
            return
        name = _bytes(identity)
        self._run("INSERT OR IGNORE INTO identity VALUES (?, ?)", name, lot(identity))
        self._run_many(
            "INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (name, _bytes(image.name), size, etag, modified, source, image.place, self._other_key(image))
                for image in images
                for _, size, etag, modified, *_ in (image.object,)
            ),
        )

    def _other_key(self, image: Wanted) -> bytes | None:
        """The key of an image, if it is not its path behind the prefix."""
        key = image.object.key
        return None if key == f"{self._prefix}{image.path}" else _bytes(key)

    def forget(self, identity: str) -> None:
        """Remove an identity and its images."""
        for table, column in (("identity", "name"), ("image", "identity")):
            self._run(f"DELETE FROM {table} WHERE {column} = ?", _bytes(identity))  # noqa: S608 - not input

    def add_files(self, found: Iterable[Found]) -> None:
        """Add files that exist."""
        self._run_many(
            "INSERT INTO file VALUES (?, ?, ?, ?)",
            ((_bytes(file.identity), _bytes(file.name), file.size, file.written) for file in found),
        )

    def sample(self, size: int) -> None:
        """Keep a reproducible random sample of `size` identities; files of the others still count as planned."""
        self._run("DELETE FROM identity WHERE name NOT IN (SELECT name FROM identity ORDER BY lot LIMIT ?)", size)

    def defer(self, paths: Iterable[tuple[str, str]]) -> None:
        """Have `wanted` hand over these images last, each given by its identity and its name."""
        self._run_many("INSERT OR IGNORE INTO late VALUES (?, ?)", ((_bytes(one), _bytes(two)) for one, two in paths))
        self._deferred = next(self._rows("SELECT 1 FROM late LIMIT 1"), None) is not None

    def made(self, wanted: Wanted) -> None:
        """Record that an image was brought."""
        if self._deferred:
            self._run("DELETE FROM late WHERE identity = ? AND name = ?", _bytes(wanted.identity), _bytes(wanted.name))

    def unsettled(self) -> Iterator[tuple[str, str]]:
        """Identity and name of each image that has failed, or was deferred and is still missing."""
        rows = self._rows(
            "SELECT identity, name FROM failed UNION SELECT image.identity, image.name FROM late JOIN image "
            "ON (image.identity, image.name) = (late.identity, late.name) "
            "LEFT JOIN file ON (image.identity, image.name) = (file.identity, file.name) "
            "WHERE file.size IS NOT image.size"
        )
        return ((_str(identity), _str(name)) for identity, name in rows)

    def wanted(self) -> Iterator[tuple[Wanted, Found | None]]:
        """Every image, identity by identity in random order, with the file that is in its place; late ones come last.

        What cannot be read often lies together, as do objects that one server keeps: a random order spreads both.
        """
        yield from self._wanted(late=False)
        if self._deferred:
            yield from self._wanted(late=True)

    def _wanted(self, *, late: bool) -> Iterator[tuple[Wanted, Found | None]]:
        rows = self._rows(
            "SELECT image.identity, image.name, image.size, image.etag, image.modified, image.place, image.key, "
            "file.size, file.written "
            "FROM identity JOIN image ON image.identity = identity.name "
            "LEFT JOIN file ON file.identity = image.identity AND file.name = image.name "
            "WHERE ((image.identity, image.name) IN (SELECT identity, name FROM late)) = ? "
            "ORDER BY identity.lot, identity.name, image.name",
            late,
        )
        for identity, name, size, etag, modified, place, key, found, written in rows:
            folder, file = _str(identity), _str(name)
            wanted = Wanted(S3Object(self._key(key, f"{folder}/{file}"), size, etag, modified), folder, file, place)
            yield wanted, None if found is None else Found(folder, file, found, written)

    def files_of(self, identity: str) -> Iterator[str]:
        """The paths of the files that are in the folder of an identity."""
        rows = self._rows("SELECT name FROM file WHERE identity = ?", _bytes(identity))
        return (f"{identity}/{_str(name)}" for (name,) in rows)

    def loose(self) -> list[str]:
        """The names of the files that lie in no folder."""
        return [_str(name) for (name,) in self._rows("SELECT name FROM file WHERE identity = x''")]

    def unplanned(self) -> Iterator[str]:
        """The paths of the files that belong to no image."""
        rows = self._rows(
            "SELECT identity, name FROM file WHERE NOT EXISTS "
            "(SELECT 1 FROM image WHERE (image.identity, image.name) = (file.identity, file.name))"
        )
        for identity, name in rows:
            yield f"{_str(identity)}/{_str(name)}" if identity else _str(name)

    def fail(self, wanted: Wanted) -> None:
        """Record that an image could not be brought."""
        self._run("INSERT INTO failed VALUES (?, ?)", _bytes(wanted.identity), _bytes(wanted.name))

    def statistics(self) -> Statistics:
        """Totals over the images that are present."""
        [row] = self._rows(
            "SELECT count(*), coalesce(sum(images), 0), coalesce(sum(bytes), 0), coalesce(min(images), 0), "
            "coalesce(max(images), 0) "
            "FROM (SELECT count(*) AS images, sum(size) AS bytes FROM there GROUP BY identity)"
        )
        return Statistics(*row)

    def identities(self) -> Iterator[str]:
        """The names of the identities that have images present."""
        return (_str(name) for (name,) in self._rows("SELECT DISTINCT identity FROM there ORDER BY 1"))

    def number(self, classes: Iterable[str]) -> None:
        """Number the classes as torchvision's ImageFolder does: in order of `str`, from 0.

        https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html (`find_classes`:
        `sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())`)
        """
        self._run_many("INSERT INTO label VALUES (?)", ((_bytes(name),) for name in classes))

    def classes(self) -> Iterator[str]:
        """The classes in the order of their numbers."""
        return (_str(name) for (name,) in self._rows("SELECT name FROM label ORDER BY name"))

    def manifest(self) -> Iterator[Row]:
        """A row for every image that is present, by label and name."""
        rows = self._rows(
            "SELECT identity, name, number, source, size, etag, key FROM there "
            "JOIN (SELECT name AS class, row_number() OVER (ORDER BY name) - 1 AS number FROM label) "
            "ON class = identity ORDER BY 1, 2"
        )
        for identity, name, number, source, size, etag, key in rows:
            folder = _str(identity)
            path = f"{folder}/{_str(name)}"
            yield Row(self._key(key, path), folder, number, source, size, etag, path)

    def _key(self, other: bytes | None, path: str) -> str:
        return self._prefix + path if other is None else _str(other)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")  # a file's name need not be UTF-8


def _str(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")
