"""The origins of a pull: a merged set at a prefix, or the sources of a job, planned as a merge would plan them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.filter import Filter
from streammerge.dataset.job import Job
from streammerge.dataset.layout import FOLDER
from streammerge.dataset.objects import NOWHERE, Identity, Location, printable
from streammerge.errors import RunError, TransientError, UsageError
from streammerge.job_files import with_files
from streammerge.listing.listing import Listing
from streammerge.listing.scan import one_by_one, scan
from streammerge.manifest.wanted import Wanted
from streammerge.merging.archived import archived_problem
from streammerge.merging.planner import Planner
from streammerge.planning.plan import Decision
from streammerge.pulling.merged_set import check_merged, nothing_to_pull
from streammerge.pulling.paths import Refused
from streammerge.pulling.report import PullReport
from streammerge.report.progress import Progress
from streammerge.report.units import counted
from streammerge.transfer.backoff import RetryPolicy

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client

Emit = Callable[[str, Sequence[Wanted]], None]  # takes all images of an identity


class Origin(Protocol):
    """Where the images of a pull come from.

    locations: by the `place` of an image. prefix: what precedes its path in its key, if anything does.
    names: of the locations, for the manifest.
    """

    locations: Sequence[Location]
    names: Sequence[str]
    prefix: str

    async def check(self) -> None:
        """Look at every prefix before anything is written. Raises UsageError or RunError where it cannot be pulled."""

    async def list_images(self, emit: Emit, *, ranges: int) -> None:
        """List all images, identity by identity, so many ranges at once."""

    def conclude(self, report: PullReport) -> None:
        """Report what was listed and is no image to pull. Raises RunError where there is nothing to pull."""


class MergedSet:
    """The images below one prefix, in folders; hidden: those that are hidden, or junk, too."""

    def __init__(self, store: "S3Client", location: Location, progress: Progress, *, hidden: bool) -> None:
        self.locations: Sequence[Location] = [location]
        self.names: Sequence[str] = [""]
        self.prefix = location.prefix
        self._store = store
        self._location = location
        self._progress = progress
        self._layout = FOLDER.behind(Filter(hidden=hidden))
        self._counters = ListingCounters()
        self._nested, self._most_nested = 0, (0, "")  # images in nested folders; of the identity with most of them

    async def check(self) -> None:
        """As Origin has it."""
        await check_merged(self._store, self._location)

    async def list_images(self, emit: Emit, *, ranges: int) -> None:
        """As Origin has it."""
        store, location = self._store, self._location

        async def note(identity: Identity) -> None:
            if nested := sum(["/" in image.name for image in identity.members[0]]):
                self._nested += nested
                if nested > self._most_nested[0]:
                    self._most_nested = nested, identity.name
            emit(identity.name, [Wanted(image.object, identity.name, image.name) for image in identity.members[0]])

        ordered = store.promises_order(location)
        listing = Listing(location.prefix, self._counters, self._layout, ordered=ordered)
        if advice := store.order_advice([location]):
            self._progress.note(advice)
        retries = RetryPolicy(store.options.attempts)
        listed = self._progress.listed
        await scan(store, [(location, listing)], retries, one_by_one(note), listed=listed, ranges=ranges)

    def conclude(self, report: PullReport) -> None:
        """As Origin has it."""
        counters = self._counters
        ignored = dict(sorted(counters.reasons.items()))
        for key in counters.examples.get("no identity", ()):  # an absolute path
            report.refuse(Refused(key, "an empty name ('//') in its path"))
        report.refused += ignored.pop("no identity", 0) - len(counters.examples.get("no identity", ()))
        report.ignored = ignored
        if not report.all_identities and not report.refused:
            raise nothing_to_pull(self._location)
        if self._nested * 2 > counters.images:
            name = self._most_nested[1]
            report.warnings.append(
                f"{self._nested:,} of {counted(counters.images, 'image')} lie in nested folders, whose first folder is "
                f"the class. If the classes are the folders below {printable(name)!r}, pull "
                f"{printable(f'{self._location}{name}/')} instead"
            )


class JobSources:
    """The images that a merge of a job would have at its destination, which is neither needed nor asked.

    Raises UsageError where the job adds to what is there, or names a file that cannot be read.
    """

    def __init__(self, store: "S3Client", job: Job, progress: Progress) -> None:
        if job.append:
            raise UsageError(
                "a job with append = true adds to what is at its destination, and a pull from the sources does not "
                "read that. Merge it, then pull the destination"
            )
        self._job = with_files(replace(job, destination=NOWHERE))
        self._planner = Planner(
            self._job,
            store,
            RetryPolicy(store.options.attempts),
            _Listing(progress),
            lists_first=True,
            reads_destination=False,
        )
        self.locations: Sequence[Location] = [source.location for source in job.sources]
        self.names: Sequence[str] = [source.name for source in job.sources]
        self.prefix = ""

    async def check(self) -> None:
        """As Origin has it."""
        await self._planner.probe()

    async def list_images(self, emit: Emit, *, ranges: int) -> None:
        """As Origin has it."""

        async def settle(decision: Decision) -> None:
            name = decision.identity.name
            skip = len(name) + 1
            tasks = (*decision.copies, *decision.impossible)
            if tasks:
                emit(name, [Wanted(task.object, name, task.target[skip:], task.source) for task in tasks])

        await self._planner.decide_all(settle, ranges=ranges)

    def conclude(self, report: PullReport) -> None:
        """As Origin has it."""
        if problem := archived_problem(self._job, self._planner.counters):
            raise UsageError(f'{problem}\nFor a pull, set it in the job file: archived = "try" or "skip"')
        planned = self._planner.report("pull")
        report.ignored, report.sources = planned.ignored, planned.sources
        report.warnings = planned.warnings
        report.rules = {name: rule for name, rule in planned.rules.items() if name not in ("append", "if_exists")}
        report.skipped, report.duplicates, report.renamed = planned.skipped, planned.duplicates, planned.renamed
        if not report.all_identities and not report.refused:
            raise RunError("nothing to pull: no identity of the sources is kept. `streammerge plan` says why")


class _Listing(Progress):
    """Passes on what a listing tells: how many images are to be pulled is known only once it has ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def listed(self, keys: int) -> None:
        self._progress.listed(keys)

    def retried(self, error: TransientError) -> None:
        self._progress.retried(error)

    def note(self, text: str) -> None:
        self._progress.note(text)

    def warn(self, text: str) -> None:
        self._progress.warn(text)
