"""The command `pull`: download a merged set, or what a merge would make of its sources; checked and resumable.

Strategy: everything is listed before anything is written, into a database on disk, so that what is missing, what does
not belong, and whether it all fits are known first. Then the images that are missing are downloaded, identity by
identity.
"""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, get_args

from streammerge.dataset.ignored import not_an_image
from streammerge.dataset.job import Job
from streammerge.dataset.junk import Hidden, junk
from streammerge.dataset.objects import NOWHERE, Identity, Image, Location
from streammerge.dataset.recordio import RECORDIO_NAMES
from streammerge.dataset.source import Source, location_of
from streammerge.errors import RunError, S3Error, StreamMergeError, UsageError
from streammerge.images.choice import Choice, Shown
from streammerge.images.gallery import PIECE, check_thumbnails, make_gallery
from streammerge.job_files import load_job
from streammerge.listing.opening import open_store
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.files import TrainingFiles
from streammerge.manifest.wanted import Wanted
from streammerge.planning.collisions import Named
from streammerge.planning.failures import Failure
from streammerge.planning.report import why_stopped
from streammerge.pulling.comparison import Comparing
from streammerge.pulling.directory import Directory, open_directory
from streammerge.pulling.downloading import download_pool
from streammerge.pulling.failed_before import remembering_failed
from streammerge.pulling.inventory import Inventory
from streammerge.pulling.origins import JobSources, MergedSet, Origin
from streammerge.pulling.paths import FAILED, Check, RecordIO
from streammerge.pulling.recordio import RecordIOFiles
from streammerge.pulling.report import EXAMPLES, PullReport
from streammerge.pulling.result_warnings import result_warnings
from streammerge.report.progress import Progress
from streammerge.report.units import counted, human_bytes
from streammerge.s3.options import Options
from streammerge.settings import check_choice, check_count
from streammerge.transfer.backoff import RetryPolicy

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client

_DEFAULTS = Options()
_SILENT = Progress()


def _unheard(_: PullReport) -> None:
    """Ignore the report."""


class PullArguments(TypedDict, total=False):
    """What `pull` takes by name."""

    check: Check
    recordio: RecordIO
    sample: int | None
    hidden: Hidden
    classes: str | Path | None
    manifest: str | Path | None
    thumbnails: int
    progress: Progress
    stopped: Callable[[PullReport], None]


async def pull(
    source: "str | Path | Location | Job",
    directory: str | Path,
    options: Options = _DEFAULTS,
    **more: Unpack[PullArguments],
) -> PullReport:
    """Download the images below a prefix into a directory, as `identity/name`.

    source: the prefix of a merged set; or a job, or its file, whose images come from its sources, each over its own
    connection, selected and named as `merge` would have them at the destination. That is neither needed nor sent a
    request.
    Files that are already right are not downloaded again; other files in the directory are reported and left alone.

    By name, all of it optional:
    check: how a file is recognized as right: by size and time, or by MD5 (by size and age where the ETag is not one).
    recordio: what to do with train.rec, train.idx and train.lst in the directory, which a trainer would read instead.
    sample: download this many identities only, a reproducible random sample.
    hidden: whether junk and hidden images at the prefix are ignored or included; of those in the directory that are
    not at the prefix, the report has the number. The sources of a job have settings of their own.
    classes: a file for the classes in the order in which ImageFolder numbers them: a JSON list, or one per line.
    manifest: a file (.csv, .parquet) for a row per image, with its key and its label.
    thumbnails: the number of identities whose images the report's page shows, from the directory; needs Pillow.
    stopped: is called with the report so far if the run is cancelled or fails after it has tried an image.
    progress: is told how far the run is; by default nobody is.

    Raises UsageError where the input is wrong (nothing was written), RunError where the prefix has no image or the
    images do not fit, IncompleteError where the run stopped half-way.
    """
    return await _pull(source, directory, options, **more)


async def _pull(
    source: str | Path | Location | Job,
    directory: str | Path,
    options: Options,
    *,
    check: Check = "size",
    recordio: RecordIO = "rename",
    sample: int | None = None,
    hidden: Hidden = "ignore",
    classes: str | Path | None = None,
    manifest: str | Path | None = None,
    thumbnails: int = 0,
    progress: Progress = _SILENT,
    stopped: Callable[[PullReport], None] = _unheard,
) -> PullReport:
    if sample is not None:
        check_count("--sample", sample, at_least=1)
    check_choice("--check", check, get_args(Check))
    check_choice("--recordio", recordio, get_args(RecordIO))
    check_choice("--hidden", hidden, get_args(Hidden))
    check_thumbnails(thumbnails)
    place, directory = _place_of(source), Path(directory)
    if isinstance(place, Job) and hidden != "ignore":
        raise UsageError('--hidden is for a prefix: each source of a job has a setting of its own, hidden = "include"')
    training_files = TrainingFiles(classes, manifest, directory=directory)
    report = PullReport(url="" if isinstance(place, Job) else str(place), directory=str(directory), sample=sample)
    async with _told_if_stopped(report, stopped), open_store(options) as store, _measured(report, store):
        origin = _origin(store, place, progress, hidden=hidden)
        await origin.check()
        with open_directory(directory) as folder, ImageDatabase(origin.prefix) as database:
            retries = RetryPolicy(options.attempts)
            comparing = Comparing(store, origin.locations, folder, database=database, check=check, retries=retries)
            await Inventory(origin, folder, database, report).take(sample)
            run = _Run(store, origin, folder, database=database, comparing=comparing, report=report, progress=progress)
            run.make_ready(recordio)
            with remembering_failed(folder, database):
                await run.fetch()
            run.conclude(training_files)
            await run.illustrate(thumbnails)
    return report


