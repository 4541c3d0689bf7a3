"""Comparing: which images of a set are missing from a directory.

Strategy: sizes and times, all in the catalogue, tell of nearly all; files are read, some at a time, where only an MD5
will tell (`core.local.judge`).
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from streammerge.catalogue import Catalogue
from streammerge.core.keys import Location
from streammerge.core.local import Check, Found, Wanted, judge, may_be_current
from streammerge.errors import TransientError
from streammerge.folder import Folder
from streammerge.s3.retry import Retries, persist

_AT_ONCE = 64  # images whose files are read side by side
Pair = tuple[Wanted, Found | None]


class Asked(Protocol):
    """A store that can say what an ETag is."""

    async def etag_is_md5(self, location: Location, key: str) -> bool:
        """Whether the ETag of an object is an MD5 of its content, by one request."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be done. blocks: bytes that the missing images take on disk, by the size of a block."""

    missing: int
    doubtful: int
    blocks: int


class Comparing:
    """Compares what a catalogue has noted of a prefix and of a directory; check: what proves that a file is right."""

    def __init__(
        self,
        store: Asked,
        location: Location,
        folder: Folder,
        *,
        catalogue: Catalogue,
        check: Check,
        retries: Retries,
    ) -> None:
        self._store = store
        self._retries = retries
        self._location = location
        self._folder = folder
        self._catalogue = catalogue
        self._check = check

    def need(self, block: int) -> Need:
        """What there is to do, as far as sizes and times tell; block: bytes of a block."""
        missing = doubtful = blocks = 0
        for wanted, found in self._catalogue.wanted():
            verdict = judge(wanted, found, self._check)
            doubtful += verdict == "compare"
            if verdict == "fetch":
                missing += 1
                blocks += -(-wanted.size // block)
        return Need(missing, doubtful, blocks * block)

    def batches(self) -> Iterator[list[Pair]]:
        """All images that are missing or doubtful, by identity in order of name, some at a time."""
        pairs = (pair for pair in self._catalogue.wanted() if judge(*pair, self._check) != "present")
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
        if await self._folder.confirm(wanted.path, wanted.etag, wanted.time):
            return True
        key = self._location.prefix + wanted.path
        try:
            is_md5 = await persist(lambda: self._store.etag_is_md5(self._location, key), self._retries)
        except TransientError:
            return False  # to fetch it is right in any case, and what fails then is this image alone
        return not is_md5 and may_be_current(wanted, found)
