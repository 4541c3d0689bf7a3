"""What every command does first: open S3, look at each prefix, prepare its listing."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from streammerge.dataset.connection import COMMON
from streammerge.dataset.corrupt import Corrupt, etags_in
from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.objects import Location, Page
from streammerge.dataset.source import Source
from streammerge.errors import UsageError, unwrap
from streammerge.listing.listing import Listing
from streammerge.listing.suggestions import suggest
from streammerge.s3.options import Options
from streammerge.transfer.open_files import more_open_files

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client


_ALONE = "omit --workers, --scheduler and [cluster] in the job file, so that one process reads it whole"


@asynccontextmanager
async def open_store(options: Options) -> AsyncIterator["S3Client"]:
    """S3, for as long as the block lasts; of a group of errors the one that matters comes out of it.

    How a prefix is reached is settled when it is looked at.
    """
    from streammerge.s3.client import open_client  # noqa: PLC0415 - botocore takes longer to load than --help may

    try:
        with more_open_files:
            async with open_client(options) as store:
                yield store
    except BaseExceptionGroup as group:
        raise unwrap(group) from group


async def look(store: "S3Client", source: Source, *, delimiter: str = "/") -> Page:
    """The first page below a source's prefix, what lies in folders apart.

    Raises UsageError where the prefix cannot be listed or is empty.
    """
    with naming_side(f"source {source.name}", source.location):
        page = await store.probe(source.location, delimiter=delimiter)
    if page.empty:
        advice = await suggest(store, source.location)
        raise UsageError(f"source {source} is empty: no object is below that prefix. {advice}")
    return page


@contextmanager
def naming_side(side: str, location: Location) -> Iterator[None]:
    """Name the side of a job in a UsageError, where that side has a connection of its own."""
    try:
        yield
    except UsageError as error:
        if location.connection == COMMON:
            raise
        how = f" ({location.connection})" if str(location.connection) else ""
        raise UsageError(f"{side}{how}: {error}") from error


def check_splittable(listings: Sequence[tuple[Location, Listing]]) -> None:
    """Raises UsageError where a listing cannot be split over workers, since it must be read whole."""
    for location, listing in listings:
        if not listing.ordered:
            raise UsageError(
                f"{location}: the order of listings of its store is not known, so they cannot be split. If it is byte "
                f"order, pass --listing-order sorted; otherwise {_ALONE}"
            )
        if not listing.joinable:
            raise UsageError(
                f"{location}: layout {listing.layout} does not begin with {{identity}} and literal text, so that its "
                f"listing cannot be split: {_ALONE}"
            )


def listings_of(
    store: "S3Client",
    sources: Sequence[Source],
    counters: Sequence[ListingCounters],
    *,
    skip_archived: bool = False,
    corrupt: Sequence[Corrupt] = (),
) -> list[tuple[Location, Listing]]:
    """The listings of sources that were looked at, each with the counters for what it holds.

    skip_archived: ignore images that must be restored before they can be read. corrupt: images to ignore.
    """
    return [
        (
            source.location,
            Listing(
                source.location.prefix,
                counted,
                source.layout,
                ordered=store.promises_order(source.location),
                namespace=source.namespace or "",
                skip_archived=skip_archived,
                corrupt=etags_in(source.location.bucket, corrupt),
            ),
        )
        for source, counted in zip(sources, counters, strict=True)
    ]
