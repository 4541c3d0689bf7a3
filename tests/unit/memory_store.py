"""A store in memory that lists as S3 does, or as other stores do: any page sizes, in order or not."""

import itertools
from collections.abc import Iterable, Sequence

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.filter import Filter
from streammerge.dataset.layout import FOLDER, Layout
from streammerge.dataset.objects import Identity, Location, Page, S3Object
from streammerge.errors import unwrap
from streammerge.listing.listing import Listing
from streammerge.listing.scan import scan
from streammerge.transfer.backoff import RetryPolicy

ONE_TRY = RetryPolicy(attempts=1)
_HIDDEN = Filter(hidden=True)  # names are chosen to be awkward, and many begin with a dot


class MemoryStore:
    """Objects by bucket, listed in the order given; `sizes` are those of the pages, over and over."""

    def __init__(self, buckets: dict[str, Sequence[S3Object]], sizes: Sequence[int] = (1000,)) -> None:
        self._buckets = buckets
        self._sizes = sizes
        self.pages = 0
        self.starts: set[str] = set()  # where listings began

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """The next page of a prefix; empty pages that are not the last are allowed by S3, and come here too."""
        below = [found for found in self._buckets[location.bucket] if found.key.startswith(location.prefix)]
        if after:
            below = [found for found in below if found.key > after]
        number, start = map(int, token.split()) if token else (0, 0)
        end = start + self._sizes[number % len(self._sizes)]
        self.pages += 1
        self.starts.add(after)
        return Page(below[start:end], [], f"{number + 1} {end}" if end < len(below) else None)


def in_order(objects: Iterable[S3Object]) -> list[S3Object]:
    """Objects as Amazon lists them: in UTF-8 byte order of key."""
    return sorted(objects, key=lambda found: found.key.encode())


async def identities(
    store: MemoryStore,
    locations: Sequence[Location],
    *,
    ordered: bool = True,
    ranges: int = 1,
    layouts: Sequence[Layout] = (),
    listing_counters: Sequence[ListingCounters] = (),
    namespaces: Sequence[str] = (),
) -> list[Identity]:
    """What a scan hands over; the last location is listed as a destination. Raises the first error of a group."""
    listings = [
        (
            location,
            Listing(
                location.prefix,
                counters or ListingCounters(),
                (layout or FOLDER).behind(_HIDDEN),
                ordered,
                last < len(locations),
                namespace or "",
            ),
        )
        for last, (location, layout, counters, namespace) in enumerate(
            itertools.islice(itertools.zip_longest(locations, layouts, listing_counters, namespaces), len(locations)), 1
        )
    ]
    found: list[Identity] = []

    async def emit(identities: Sequence[Identity]) -> None:
        found.extend(identities)

    try:
        await scan(store, listings, ONE_TRY, emit, ranges=ranges)
    except BaseExceptionGroup as group:
        raise unwrap(group) from group
    return found
