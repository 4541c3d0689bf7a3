"""A store in memory that lists as S3 does, or as other stores do: any page sizes, in order or not."""

import itertools
from collections.abc import Iterable, Sequence

from streammerge.core.join import Census, Identity, Listing
from streammerge.core.keys import Listed, Location, Page
from streammerge.core.layout import FOLDER, Layout
from streammerge.errors import unwrap
from streammerge.s3.retry import Retries
from streammerge.scanning import scan

ONE_TRY = Retries(attempts=1)


class MemoryStore:
    """Objects by bucket, listed in the order given; `sizes` are those of the pages, over and over."""

    def __init__(self, buckets: dict[str, Sequence[Listed]], sizes: Sequence[int] = (1000,)) -> None:
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


def in_order(objects: Iterable[Listed]) -> list[Listed]:
    """Objects as Amazon lists them: in UTF-8 byte order of key."""
    return sorted(objects, key=lambda found: found.key.encode())


async def identities(
    store: MemoryStore,
    locations: Sequence[Location],
    *,
    ordered: bool = True,
    ranges: int = 1,
    layouts: Sequence[Layout] = (),
    censuses: Sequence[Census] = (),
) -> list[Identity]:
    """What a scan hands over; the last location is listed as a destination. Raises the first error of a group."""
    listings = [
        (location, Listing(location.prefix, census or Census(), layout or FOLDER, ordered, last < len(locations)))
        for last, (location, layout, census) in enumerate(
            itertools.islice(itertools.zip_longest(locations, layouts, censuses), len(locations)), 1
        )
    ]
    found: list[Identity] = []

    async def emit(identity: Identity) -> None:
        found.append(identity)

    try:
        await scan(store, listings, ONE_TRY, emit, ranges=ranges)
    except BaseExceptionGroup as group:
        raise unwrap(group) from group
    return found
