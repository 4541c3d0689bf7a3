"""The inventory of a pull: lists its origin and the directory at the same time, into a database."""

import asyncio
import itertools
from collections.abc import Sequence

from streammerge.dataset.objects import Identity, Image
from streammerge.listing.scan import RANGES
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.wanted import Wanted
from streammerge.pulling.directory import Directory
from streammerge.pulling.failed_before import read_failed
from streammerge.pulling.origins import Origin
from streammerge.pulling.paths import Paths, Refused
from streammerge.pulling.report import PullReport

_FILES = 1000  # of the directory, added at a time


class Inventory:
    """Lists both sides of a pull; the report gets what is ignored and refused."""

    def __init__(self, origin: Origin, folder: Directory, database: ImageDatabase, report: PullReport) -> None:
        self._origin = origin
        self._folder = folder
        self._database = database
        self._report = report
        self._paths = Paths(folder.file_system)

    async def take(self, sample: int | None) -> None:
        """List, and keep a sample of the identities if one is asked for. Raises RunError where there is no image."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._walk())
            ranges = RANGES if self._folder.file_system.tells_case else 1
            group.create_task(self._origin.list_images(self._note, ranges=ranges))
        self._report.all_identities = self._database.statistics().identities
        self._origin.conclude(self._report)
        if sample is not None:
            self._database.sample(sample)
        self._database.defer(read_failed(self._folder))
        self._report.wanted = self._database.statistics().images

    def _note(self, identity: str, images: Sequence[Wanted]) -> None:
        by_name = {image.name: image for image in images}
        placed = list(self._paths.place(Identity(identity, [[Image(image.object, image.name) for image in images]])))
        for each in placed:
            if isinstance(each, Refused):
                self._report.refuse(each)
        fit = [by_name[each.name] for each in placed if isinstance(each, Wanted)]
        for place, group in itertools.groupby(sorted(fit, key=lambda image: image.place), lambda image: image.place):
            self._database.add(identity, group, self._origin.names[place])

    async def _walk(self) -> None:
        files = self._folder.walk()
        while batch := await asyncio.to_thread(lambda: list(itertools.islice(files, _FILES))):
            self._database.add_files(batch)
