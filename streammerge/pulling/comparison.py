"""Finds which images of a set are missing from a directory.

Strategy: sizes and times, all in the database, decide nearly all; files are read, some at a time, where only an MD5
decides (`paths.judge`).
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from streammerge.dataset.objects import Location
from streammerge.errors import TransientError
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.wanted import Found, Wanted
from streammerge.pulling.directory import Directory
from streammerge.pulling.paths import Check, judge, may_be_current, parents
from streammerge.transfer.backoff import RetryPolicy, with_retries

_AT_ONCE = 64  # images whose files are read side by side
Pair = tuple[Wanted, Found | None]


class Asked(Protocol):
    """A store that can say what an ETag is."""

    async def etag_is_md5(self, location: Location, key: str) -> bool:
        """Whether the ETag of an object is an MD5 of its content, by one request."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be done. blocks: bytes that the missing images take on disk, by the size of a block.

    folders: that are to be made for them; each is a file of its own to a file system.
    """

    missing: int
    doubtful: int
    blocks: int
    folders: int


class Comparing:
    """Compares what a database has of a prefix and of a directory; check: what proves that a file is right."""

    def __init__(
        self,
        store: Asked,
        locations: Sequence[Location],
        folder: Directory,
        *,
        database: ImageDatabase,
        check: Check,
        retries: RetryPolicy,
    ) -> None:
        self._store = store
        self._retries = retries
        self._locations = locations
        self._folder = folder
        self._database = database
        self._check = check

    def need(self, block: int) -> Need:
        """What there is to do, as far as sizes and times tell; block: bytes of a block."""
        missing = doubtful = blocks = made = 0
        for identity, pairs in itertools.groupby(self._database.wanted(), lambda pair: pair[0].identity):
            needed = set[str]()
            for wanted, found in pairs:
                verdict = judge(wanted, found, self._check)
                doubtful += verdict == "compare"
                if verdict == "fetch":
                    missing += 1
                    blocks += -(-wanted.object.size // block)
                    needed.update(parents(wanted.path))
            if needed:
                there = {folder for path in self._database.files_of(identity) for folder in parents(path)}
                made += len(needed - there)
        return Need(missing, doubtful, blocks * block, made)

    def batches(self) -> Iterator[list[Pair]]:
        """All images that are missing or doubtful, identity by identity, some at a time."""
        pairs = (pair for pair in self._database.wanted() if judge(*pair, self._check) != "present")
        while batch := list(itertools.islice(pairs, _AT_ONCE)):
            yield batch

    async def missing(self, batch: Sequence[Pair]) -> list[Wanted]:
        """Those of a batch that are not there, or not right."""
        async with asyncio.TaskGroup() as group:
            comparing = {
                wanted: group.create_task(self._is_right(wanted, found))
                for wanted, found in batch
                if found is not None and judge(wanted, found, self._check) == "compare"
            }
        return [wanted for wanted, _ in batch if wanted not in comparing or not comparing[wanted].result()]

    async def _is_right(self, wanted: Wanted, found: Found) -> bool:
        if await self._folder.confirm(wanted.path, wanted.object.etag, wanted.time):
            return True
        location, key = self._locations[wanted.place], wanted.object.key
        try:
            is_md5 = await with_retries(lambda: self._store.etag_is_md5(location, key), self._retries)
        except TransientError:
            return False  # to fetch it is right in any case, and what fails then is this image alone
        return not is_md5 and may_be_current(wanted, found)
