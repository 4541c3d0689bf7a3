"""Checks whether the sources look like their layouts: by samples before a run, by counts at its end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.ignored import not_an_image
from streammerge.dataset.junk import junk
from streammerge.dataset.objects import ARCHIVED, Identity, Image, Page, S3Object
from streammerge.dataset.source import Source
from streammerge.errors import UsageError
from streammerge.listing.depth import Depth, in_one_line, looks_shallow
from streammerge.listing.depth_sample import sample_depth
from streammerge.listing.first_level import look_around
from streammerge.listing.layout_check import (
    FirstLevel,
    first_level,
    how_to_leave_out,
    images_below,
    looks_filtered_out,
    looks_flat,
    looks_mixed,
    looks_nested,
    looks_unlike,
)
from streammerge.listing.listing import Listing
from streammerge.listing.opening import look
from streammerge.listing.spread import pages_all_over
from streammerge.merging.label_check import LabelCheck

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client


class SourceCheck:
    """Stops a run that has taken a flat source for folders, and warns of images that are ignored.

    lists_first: nothing is done before all is listed, so that flat sources are judged by counts, not by a sample.
    warn: shows a warning at once, while the run can still be stopped, and puts it in the report.
    append: what is at the destination counts. mapped: an identity map gives identities other names.
    seeks_archived: look for archived images behind the first page of a source, too. sees_archived: there are some.
    """

    def __init__(
        self,
        store: "S3Client",
        sources: Sequence[Source],
        warn: Callable[[str], None],
        *,
        lists_first: bool,
        append: bool = False,
        mapped: bool = False,
        seeks_archived: bool = False,
    ) -> None:
        self.folders = [0] * len(sources)  # seen of each source so far
        self.depths = [Depth() for _ in sources]
        self._skips = [len(source.location.prefix) for source in sources]
        self.sees_archived = False
        self._store = store
        self._sources = sources
        self._warn = warn
        self._lists_first = lists_first
        self._seeks_archived = seeks_archived
        self._said: list[str | None] = [None] * len(sources)  # of loose images, by source, before anything was counted
        self._append = append
        self.labels = LabelCheck(sources, warn, mapped=mapped)

    async def before(self) -> None:
        """Look at every source.

        Raises UsageError where one cannot be listed, is empty, or is not as its layout says: flat, one folder too
        shallow, or without an image that fits a pattern.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(source)) for source in self._sources]
        looked = [task.result() for task in tasks]
        for number, (mixed, oddity, _) in enumerate(looked):
            self._said[number] = mixed
            if oddity:
                self._warn(oddity)
        self.labels.before([images for *_, images in looked])

    async def _look(self, source: Source) -> tuple[str | None, str | None, list[Image]]:
        """What is odd about a source's loose images, and about the source, and how it begins."""
        page = await look(self._store, source, delimiter="/" if source.layout.is_folder else "")
        if not source.layout.is_folder:
            unlike = self._unlike(source, page)
            await self._seek_archived(source, page, page)
            return None, unlike, _beginning(source, page)
        async with asyncio.TaskGroup() as group:
            start = group.create_task(self._store.probe(source.location))
            if source.assumed:
                page = await look_around(self._store, source.location, page)
        level = first_level(source, page)
        flat = looks_flat(source, level)
        if flat and (level.whole or not self._lists_first):
            raise UsageError(flat)
        first = start.result()
        if first.token is None or not self._lists_first:
            depth = await sample_depth(self._store, source, page, first) if source.assumed else None
            if depth is not None and (shallow := looks_shallow(source, depth)):
                raise UsageError(shallow)
        mixed = looks_mixed(source, level)
        await self._seek_archived(source, first, page)
        return mixed, mixed or looks_nested(source, first.objects), _beginning(source, first)

    def _unlike(self, source: Source, page: Page) -> str | None:
        """What is odd about a source with a pattern. Raises UsageError where not one image fits it."""
        unlike = looks_unlike(source, page.objects)
        if unlike is None or (page.token is not None and self._lists_first):
            return unlike
        if not any(isinstance(source.layout.place(below), tuple) for below in images_below(source, page.objects)):
            raise UsageError(unlike + how_to_leave_out(source))
        return unlike

    def note(self, identities: Sequence[Identity]) -> int:
        """Take note of identities; returns how many images the sources have of them."""
        images = 0
        merged, shared = list[Identity](), list[Identity]()
        for identity in identities:
            having, members = 0, identity.members
            for number, depth in enumerate(self.depths):
                if here := members[number]:
                    images += len(here)
                    having += 1
                    self.folders[number] += 1
                    depth.note(here, self._skips[number])
            if having or (self._append and members[-1]):
                merged.append(identity)
            if having > 1:
                shared.append(identity)
        self.labels.note(merged, shared)
        return images

    async def _seek_archived(self, source: Source, first: Page, level: Page) -> None:
        """Look for archived images on the first page of a source, and on some pages of it if there are more."""
        pages = [first]
        if self._seeks_archived and first.token is not None:
            pages += await pages_all_over(self._store, source.location, level)
        classes = {listed.storage_class for page in pages for listed in page.objects}
        self.sees_archived = self.sees_archived or not ARCHIVED.isdisjoint(classes)

    def after(self, listed: Sequence[ListingCounters], warnings: list[str]) -> None:
        """Judge again, by counts; they replace in `warnings` what a sample had said.

        Raises UsageError for a source that is not as its layout says where everything is listed first.
        """
        self.labels.after(warnings)
        for number, (source, counters) in enumerate(zip(self._sources, listed, strict=True)):
            skip, said = len(source.location.prefix), self._said[number]
            names = [key[skip:] for key in counters.examples.get("not in a folder", ())]
            level = FirstLevel(counters.reasons["not in a folder"], names, self.folders[number])
            if self._lists_first and (flat := looks_flat(source, level)):
                raise UsageError(flat)
            self._judge(source, counters, self.depths[number])
            mixed = looks_mixed(source, level)
            if mixed and mixed != said:
                warnings[:] = [warning for warning in warnings if warning != said]
                self._warn(mixed)

    def _judge(self, source: Source, counters: ListingCounters, depth: Depth) -> None:
        shallow = looks_shallow(source, depth)
        misfits = counters.examples.get("pattern mismatch", ()) if not counters.images else ()
        unlike = looks_unlike(source, [S3Object(key, 1, "", "") for key in misfits])
        problem = looks_filtered_out(source, counters) or shallow or (unlike and unlike + how_to_leave_out(source))
        if problem and self._lists_first:
            raise UsageError(problem)
        if shallow:
            self._warn(in_one_line(shallow))


def _beginning(source: Source, page: Page) -> list[Image]:
    """The images of a first page with their identities for names, without those that may go on behind it."""
    skip, images = len(source.location.prefix), list[Image]()
    for item in page.objects:
        below = item.key[skip:]
        ignored = not_an_image(item.key, item.size) or (not source.layout.filter.hidden and junk(below))
        placed = ignored or source.layout.place(below)
        if not isinstance(placed, str):
            images.append(Image(item, (source.namespace or "") + placed[0]))
    return images if page.token is None else [image for image in images if image.name != images[-1].name]


def check_whole(sources: Sequence[Source], listings: Sequence[Listing]) -> None:
    """Raises UsageError on a source whose listing was read whole, before anything is copied, and has no image."""
    for source, listing in zip(sources, listings, strict=False):
        if not listing.joinable and not listing.counters.images:
            if problem := looks_filtered_out(source, listing.counters):
                raise UsageError(problem)
            why = ", ".join(f"{count:,} {reason}" for reason, count in listing.counters.reasons.items())
            if not listing.counters.objects:
                raise UsageError(
                    f"source {source} has been emptied since the run began: no object is below that prefix"
                )
            raise UsageError(f"source {source} has no image that fits layout {source.layout}: {why}")
