"""Scanning: all sources and the destination are listed at once, and complete identities come out.

Strategy: every listing has a reader that fetches one page ahead; the join says which listing holds the others back,
and that one is read next. Whoever takes the identities is awaited, so a slow taker stops the listing: nothing runs
ahead by more than a page a listing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from streammerge.core.join import Identity, Join, Listing
from streammerge.core.keys import Location, Page
from streammerge.errors import RunError, S3Error
from streammerge.s3.retry import Retries, persist


class Lister(Protocol):
    """A store that lists."""

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """LIST up to 1,000 keys below a prefix, from `token` on, else from the first key past `after`."""


async def scan(
    store: Lister,
    listings: Sequence[tuple[Location, Listing]],
    retries: Retries,
    emit: Callable[[Identity], Awaitable[None]],
    listed: Callable[[int], None] = lambda _: None,
) -> None:
    """Hand every identity to `emit`, each once, complete, in byte order of `identity + "/"`.

    listed: hears of the number of keys of every page.
    Raises RunError where a page cannot be had or is out of order; never takes that for the end of a listing.
    """
    join = Join([listing for _, listing in listings])
    async with asyncio.TaskGroup() as group:
        readers = [_Reader(store, location, retries, group) for location, _ in listings]
        while behind := join.behind():
            for position in behind:
                page = await readers[position].next_page()
                join.feed(position, page.objects)
                listed(len(page.objects))
                if page.token is None:
                    join.close(position)
            for identity in join.complete():
                await emit(identity)


class _Reader:
    """The pages of one listing, one fetched ahead."""

    def __init__(self, store: Lister, location: Location, retries: Retries, group: asyncio.TaskGroup) -> None:
        self._store = store
        self._location = location
        self._retries = retries
        self._group = group
        self._ahead = group.create_task(self._fetch(None))

    async def next_page(self) -> Page:
        page = await self._ahead
        if page.token is not None:
            self._ahead = self._group.create_task(self._fetch(page.token))
        return page

    async def _fetch(self, token: str | None) -> Page:
        try:
            return await persist(lambda: self._store.list_page(self._location, token=token), self._retries)
        except S3Error as error:
            raise RunError(f"{error}. A prefix that cannot be listed to its end stops the run") from error
