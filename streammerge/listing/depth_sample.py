"""Estimates from a few pages how deep the images of a source lie, before anything is copied.

Strategy: the first page tells, where it is all there is. Where it is not, the folders are looked at, one page each, if
they are few, or some of them if the first page has nothing but folders in folders. No other source costs a request.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from streammerge.dataset.objects import Page
from streammerge.dataset.source import Source
from streammerge.listing.depth import Depth, depth_of, folders_of
from streammerge.listing.first_level import Prober
from streammerge.listing.layout_check import images_below

_FEW = 8  # folders to look at


async def sample_depth(store: Prober, source: Source, level: Page, start: Page) -> Depth | None:
    """What the pages of a `folder` source tell; None if they do not tell enough.

    level: its first level, as LIST with a delimiter gives it; start: its first page without one.
    Raises UsageError where a page cannot be listed.
    """
    belows = images_below(source, start.objects)
    if start.token is None:
        return depth_of(belows)
    all_of_them = level.token is None and len(level.prefixes) <= _FEW
    if not all_of_them and any(below.count("/") == 1 for below in belows):
        return None
    chosen = level.prefixes if all_of_them else level.prefixes[:: max(1, -(-len(level.prefixes) // _FEW))]
    return await _depth_of_folders(store, source, chosen, are_all=all_of_them)


async def _depth_of_folders(store: Prober, source: Source, folders: Sequence[str], *, are_all: bool) -> Depth | None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(store.probe(replace(source.location, prefix=folder))) for folder in folders]
    depth, long = Depth(sampled=True), set[str]()
    for page in (task.result() for task in tasks):
        for belows in folders_of(images_below(source, page.objects)):
            depth.add(belows, complete=page.token is None)
            if page.token is not None:
                long.add(belows[0].partition("/")[0])
    if not are_all or long - {depth.largest}:
        depth.inners = 0  # nothing is known of the share of the largest
    elif long and depth.inners < 2:  # noqa: PLR2004 - folders of identities
        largest = replace(source.location, prefix=f"{source.location.prefix}{depth.largest}/")
        inner = await store.probe(largest, delimiter="/")
        depth.inners = len(inner.prefixes)
    return depth
