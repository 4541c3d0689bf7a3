"""Downloads images into a directory, through the pool."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import S3Error
from streammerge.manifest.wanted import Wanted
from streammerge.pulling.directory import Directory
from streammerge.pulling.partial_file import PartialFile
from streammerge.report.progress import Progress
from streammerge.s3.error_codes import adviser
from streammerge.s3.options import READ_WHOLE, Options
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.memory import Memory
from streammerge.transfer.pool import Pool

if TYPE_CHECKING:
    from streammerge.s3.download import Fetched, Write  # botocore takes longer to load than --help may

_TYPICAL = 1 << 16  # bytes of an image above which its duration says nothing about the others'
_MEMORY = 128 << 20  # bytes of images that are on their way, or still to be written, at any time


class Store(Protocol):
    """A store that hands out objects, as they were listed."""

    async def fetch(self, location: Location, found: S3Object) -> "Fetched":
        """GET an object of READ_WHOLE bytes at most."""

    async def stream(self, location: Location, found: S3Object, write: "Write") -> None:
        """GET an object of any size, and `write` its body in parts of READ_WHOLE bytes."""


def download_pool(
    store: Store,
    locations: Sequence[Location],
    directory: Directory,
    settled: Callable[[Wanted, S3Error | None], None],
    *,
    options: Options,
    progress: Progress,
    deadline: Deadline,
) -> Pool[Wanted, None]:
    """A pool that downloads images, each from its place among the locations.

    settled: is handed each, with the error for which it was given up, if it was.
    """
    memory = Memory(_MEMORY)

    async def attempt(wanted: Wanted, _: int) -> None:
        location, found = locations[wanted.place], wanted.object
        async with memory.holding(min(found.size, READ_WHOLE)):
            if found.size <= READ_WHOLE:
                fetched = await store.fetch(location, found)
                await directory.put(wanted.path, fetched.pieces, wanted.time)
                return
            async with PartialFile(directory, wanted.path, wanted.time) as partial_file:
                await store.stream(location, found, partial_file.write)

    places = " and ".join(map(str, locations))
    return Pool(
        attempt,
        settled,
        concurrency=options.concurrency,
        retries=RetryPolicy(options.attempts),
        circuit_breaker=CircuitBreaker(
            options.attempts,
            advise=adviser("No download has succeeded", permissions=f"Pulling needs s3:GetObject on {places}"),
            max_failures=options.max_failures,
        ),
        deadline=deadline,
        observer=progress,
        typical=lambda wanted: wanted.object.size <= _TYPICAL,
        plural="downloads",
    )
