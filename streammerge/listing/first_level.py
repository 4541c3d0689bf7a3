"""Samples what lies directly under a prefix in several places, beyond the first page.

Strategy: loose images and folders come in blocks, so the first page alone says little. Some places beyond it are looked
at, all at once: behind everything that begins like what was seen, and where the alphabet of the names says that more of
them may lie; then the page after each of those. That takes two round trips, however large the prefix is.
"""

import asyncio
import sys
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from streammerge.dataset.objects import Location, Page, S3Object
from streammerge.listing.alphabet import Alphabet

_GUESSES = 7
_LAST = chr(sys.maxunicode)


class Prober(Protocol):
    """A store that lists a page of a prefix."""

    async def probe(self, location: Location, *, delimiter: str = "", after: str = "") -> Page:
        """The first page past the key `after`; what lies below a delimiter is one of its `prefixes`."""


async def look_around(store: Prober, location: Location, first: Page) -> Page:
    """The first page of a prefix, listed with the delimiter `/`, and what was seen beyond it, each entry once.

    Its token says whether there is more, and is not to be used. Raises UsageError where a page cannot be listed.
    """
    if first.token is None or first.empty:
        return first
    pages = [first, *await _pages(store, location, places_beyond(location, first))]
    pages += await _pages(
        store, location, {_end(page) for page in pages if page.token is not None and (page.objects or page.prefixes)}
    )
    objects = dict[str, S3Object]()
    for page in pages:
        objects |= {found.key: found for found in page.objects}
    return Page(list(objects.values()), sorted({prefix for page in pages for prefix in page.prefixes}), first.token)


async def _pages(store: Prober, location: Location, places: Iterable[str]) -> list[Page]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(store.probe(location, delimiter="/", after=place)) for place in places]
    return [task.result() for task in tasks]


def places_beyond(location: Location, page: Page) -> set[str]:
    """Keys behind a page at which more names may begin."""
    skip = len(location.prefix)
    names = [found.key[skip:] for found in page.objects] + [prefix[skip:-1] for prefix in page.prefixes]
    names = [name for name in names if name]
    if not names:
        return set()
    last, alphabet = max(names), Alphabet()
    alphabet.learn(names)
    guesses = islice((border for border in alphabet.borders(last, None) if border > last), _GUESSES)
    return {location.prefix + border for border in (last[0] + _LAST, *guesses)}


def _end(page: Page) -> str:
    """A key behind everything that is on a page, and all that lies in its folders."""
    return max([found.key for found in page.objects] + [prefix + _LAST for prefix in page.prefixes])