def _place_of(source: str | Path | Location | Job) -> Location | Job:
    if isinstance(source, Location | Job):
        return source
    if "://" not in str(source) and str(source).endswith(".toml"):
        return load_job(source, into=NOWHERE)
    return location_of(str(source))


def _origin(store: "S3Client", place: Location | Job, progress: Progress, *, hidden: Hidden) -> Origin:
    if isinstance(place, Job):
        return JobSources(store, place, progress)
    return MergedSet(store, place, progress, hidden=hidden == "include")


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
async def _measured(report: PullReport, store: "S3Client") -> AsyncIterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        report.requests = dict(store.requests)
        report.seconds = round(time.monotonic() - started, 3)


class _Run:
    """One pull."""

    def __init__(
        self,
        store: "S3Client",
        origin: Origin,
        folder: Directory,
        *,
        database: ImageDatabase,
        comparing: Comparing,
        report: PullReport,
        progress: Progress,
    ) -> None:
        self._store = store
        self._origin = origin
        self._folder = folder
        self._database = database
        self._comparing = comparing
        self._report = report
        self._progress = progress

    def make_ready(self, policy: RecordIO) -> None:
        """Check that the images fit, then deal with RecordIO files in the directory.

        Raises UsageError where these must not be there, RunError where there is too little space.
        """
        recordio = RecordIOFiles(self._folder, self._database, policy)
        self._plan()
        recordio.clear(self._report, self._progress)

    def _plan(self) -> None:
        fits, files, block = self._folder.free()
        need = self._comparing.need(block)
        if need.blocks > fits or need.missing + need.folders > files:
            raise RunError(
                f"{self._folder.path} has room for {human_bytes(fits)} in {files:,} files and folders; the images need "
                f"{human_bytes(need.blocks)} in {counted(need.missing, 'file')} and "
                f"{counted(need.folders, 'new folder')}. Nothing was written: free some space, or pull to another "
                "directory"
            )
        self._report.already_present = self._report.wanted - need.missing - need.doubtful
        self._progress.planned(need.missing + need.doubtful)
        self._progress.listing_done()

    async def fetch(self) -> None:
        """Download what is missing."""
        async with download_pool(
            self._store,
            self._origin.locations,
            self._folder,
            self._settled,
            options=self._store.options,
            progress=self._progress,
            deadline=self._store.deadline,
        ) as pool:
            if self._report.already_present:
                pool.works()
            for batch in self._comparing.batches():
                wanted = await self._comparing.missing(batch)
                self._report.already_present += len(batch) - len(wanted)
                self._progress.copied(len(batch) - len(wanted))
                for each in wanted:
                    await pool.submit(each)

    def _settled(self, wanted: Wanted, outcome: S3Error | None) -> None:
        if outcome is None:
            self._progress.copied(1)
            self._database.made(wanted)
            self._report.pulled += 1
            self._report.bytes_pulled += wanted.object.size
        else:
            self._progress.failed(1)
            self._database.fail(wanted)
            self._report.fail(Failure(wanted.object.key, wanted.path, outcome.code, str(outcome)))

    async def illustrate(self, thumbnails: int) -> None:
        """Show some of the images that are in the directory."""
        prefix = self._origin.prefix
        choice = Choice([Source("", Location(self._origin.locations[0].bucket, prefix))], thumbnails)
        if thumbnails:
            pairs = (
                (wanted.identity, Image(wanted.object._replace(key=prefix + wanted.path), wanted.name))
                for wanted, _ in self._database.wanted()
            )
            for identity, group in itertools.groupby(pairs, lambda pair: pair[0]):
                images = [image for _, image in group]
                choice.note(Identity(identity, [images]), Named([images], len(images)))

        async def read(shown: Shown) -> bytes:
            return await self._folder.read(shown.object.key.removeprefix(prefix), PIECE)

        self._report.thumbnails = await make_gallery(choice, read, self._store.deadline, self._progress)

    def conclude(self, training_files: TrainingFiles) -> None:
        """Count what is in the directory now, and hand it over."""
        report = self._report
        there = self._database.statistics()
        report.identities, report.images, report.bytes = there.identities, there.images, there.bytes
        report.smallest, report.largest = there.smallest, there.largest
        classes = self._folder.classes()  # and not those of the prefix: ImageFolder numbers what it finds
        report.classes = len(classes)
        others = set(classes).difference(self._database.identities())
        training_files.write(self._database, classes)
        known = {*RECORDIO_NAMES, FAILED, *self._folder.relative(training_files.paths)}
        for path in self._database.unplanned():
            if path in known:
                continue
            report.unplanned += 1
            report.junk += not_an_image(path, size=1) is None and junk(path) is not None
            if report.unplanned <= EXAMPLES:
                report.unplanned_examples.append(path)
        report.warnings += result_warnings(report, others)
