"""The verb `pull`: a merged set onto a training machine, checked, resumable, and without RecordIO.

Strategy: everything is listed before anything is written, into a catalogue on disk, so that what is missing, what does
not belong, and whether it all fits are known first. Then the images that are missing are downloaded, identity by
identity.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streammerge.catalogue import Catalogue
from streammerge.comparing import Comparing
from streammerge.core.inspection import looks_flat
from streammerge.core.job import Source
from streammerge.core.join import Census, Identity, Listing
from streammerge.core.keys import Location
from streammerge.core.layout import FOLDER, RECORDIO_NAMES
from streammerge.core.local import Check, Paths, RecordIO, Refused, Wanted
from streammerge.core.pulled import EXAMPLES, PullReport
from streammerge.core.rendering import human_bytes
from streammerge.core.report import Failure, why_stopped
from streammerge.downloading import Downloading
from streammerge.errors import RunError, S3Error, StreamMergeError, UsageError, unwrap
from streammerge.folder import Folder, open_folder
from streammerge.handoff import HandOff
from streammerge.neighbours import spelling
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Retries
from streammerge.scanning import RANGES, scan

if TYPE_CHECKING:
    from streammerge.s3.store import S3Store

_DEFAULTS = Options()
_SILENT = Progress()
_FILES = 1000  # of the directory, noted at a time


def _unheard(_: PullReport) -> None:
    """Nobody is told."""


async def pull(
    location: Location,
    directory: Path,
    options: Options = _DEFAULTS,
    *,
    check: Check = "size",
    recordio: RecordIO = "remove",
    sample: int | None = None,
    classes: Path | None = None,
    manifest: Path | None = None,
    progress: Progress = _SILENT,
    stopped: Callable[[PullReport], None] = _unheard,
) -> PullReport:
    """Bring the images below a prefix into a directory, as `identity/name`.

    An image that is there, and right, is not downloaded again; what else is there is reported and left alone.

    check: what proves that a file is right, its size and time, or its MD5 (where ETags are none, size and age).
    recordio: what becomes of train.rec, train.idx and train.lst in the directory, which a trainer would read instead.
    sample: of so many identities only, the same ones every time.
    classes: a file that gets the classes as ImageFolder numbers them, one a line, or as JSON if it is named so.
    manifest: a file (.csv, .parquet) that gets a row for every image there, with its key and its label.
    stopped: is told what the run had come to, if it is cancelled, or cannot go on after it has tried an image.

    Raises UsageError where the input is wrong (nothing was written then), RunError where the prefix has no image or
    they do not fit, IncompleteError where the run stopped half-way.
    """
    if sample is not None and sample < 1:
        raise UsageError("--sample must be at least 1 identity")
    handoff = HandOff(classes, manifest, directory=directory)
    report = PullReport(url=str(location), directory=str(directory), sample=sample)
    async with _told_if_stopped(report, stopped), _open(options) as store, _measured(report, store):
        await _probe(store, location)
        with open_folder(directory) as folder, Catalogue() as catalogue:
            retries = Retries(options.attempts)
            comparing = Comparing(store, location, folder, catalogue=catalogue, check=check, retries=retries)
            run = _Run(
                store, location, folder, catalogue=catalogue, comparing=comparing, report=report, progress=progress
            )
            await run.look(sample)
            run.make_ready(recordio)
            await run.fetch()
            run.conclude(handoff)
    return report


@asynccontextmanager
async def _told_if_stopped(report: PullReport, stopped: Callable[[PullReport], None]) -> AsyncIterator[None]:
    try:
        yield
    except BaseException as error:
        if report.pulled or report.failed or not isinstance(error, StreamMergeError):
            report.stopped = why_stopped(error)
            report.images = report.pulled + report.already_present
            stopped(report)
        raise


@asynccontextmanager
async def _measured(report: PullReport, store: "S3Store") -> AsyncIterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        report.requests = dict(store.requests)
        report.seconds = round(time.monotonic() - started, 3)


async def ensure_merged(location: Location, options: Options = _DEFAULTS) -> None:
    """See to it that there is something to pull, by one request.

    Raises RunError, with the command that makes it, where nothing is at the prefix; UsageError where the prefix
    cannot be listed, or is not laid out in folders.
    """
    async with _open(options) as store:
        await _probe(store, location)


@asynccontextmanager
async def _open(options: Options) -> AsyncIterator["S3Store"]:
    from streammerge.s3.store import open_store  # noqa: PLC0415 - botocore takes longer to load than --help may

    try:
        async with open_store(options) as store:
            yield store
    except BaseExceptionGroup as group:
        raise unwrap(group) from group


async def _probe(store: "S3Store", location: Location) -> None:
    page = await store.probe(location, delimiter="/")
    if not page.objects and not page.prefixes and page.token is None:
        raise _nothing(location, f". {await spelling(store, location)}")
    if looks_flat(Source("set", location), page.objects, len(page.prefixes)):
        raise UsageError(
            f"{location} looks flat: more images lie directly under the prefix than there are folders, and a trainer "
            "wants a folder for each identity. Merge it first, with a --layout that says how names spell the identity"
        )


def _nothing(location: Location, advice: str = "") -> RunError:
    return RunError(
        f"{location} holds no images yet, so there is nothing to pull{advice}. To make the merged set, run\n"
        f"  streammerge merge s3://BUCKET/FIRST/ s3://BUCKET/SECOND/ --into {location} --min-images 2\n"
        "with the prefixes of its sources, and then this command again"
    )


class _Run:
    """One pull."""

    def __init__(
        self,
        store: "S3Store",
        location: Location,
        folder: Folder,
        *,
        catalogue: Catalogue,
        comparing: Comparing,
        report: PullReport,
        progress: Progress,
    ) -> None:
        self._store = store
        self._location = location
        self._folder = folder
        self._catalogue = catalogue
        self._comparing = comparing
        self._report = report
        self._progress = progress
        self._retries = Retries(store.options.attempts)

    async def look(self, sample: int | None) -> None:
        """Note what is at the prefix and what is in the directory. Raises RunError if the prefix has no image."""
        census = Census()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._walk())
            group.create_task(self._list(census))
        report = self._report
        ignored = dict(sorted(census.reasons.items()))
        for key in census.examples.get("no identity", ()):  # an absolute path
            report.refuse(Refused(key, "an empty name between two slashes"))
        report.refused += ignored.pop("no identity", 0) - len(census.examples.get("no identity", ()))
        report.ignored = ignored
        report.all_identities = self._catalogue.statistics().identities
        if not report.all_identities and not report.refused:
            raise _nothing(self._location)
        if sample is not None:
            self._catalogue.sample(sample)
        report.wanted = self._catalogue.statistics().images

    async def _list(self, census: Census) -> None:
        paths = Paths(self._folder.file_system)

        async def note(identity: Identity) -> None:
            placed = list(paths.place(identity))
            for each in placed:
                if isinstance(each, Refused):
                    self._report.refuse(each)
            self._catalogue.add(identity.name, [each for each in placed if isinstance(each, Wanted)])

        ordered = self._store.promises_order(self._location)
        listing = Listing(self._location.prefix, census, FOLDER, ordered=ordered)
        await scan(
            self._store,
            [(self._location, listing)],
            self._retries,
            note,
            listed=self._progress.listed,
            ranges=RANGES if self._folder.file_system.tells_case else 1,
        )

    async def _walk(self) -> None:
        files = self._folder.walk()
        while batch := await asyncio.to_thread(lambda: list(itertools.islice(files, _FILES))):
            self._catalogue.add_files(batch)

    def make_ready(self, policy: RecordIO) -> None:
        """See to it that the images fit, and then to RecordIO files in the directory.

        Raises UsageError where they must not be there, RunError where there is too little space.
        """
        found = sorted(RECORDIO_NAMES.intersection(self._catalogue.loose()))
        names = ", ".join(found)
        self._report.recordio = found
        if found and policy == "fail":
            raise UsageError(f"{names} in {self._folder.path}: a trainer would read RecordIO instead of the images")
        self._plan()
        if found and policy == "remove":
            for name in found:
                self._folder.remove(name)
            self._report.recordio_removed = found
            self._progress.note(f"Warning: removed {names} from {self._folder.path}: a trainer reads RecordIO first")

    def _plan(self) -> None:
        fits, files, block = self._folder.free()
        need = self._comparing.need(block)
        if need.blocks > fits or need.missing > files:
            raise RunError(
                f"{self._folder.path} has room for {human_bytes(fits)} and {files:,} files; what is to be pulled "
                f"needs {human_bytes(need.blocks)} in {need.missing:,} files. Nothing was written: make room, or pull "
                "elsewhere"
            )
        self._report.already_present = self._report.wanted - need.missing - need.doubtful
        self._progress.planned(need.missing + need.doubtful)
        self._progress.listing_done()

    async def fetch(self) -> None:
        """Download what is missing."""
        async with Downloading(
            self._store,
            self._location,
            self._folder,
            options=self._store.options,
            progress=self._progress,
            settled=self._settled,
        ) as downloading:
            for batch in self._comparing.batches():
                wanted = await self._comparing.missing(batch)
                self._report.already_present += len(batch) - len(wanted)
                self._progress.copied(len(batch) - len(wanted))
                for each in wanted:
                    await downloading.submit(each)

    def _settled(self, wanted: Wanted, error: S3Error | None) -> None:
        if error is None:
            self._progress.copied(1)
            self._report.pulled += 1
            self._report.bytes_pulled += wanted.size
        else:
            self._progress.failed(1)
            self._catalogue.fail(wanted)
            key = self._location.prefix + wanted.path
            self._report.fail(Failure(key, wanted.path, error.code, str(error)))

    def conclude(self, handoff: HandOff) -> None:
        """Count what is in the directory now, and hand it over."""
        report = self._report
        there = self._catalogue.statistics()
        report.identities, report.images, report.bytes = there.identities, there.images, there.bytes
        report.smallest, report.largest = there.smallest, there.largest
        classes = self._folder.classes()  # and not those of the prefix: ImageFolder numbers what it finds
        report.classes = len(classes)
        handoff.write(self._catalogue, classes, self._location.prefix)
        known = {*RECORDIO_NAMES, *self._folder.relative(handoff.paths)}
        for path in self._catalogue.extra():
            if path in known:
                continue
            report.extra += 1
            if report.extra <= EXAMPLES:
                report.extra_examples.append(path)
