"""Samples a prefix all over: a page from each of some places, at once, so that it takes one round trip."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from streammerge.dataset.objects import Location, Page
from streammerge.errors import TransientError
from streammerge.listing.first_level import places_beyond

_PLACES = 8


class Lister(Protocol):
    """A store that lists a page of a prefix."""

    async def list_page(self, location: Location, *, after: str = "") -> Page:
        """Keys below a prefix past `after`."""


async def pages_all_over(store: Lister, location: Location, level: Page) -> Sequence[Page]:
    """Pages of a prefix from some of its folders, or where its alphabet says that more keys may lie.

    level: what is known of its first level. A page that cannot be had now is left out: it is but a sample.
    """
    folders = level.prefixes[:: -(-len(level.prefixes) // _PLACES)] if level.prefixes else []

    async def page(after: str) -> list[Page]:
        try:
            return [await store.list_page(location, after=after)]
        except TransientError:
            return []

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(page(place)) for place in folders or places_beyond(location, level)]
    return [page for task in tasks for page in task.result()]
