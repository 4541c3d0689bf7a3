"""Scans all sources and the destination at once and yields complete identities.

Strategy: the key space is read as several ranges at once. A scan begins with one; whenever there is room for another,
the range with the largest share left is cut in two beyond what it has reached, and its far half becomes a range of its
own. Each range joins its part of all listings and hands over identities as they are complete. Whoever takes them is
awaited, so a slow taker stops the listing: a range holds one page per listing, and nothing runs ahead. The few
identities that may lie on both sides of a border are handed over once all ranges are done.

Listings that cannot be joined while they are read (a store without order, some patterns) are read whole before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from math import inf
from typing import NamedTuple, Protocol

from streammerge.dataset.objects import Identity, Location, Page
from streammerge.errors import IncompleteError, RunError, S3Error, TransientError
from streammerge.listing.index import Index
from streammerge.listing.key_range import KeyRange, Rest
from streammerge.listing.listing import Listing
from streammerge.listing.merge_join import Join, unite
from streammerge.s3.continuation import Continuation
from streammerge.transfer.backoff import RetryPolicy, with_retries

RANGES = 16  # read at once, at most
_AT_A_TIME = 64  # identities that are handed over together, at most
_FREE_REQUESTS = 32  # that cutting may cost in all,
_FREE_SHARE = 16  # and one more for so many pages read


Emit = Callable[[Sequence[Identity]], Awaitable[None]]  # takes in identities that are complete


def one_by_one(take: Callable[[Identity], Awaitable[None]]) -> Emit:
    """Hands over to what takes in one identity."""

    async def emit(identities: Sequence[Identity]) -> None:
        for identity in identities:
            await take(identity)

    return emit


class Lister(Protocol):
    """A store that lists."""

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """LIST up to 1,000 keys below a prefix, from `token` on, else from the first key past `after`."""


async def scan(
    store: Lister,
    listings: Sequence[tuple[Location, Listing]],
    retries: RetryPolicy,
    emit: Emit,
    *,
    listed: Callable[[int], None] = lambda _: None,
    indexed: Callable[[], None] = lambda: None,
    ranges: int = RANGES,
) -> None:
    """Hand every identity to `emit`, each once and complete, some at a time.

    listed: called with the number of keys of every page. indexed: called when the listings that must be read whole are,
    before anything is emitted. ranges: how many are read at once. With 1, identities come in an order that depends on
    names and layouts alone: that of `identity + "/"` for folders.
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
    whole = KeyRange(Join([listing for _, listing in listings], indexes, scattered=ranges > 1))
    left = await _Scan(reader, [listing for _, listing in listings], emit, at_once=ranges).run([whole])
    await emit(unite(left.shared))


class Left(NamedTuple):
    """What a scan leaves to others.

    rests: what is left of its ranges. complete: identities that nobody has dealt with. shared: what its ranges have of
    identities that may lie on both sides of a border; they are united once all ranges are done.
    """

    rests: list[Rest]
    complete: list[Identity]
    shared: list[Identity]


async def scan_on(
    store: Lister,
    listings: Sequence[tuple[Location, Listing]],
    retries: RetryPolicy,
    emit: Emit,
    rests: Sequence[Rest],
    *,
    enough: Callable[[], bool],
    listed: Callable[[int], None] = lambda _: None,
    overtime: float = 0.0,
    ranges: int = RANGES,
    eager: bool = False,
) -> Left:
    """Continue the rests of some ranges, each identity once, until their end or until it is `enough`.

    All listings must be read in order. enough: once it is true, it stays so. overtime: seconds for which identities
    that are complete are emitted even then, before they are left to others. eager: cut ranges on little evidence, since
    many are wanted at once. Raises as `scan` does.
    """
    reader = _Reader(store, [location for location, _ in listings], retries, listed)
    each = [listing for _, listing in listings]
    scanning = _Scan(reader, each, emit, at_once=ranges, enough=enough, overtime=overtime, eager=eager)
    return await scanning.run([KeyRange.resumed(each, rest) for rest in rests])


class _Reader:
    """The pages of all listings."""

    def __init__(
        self, store: Lister, locations: Sequence[Location], retries: RetryPolicy, listed: Callable[[int], None]
    ) -> None:
        self._store = store
        self._locations = locations
        self._retries = retries
        self._listed = listed

    async def page(self, number: int, place: "_Place") -> Page:
        """The next page of a listing."""
        location = self._locations[number]
        try:
            page = await with_retries(
                lambda: self._store.list_page(location, after=place.after, token=place.token), self._retries
            )
        except TransientError as error:
            raise IncompleteError(
                f"{error}. A prefix that cannot be listed completely stops the run. What was copied is kept; "
                "run the same command again to resume"
            ) from error
        except S3Error as error:
            raise RunError(f"{error}. A prefix that cannot be listed completely stops the run") from error
        place.token = page.token
        if page.token is not None:
            place.continuation.follow(page.token, f"LIST {location}")
        self._listed(len(page.objects))
        return page


