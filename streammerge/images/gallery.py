"""Makes the gallery of a report: reads the images that were chosen, a bounded piece of each, and scales them down."""

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from streammerge.dataset.objects import ARCHIVED, Location
from streammerge.errors import RunError, S3Error, TransientError, UsageError
from streammerge.images.choice import MOST, Choice, Row, Shown
from streammerge.report.description import Album, Cell, Key, Number, Picture, Strip
from streammerge.report.gallery import Gallery
from streammerge.report.progress import Progress
from streammerge.report.units import counted
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.pool import Pool

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client

PIECE = 1024**2  # bytes of an image that are read, at most
_AT_ONCE = 64  # images; with the size of a piece it bounds the memory
_ATTEMPTS = 3
BUDGET = 3_400_000  # bytes of all thumbnails, which base64 makes a third larger: a page stays below 5 MB
_Read = Callable[[Shown], Awaitable[bytes]]
_Outcome = bytes | str  # a thumbnail, or why there is none
_ObjectId = tuple[Location, str]


def check_thumbnails(count: int) -> None:
    """Raise UsageError where so many thumbnails cannot be made, before any work."""
    if not 0 <= count <= MOST:
        raise UsageError(f"--thumbnails {count}: it must be 0, or at most {MOST} identities")
    if count:
        check_pillow("--thumbnails")


def check_pillow(option: str) -> None:
    """Raise UsageError, with the command that installs it, where Pillow is missing."""
    if importlib.util.find_spec("PIL") is None:
        raise UsageError(f"{option} needs Pillow. In a checkout, run: pip install '.[images]'")


def from_s3(store: "S3Client") -> _Read:
    """Reads the beginning of an object, pinned to its ETag."""

    async def read(shown: Shown) -> bytes:
        found = shown.object
        if found.size <= PIECE:
            return bytes(await store.get(shown.location, found))
        return await store.objects_at(shown.location).read(
            shown.location.bucket, found.key, found.etag, start=0, size=PIECE
        )

    return read


async def make_gallery(choice: Choice, read: _Read, deadline: Deadline, progress: Progress) -> Gallery | None:
    """The pictures of what was chosen; None if none were asked for, or the images cannot be read at all.

    An image that cannot be read or decoded is in the gallery with the reason, and stops nothing.
    """
    if not choice.size:
        return None
    albums = list(choice.chosen())
    wanted = {_object_id(shown): shown for _, rows in albums for row in rows for shown in row.shown}
    progress.note(f"Reading {counted(len(wanted), 'image')} for the thumbnails")
    reading = _Reading(read)
    try:
        with reading.thread:
            async with _pool(reading, deadline, progress) as pool:
                for shown in wanted.values():
                    await pool.submit(shown)
    except RunError as error:
        progress.warn(f"there are no thumbnails: {error}")
        return None
    pictures = _within_budget(wanted, reading.outcomes)
    return Gallery(
        [Album(title, [_strip(row, pictures) for row in rows]) for title, rows in albums], len(wanted), reading.bytes
    )


class _Reading:
    """Reads and scales images one by one."""

    def __init__(self, read: _Read) -> None:
        # One thread, since Pillow's warnings are caught. A page has room for some 1,000 thumbnails, 0.5 to 4 ms each:
        # processes would take as long to start.
        self.thread = ThreadPoolExecutor(1, "thumbnails")
        self.outcomes: dict[_ObjectId, _Outcome] = {}
        self.bytes = 0
        self._read = read

    async def attempt(self, shown: Shown, number: int) -> _Outcome:
        """A thumbnail, or why there is none. Raises TransientError where another attempt may succeed."""
        found = shown.object
        if found.storage_class in ARCHIVED:
            return f"archived ({found.storage_class})"
        from streammerge.images.thumbnail import make_thumbnail  # noqa: PLC0415 - brings Pillow, which is optional

        try:
            body = await self._read(shown)
            self.bytes += len(body)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.thread, lambda: make_thumbnail(body, whole=len(body) >= found.size))
        except S3Error as error:
            if isinstance(error, TransientError) and number < _ATTEMPTS:
                raise
            return f"cannot be read: {error}"

    def settled(self, shown: Shown, outcome: _Outcome | S3Error) -> None:
        """Keep what became of an image."""
        assert not isinstance(outcome, S3Error), "the last attempt has a value"
        self.outcomes[_object_id(shown)] = outcome


def _pool(reading: _Reading, deadline: Deadline, progress: Progress) -> Pool[Shown, _Outcome]:
    return Pool(
        reading.attempt,
        reading.settled,
        concurrency=_AT_ONCE,
        retries=RetryPolicy(_ATTEMPTS),
        circuit_breaker=CircuitBreaker(_ATTEMPTS),
        deadline=deadline,
        observer=progress,
        plural="thumbnails",
    )


def _object_id(shown: Shown) -> _ObjectId:
    return shown.location, shown.object.key


def _within_budget(wanted: dict[_ObjectId, Shown], outcomes: dict[_ObjectId, _Outcome]) -> dict[_ObjectId, Picture]:
    pictures, size = {}, 0
    for each, shown in wanted.items():
        outcome = outcomes[each]
        if isinstance(outcome, bytes) and (size := size + len(outcome)) > BUDGET:
            outcome = "left out: the page would be larger than 5 MB"
        jpeg, problem = (outcome, "") if isinstance(outcome, bytes) else (b"", outcome)
        pictures[each] = Picture(shown.source, shown.object.key, jpeg, problem)
    return pictures


def _strip(row: Row, pictures: dict[_ObjectId, Picture]) -> Strip:
    count: tuple[Cell, ...] = (
        (", ", Number(row.images), " images" if row.images > 1 else " image") if row.images else ()
    )
    return Strip((Key(row.identity), *count), [pictures[_object_id(shown)] for shown in row.shown])
