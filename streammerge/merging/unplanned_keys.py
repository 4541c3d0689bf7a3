"""The keys of unplanned objects for --prune, in a temporary database, since there may be millions."""

from collections.abc import Iterator

from streammerge.temporary_database import TemporaryDatabase

_SCHEMA = "CREATE TABLE unplanned (key BLOB PRIMARY KEY, reason TEXT) WITHOUT ROWID;"
_CACHE = 16 * 1024  # KiB


class UnplannedKeys(TemporaryDatabase):
    """The reason by key."""

    def __init__(self) -> None:
        super().__init__(_SCHEMA, cache=_CACHE)

    def add(self, key: str, reason: str) -> None:
        """Keep a key."""
        self._run("INSERT OR REPLACE INTO unplanned VALUES (?, ?)", key.encode(), reason)

    def withdraw(self, key: str) -> None:
        """Forget a key."""
        self._run("DELETE FROM unplanned WHERE key = ?", key.encode())

    def batches(self, size: int) -> Iterator[dict[str, str]]:
        """The reason by key, `size` at a time, in byte order; keys of a batch may be withdrawn before the next."""
        last = b""
        while rows := [*self._rows("SELECT key, reason FROM unplanned WHERE key > ? ORDER BY key LIMIT ?", last, size)]:
            yield {key.decode(): reason for key, reason in rows}
            last = rows[-1][0]
