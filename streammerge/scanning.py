"""Scanning: all sources and the destination are listed at once, and complete identities come out.

Strategy: the key space is read as several ranges at once. A scan begins with one; whenever there is room for another,
the range with the largest share left is cut in two beyond what it has reached, and its far half becomes a range of its
own. Each range joins its part of all listings and hands over identities as they are complete. Whoever takes them is
awaited, so a slow taker stops the listing: a range holds one page a listing, and nothing runs ahead.

Listings that cannot be joined while they are read (a store without order, a pattern) are read whole before.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from streammerge.core.join import Identity, Index, Join, Listing
from streammerge.core.keys import Location, Page
from streammerge.core.ranges import Alphabet
from streammerge.core.trail import Trail
from streammerge.errors import IncompleteError, RunError, S3Error, TransientError
from streammerge.s3.retry import Retries, persist

RANGES = 16  # read at once, at most
_FREE_REQUESTS = 32  # that cutting may cost in all,
_FREE_SHARE = 16  # and one more for so many pages read
_SAMPLE = 50  # of a page, every how manieth name is learned from


class Lister(Protocol):
    """A store that lists."""

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """LIST up to 1,000 keys below a prefix, from `token` on, else from the first key past `after`."""


async def scan(
    store: Lister,
    listings: Sequence[tuple[Location, Listing]],
    retries: Retries,
    emit: Callable[[Identity], Awaitable[None]],
    *,
    listed: Callable[[int], None] = lambda _: None,
    indexed: Callable[[], None] = lambda: None,
    ranges: int = RANGES,
) -> None:
    """Hand every identity to `emit`, each once and complete; of one range in byte order of `identity + "/"`.

    listed: hears of the number of keys of every page. indexed: is called when the listings that must be read whole are,
    before anything is emitted. ranges: how many are read at once; with 1, all identities come in order.
    Raises RunError where a page cannot be had or is out of order (IncompleteError where it may be had later); never
    takes that for the end of a listing.
    """
    reader = _Reader(store, [location for location, _ in listings], retries, listed)
    async with asyncio.TaskGroup() as group:
        indexing = {
            position: group.create_task(_read_whole(reader, position, listing))
            for position, (_, listing) in enumerate(listings)
            if not listing.joinable
        }
    indexed()
    indexes = {position: task.result() for position, task in indexing.items()}
    async with asyncio.TaskGroup() as group:
        _Scan(reader, [listing for _, listing in listings], indexes, emit, at_once=ranges, group=group).start()


class _Reader:
    """The pages of all listings."""

    def __init__(
        self, store: Lister, locations: Sequence[Location], retries: Retries, listed: Callable[[int], None]
    ) -> None:
        self._store = store
        self._locations = locations
        self._retries = retries
        self._listed = listed
        self._trails = defaultdict[tuple[int, str], Trail](Trail)

    async def page(self, position: int, after: str, token: str | None) -> Page:
        """One page; `after` is below the prefix."""
        location = self._locations[position]
        start = location.prefix + after if after else ""
        try:
            page = await persist(lambda: self._store.list_page(location, after=start, token=token), self._retries)
        except TransientError as error:
            raise IncompleteError(
                f"{error}. A prefix that cannot be listed to its end stops the run; what was copied stays. "
                "Run the same command again to go on"
            ) from error
        except S3Error as error:
            raise RunError(f"{error}. A prefix that cannot be listed to its end stops the run") from error
        if page.token is not None:
            self._trails[position, after].follow(page.token, f"LIST {location}")
        self._listed(len(page.objects))
        return page


async def _read_whole(reader: _Reader, position: int, listing: Listing) -> Index:
    index = Index(listing)
    token: str | None = None
    while True:
        page = await reader.page(position, "", token)
        index.add(page.objects)
        token = page.token
        if token is None:
            index.seal()
            return index


class _Range:
    """One key range: its join, where each listing goes on, and its share of the key space, a guess."""

    def __init__(self, join: Join, low: str, share: float, alphabet: Alphabet) -> None:
        self.join = join
        self.low = low
        self.share = share
        self.alphabet = alphabet
        self.tokens: dict[int, str] = {}
        self.may_be_cut = False


class _Scan:
    """The ranges that are being read. Decisions are made under no await."""

    def __init__(
        self,
        reader: _Reader,
        listings: Sequence[Listing],
        indexes: Mapping[int, Index],
        emit: Callable[[Identity], Awaitable[None]],
        *,
        at_once: int,
        group: asyncio.TaskGroup,
    ) -> None:
        self._reader = reader
        self._listings = listings
        self._indexes = indexes
        self._emit = emit
        self._at_once = at_once
        self._group = group
        self._active: set[_Range] = set()
        self._pages = self._cuts = 0

    def start(self) -> None:
        """Read the whole key space, as one range to begin with."""
        self._begin(_Range(Join(self._listings, self._indexes), "", 1.0, Alphabet()))

    def _begin(self, part: _Range) -> None:
        self._active.add(part)
        self._group.create_task(self._read(part))

    async def _read(self, part: _Range) -> None:
        join = part.join
        while behind := join.behind():
            async with asyncio.TaskGroup() as group:
                pages = [(n, group.create_task(self._next_page(part, n))) for n in behind]
            for position, task in pages:
                self._feed(part, position, task.result())
            part.may_be_cut = True
            self._cut_where_it_pays()
            for identity in join.complete():
                await self._emit(identity)
        for identity in join.complete():  # if nothing had to be read
            await self._emit(identity)
        self._active.remove(part)
        self._cut_where_it_pays()

    async def _next_page(self, part: _Range, position: int) -> Page:
        return await self._reader.page(position, part.low, part.tokens.get(position))

    def _feed(self, part: _Range, position: int, page: Page) -> None:
        part.join.feed(position, page.objects, last=page.token is None)
        if page.token is not None:
            part.tokens[position] = page.token
        self._pages += 1
        skip = len(self._listings[position].prefix)
        sample = page.objects[::_SAMPLE] + page.objects[-1:]
        part.alphabet.learn(item.key[skip:].partition("/")[0] for item in sample)

    def _cut_where_it_pays(self) -> None:
        """Cut ranges while there is room, each at most once a page: then there is something new to judge it by."""
        while len(self._active) < self._at_once and self._cuts < _FREE_REQUESTS + self._pages // _FREE_SHARE:
            candidates = [part for part in self._active if part.may_be_cut and part.join.behind()]
            if not candidates:
                return
            self._cut(max(candidates, key=lambda part: part.share))

    def _cut(self, part: _Range) -> None:
        part.may_be_cut = False
        join = part.join
        name = join.furthest.partition("/")[0]
        border = part.alphabet.beyond(name) if join.high is None else None  # is there more than what begins alike?
        border = border or part.alphabet.between(name, join.high)
        if not border:
            return
        closed = join.closed
        self._cuts += len(self._listings) - len(closed) - len(self._indexes)
        part.share /= 2
        far = Join(self._listings, self._indexes, low=border, high=join.high, closed=closed)
        join.high = border
        self._begin(_Range(far, border, part.share, part.alphabet.heir(name)))
