"""The verbs `merge` and `plan`: list, decide, and copy or only say what would be copied."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streammerge.copying import Copying
from streammerge.core.cost import PRICES, Estimate, estimate
from streammerge.core.inspection import looks_flat, looks_mixed, looks_nested, looks_unlike
from streammerge.core.job import Job, Source
from streammerge.core.join import Census, Identity, Listing
from streammerge.core.keys import Location
from streammerge.core.layout import FOLDER, Layout
from streammerge.core.plan import Conflict, Decision, decide, is_same
from streammerge.core.report import Loose, Report, Tally
from streammerge.errors import UsageError, unwrap
from streammerge.planfile import plan_file
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Retries, persist
from streammerge.scanning import RANGES, scan

if TYPE_CHECKING:
    from streammerge.s3.store import S3Store

_DEFAULTS = Options()
_SILENT = Progress()


async def merge(job: Job, options: Options = _DEFAULTS, *, progress: Progress = _SILENT) -> Report:
    """Merge the sources of a job into its destination, server-side.

    What is already there, and right, is not copied again, so the same call goes on where an earlier one stopped.
    An object that cannot be copied is in the report (`failed`, `failures`), not an exception.

    Raises UsageError where the input is wrong (nothing was written then), RunError where the run cannot go on.
    """
    async with _open(job, options, progress) as run:
        async with Copying(run.store, job, run.tally, progress, options) as copying:

            async def settle(decision: Decision) -> None:
                for copy in decision.copies:
                    await copying.submit(copy)

            await run.decide_all(settle)
        return run.report("merge")


async def plan(
    job: Job,
    options: Options = _DEFAULTS,
    *,
    progress: Progress = _SILENT,
    prices: Mapping[str, float] = PRICES,
    output: Path | None = None,
) -> Report:
    """Decide all that `merge` would do, with an estimate of cost and time, and copy nothing.

    output: a file that gets every copy to make as a line of JSON.

    Raises UsageError where the input is wrong, RunError where the run cannot go on.
    """
    async with _open(job, options, progress) as run, plan_file(output, job) as write:

        async def settle(decision: Decision) -> None:
            await write(decision.copies)

        await run.decide_all(settle, ranges=1 if output else RANGES)  # a plan on file is in order
        return run.report("plan", estimate(run.tally.planned, concurrency=options.concurrency, prices=prices))


@asynccontextmanager
async def _open(job: Job, options: Options, progress: Progress) -> AsyncIterator["_Run"]:
    from streammerge.s3.store import open_store  # noqa: PLC0415 - botocore takes longer to load than --help may

    try:
        async with open_store(options) as store:
            run = _Run(job, store, Retries(options.attempts), progress)
            await run.probe()
            yield run
    except BaseExceptionGroup as group:
        raise unwrap(group) from group


class _Run:
    """What merge and plan share: looking at the sources first, then deciding identity by identity."""

    def __init__(self, job: Job, store: "S3Store", retries: Retries, progress: Progress) -> None:
        self.job = job
        self.store = store
        self.retries = retries
        self.tally = Tally(job)
        self._progress = progress
        self._censuses = [Census() for _ in job.sources]
        self._started = time.monotonic()

    async def probe(self) -> None:
        """Look at the beginning of every prefix before anything is done.

        Raises UsageError where one cannot be listed, is empty, or is a flat source that was taken for folders.
        """
        await self.store.probe(self.job.destination)
        for source in self.job.sources:
            await self._probe_source(source)

    async def _probe_source(self, source: Source) -> None:
        page = await self.store.probe(source.location, delimiter="/" if source.layout.sorted else "")
        if not page.objects and not page.prefixes and page.token is None:
            raise UsageError(f"source {source} is empty: there is nothing below that prefix. Check how it is spelt")
        if problem := looks_flat(source, page.objects, len(page.prefixes)):
            raise UsageError(problem)
        if source.layout.sorted:
            first = await self.store.probe(source.location)
            oddity = looks_mixed(source, page.objects, len(page.prefixes)) or looks_nested(source, first.objects)
        else:
            oddity = looks_unlike(source, page.objects)
        if oddity:
            self._progress.note(f"Warning: {oddity}")

    async def decide_all(self, settle: Callable[[Decision], Awaitable[None]], *, ranges: int = RANGES) -> None:
        """Scan everything; `settle` gets each decision once it is counted, conflicts resolved."""
        loose = Loose(tally=self.tally)
        listings = [
            self._listing(source.location, census, source.layout)
            for source, census in zip(self.job.sources, self._censuses, strict=True)
        ]
        listings.append(self._listing(self.job.destination, loose, FOLDER, images_only=False))

        async def emit(identity: Identity) -> None:
            decision = decide(identity, self.job)
            await self._resolve(decision)
            self.tally.decided(decision)
            self._progress.planned(len(decision.copies))
            await settle(decision)

        await scan(
            self.store,
            listings,
            self.retries,
            emit,
            listed=self._progress.listed,
            indexed=lambda: self._check_indexed([listing for _, listing in listings]),
            ranges=ranges,
        )
        self._progress.listing_done()
        for source, census in zip(self.job.sources, self._censuses, strict=True):
            if not census.images:
                self._progress.note(f"Warning: source {source} has no image at all")

    def _check_indexed(self, listings: Sequence[Listing]) -> None:
        """Refuse a source that was read whole, before anything is copied, and has no image in its layout."""
        for source, listing in zip(self.job.sources, listings, strict=False):
            if not listing.joinable and not listing.census.images:
                why = ", ".join(f"{count:,} {reason}" for reason, count in listing.census.reasons.items())
                raise UsageError(f"source {source} has no image that fits layout {source.layout}: {why}")

    def _listing(
        self, location: Location, census: Census, layout: Layout, *, images_only: bool = True
    ) -> tuple[Location, Listing]:
        ordered = self.store.promises_order(location)
        return location, Listing(location.prefix, census, layout, ordered=ordered, images_only=images_only)

    async def _resolve(self, decision: Decision) -> None:
        """Settle the conflicts: some are none, for ETags that are no MD5s; the rest are overwritten or reported."""
        conflicts = decision.conflicts[:]
        decision.conflicts.clear()
        for conflict in conflicts:
            if await self._is_present(conflict):
                decision.present.append(conflict.copy)
            elif self.job.if_exists == "overwrite":
                decision.copies.append(conflict.copy)
            else:
                decision.conflicts.append(conflict)
                self.tally.conflict(conflict.copy.target)

    async def _is_present(self, conflict: Conflict) -> bool:
        copy, found = conflict
        if not is_same(copy, found, etags_are_md5=False):
            return False
        source = self.job.sources[copy.source].location
        return not await persist(lambda: self.store.etags_are_md5(copy, source, self.job.destination), self.retries)

    def report(self, command: str, cost: Estimate | None = None) -> Report:
        """What it has come to."""
        return self.tally.report(
            command,
            self._censuses,
            requests=dict(self.store.requests),
            seconds=time.monotonic() - self._started,
            estimate=cost,
        )