class _Place:
    """Where a listing continues in a range; it began after a key."""

    def __init__(self, after: str = "") -> None:
        self.after = after
        self.token: str | None = None
        self.continuation = Continuation()


async def _read_whole(reader: _Reader, number: int, listing: Listing) -> Index:
    index, place = Index(listing), _Place()
    while True:
        index.add((await reader.page(number, place)).objects)
        if place.token is None:
            index.seal()
            return index


class _Reading:
    """A range that is being read: where each listing continues, and whether something new tells where to cut it."""

    def __init__(self, part: KeyRange, cut_from: "_Reading | None" = None) -> None:
        self.part = part
        self.cut_from = cut_from
        self.may_be_cut = False
        self.is_empty = True  # as far as it was read
        self._places: dict[int, _Place] = {}

    def place(self, number: int) -> _Place:
        """Where a listing continues."""
        if number not in self._places:
            self._places[number] = _Place(self.part.join.start_of(number))
        return self._places[number]


class _Scan:
    """The ranges that are being read. Decisions are made under no await."""

    def __init__(
        self,
        reader: _Reader,
        listings: Sequence[Listing],
        emit: Emit,
        *,
        at_once: int,
        enough: Callable[[], bool] = lambda: False,
        overtime: float = inf,
        eager: bool = False,
    ) -> None:
        self.left = Left([], [], [])
        self._reader = reader
        self._listings = listings
        self._emit = emit
        self._at_once = at_once
        self._enough = enough
        self._overtime = overtime
        self._closes: float | None = None  # when the overtime is over
        # Whoever takes them may make their copies first, in all ranges at once: then it would end late
        self._at_a_time = max(1, _AT_A_TIME // at_once) if not overtime else _AT_A_TIME
        self._eager = eager
        self._active: set[_Reading] = set()
        self._free_requests = _FREE_REQUESTS + (8 * at_once if eager else 0)
        self._pages = self._cuts = 0

    async def run(self, parts: Sequence[KeyRange]) -> Left:
        """Read ranges; returns what is left of them."""
        async with asyncio.TaskGroup() as self._group:
            for part in parts:
                self._begin(part)
        return self.left

    def _begin(self, part: KeyRange, cut_from: _Reading | None = None) -> None:
        """Begin to read a range."""
        reading = _Reading(part, cut_from)
        self._active.add(reading)
        self._group.create_task(self._read(reading))

    async def _read(self, reading: _Reading) -> None:
        part = reading.part
        join = part.join
        while not self._enough() and (behind := join.behind()):
            async with asyncio.TaskGroup() as group:
                pages = [(n, group.create_task(self._next_page(reading, n))) for n in behind]
            for number, task in pages:
                part.feed(number, self._listings[number], task.result())
                self._pages += 1
            reading.may_be_cut = True
            reading.is_empty = reading.is_empty and not join.holds_images
            self._cut_where_it_pays()
            await self._hand_over(part)
        await self._hand_over(part)  # if nothing had to be read
        self._active.remove(reading)
        if join.behind():
            self.left.rests.append(part.rest)
            return
        self.left.shared.extend(join.shared())
        if reading.is_empty:  # a wrong guess: that is news, too
            if reading.cut_from is not None:
                reading.cut_from.part.share += part.share
            for other in self._active:
                other.may_be_cut = not other.is_empty
        self._cut_where_it_pays()

    async def _hand_over(self, part: KeyRange) -> None:
        """Hand over what is complete, until it is enough and overtime is over."""
        complete = part.complete()
        while some := list(islice(complete, self._at_a_time)):
            if self._is_closed():
                self.left.complete.extend(some)
            else:
                await self._emit(some)

    def _is_closed(self) -> bool:
        if not self._enough():
            return False
        now = time.monotonic()
        if self._closes is None:
            self._closes = now + self._overtime
        return now >= self._closes

    async def _next_page(self, reading: _Reading, number: int) -> Page:
        return await self._reader.page(number, reading.place(number))

    def _cut_where_it_pays(self) -> None:
        """Cut ranges while there is room, each when there is something new to judge it by."""
        if self._enough():
            return
        while len(self._active) < self._at_once and self._cuts < self._free_requests + self._pages // _FREE_SHARE:
            candidates = [reading for reading in self._active if reading.may_be_cut and reading.part.join.behind()]
            if not candidates:
                return
            self._cut(max(candidates, key=lambda reading: reading.part.share))

    def _cut(self, reading: _Reading) -> None:
        requests = reading.part.join.open
        far = reading.part.cut()
        reading.may_be_cut = self._eager and far is not None
        if far is not None:
            self._cuts += requests
            self._begin(far, cut_from=reading)
