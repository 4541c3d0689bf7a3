"""The planner: checks every prefix first, then lists, and decides identity by identity."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from streammerge.dataset.job import Job
from streammerge.dataset.objects import Identity, Location
from streammerge.dataset.source import check_apart
from streammerge.errors import IncompleteError, TransientError
from streammerge.images.choice import Choice
from streammerge.images.gallery import from_s3, make_gallery
from streammerge.listing.key_range import Rest
from streammerge.listing.listing import Listing
from streammerge.listing.merge_join import unite
from streammerge.listing.opening import listings_of, naming_side
from streammerge.listing.scan import RANGES, Emit, Left, scan, scan_on
from streammerge.merging.counted import Counted
from streammerge.merging.decider import Decider
from streammerge.merging.relayed_sources import relayed_sources
from streammerge.merging.result_warnings import is_another_set, result_warnings
from streammerge.merging.source_check import SourceCheck, check_whole
from streammerge.merging.stopwatch import Stopwatch
from streammerge.planning.cost import Estimate
from streammerge.planning.counters import Counters
from streammerge.planning.mapping import HeldBack
from streammerge.planning.plan import Decision, decide
from streammerge.planning.report import Report
from streammerge.planning.report_of_counters import make_report
from streammerge.planning.twins import Twins
from streammerge.planning.unplanned import DestinationCounters
from streammerge.report.gallery import Gallery
from streammerge.report.progress import Progress
from streammerge.report.units import counted
from streammerge.transfer.backoff import RetryPolicy

if TYPE_CHECKING:
    from streammerge.journal.history import History
    from streammerge.s3.client import S3Client

Settle = Callable[[Decision], Awaitable[None]]  # takes in a decision


class Planner:
    """Decides about every identity of a job, and counts what it decides.

    reads_destination: False to plan for a destination where nothing is, without a request to it.
    """

    def __init__(
        self,
        job: Job,
        store: "S3Client",
        retries: RetryPolicy,
        progress: Progress,
        *,
        lists_first: bool = False,
        settles: bool = True,
        reads_destination: bool = True,
        thumbnails: int = 0,
    ) -> None:
        self.job = job
        self.store = store
        self.counters = Counters(job)
        self.past: History | None = None
        self.decider = Decider(job, store, retries, settles=settles)
        self.choice = Choice(job.inputs, thumbnails)
        self.requests = Counter[str]()  # of other processes
        self._retries = retries
        self.progress = progress
        self._reads_destination = reads_destination
        self.destination_is_empty = False
        self._check = SourceCheck(
            store,
            job.sources,
            self.warn,
            lists_first=lists_first,
            append=job.append,
            mapped=bool(job.mapping),
            seeks_archived=job.archived == "fail" and not lists_first,
        )
        self.stopwatch = Stopwatch()

    async def probe(self) -> None:
        """Look at the beginning of every prefix before anything is done.

        Raises UsageError where one cannot be listed, is empty, or is a flat source that was taken for folders.
        """
        if not self._reads_destination:
            await self._check.before()
            check_apart(self.job.sources, overlap=self.store.overlap)
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._check.before())
            with naming_side("the destination", self.job.destination):
                self.destination_is_empty = (await self.store.probe(self.job.destination)).empty
        check_apart(self.job.sources, self.job.destination, self.store.overlap)
        self.counters.relayed = relayed_sources(self.store, self.job)

    @property
    def sees_archived(self) -> bool:
        """Whether one of the images that were looked at is archived."""
        return self._check.sees_archived

    @property
    def twins(self) -> Twins:
        """The identities that differ in spelling alone."""
        return self._check.labels.twins

    @twins.setter
    def twins(self, twins: Twins) -> None:
        self._check.labels.twins = twins

    def afresh(self) -> "Planner":
        """A planner of the same job that has counted nothing and shows nothing."""
        planner = Planner(self.job, self.store, self._retries, Progress())
        planner.past = self.past
        return planner

    def learn(self, past: "History | None") -> None:
        """From now on decide by what is known of earlier runs, too."""
        self.past = past
        if past is not None and past.damaged:
            self.warn(
                f"{counted(past.damaged, 'damaged line')} in the journal, as after a crash; what was recorded there is "
                "checked again"
            )

    def warn(self, warning: str) -> None:
        """Show it at once, while the run can still be stopped, and in the report."""
        self.counters.warnings.append(warning)
        self.progress.warn(warning)

    async def decide_all(self, settle: Settle, *, ranges: int = RANGES) -> None:
        """Scan everything; `settle` gets each decision once it is counted, its conflicts resolved."""
        listings, held = self.listings(), self.held_back()
        if advice := self.store.order_advice(location for location, _ in listings):
            self.progress.note(advice)
        await scan(
            self.store,
            listings,
            self._retries,
            self.decider_of_each(settle, held),
            listed=self.progress.listed,
            indexed=lambda: self._read_whole([listing for _, listing in listings]),
            ranges=ranges,
        )
        await self.decide([*held.settled(self.counters.identity_map)], settle)
        self.all_decided()

    async def decide_on(
        self,
        rests: Sequence[Rest],
        emit: Emit,
        *,
        enough: Callable[[], bool],
        overtime: float,
        ranges: int,
        eager: bool,
    ) -> Left:
        """Continue some ranges, as `scan_on` does; each identity that is complete goes to `emit`."""
        return await scan_on(
            self.store,
            self.listings(),
            self._retries,
            emit,
            rests,
            enough=enough,
            overtime=overtime,
            listed=self.progress.listed,
            ranges=ranges,
            eager=eager,
        )

    def decider_of_each(self, settle: Settle, held: HeldBack) -> Emit:
        """A function that decides about an identity, unless the map holds it back."""
        if self._reads_destination and not self.job.mapping:
            return partial(self.decide, settle=settle)

        async def emit(identities: Sequence[Identity]) -> None:
            if not self._reads_destination:
                identities = [identity._replace(members=[*identity.members, []]) for identity in identities]
            await self.decide([identity for identity in identities if not held.takes(identity)], settle)

        return emit

    async def decide(self, identities: Sequence[Identity], settle: Settle) -> None:
        """Decide about identities that are complete; `settle` gets each decision once all are counted."""
        counters, job, past = self.counters, self.job, self.past
        decisions = [decide(identity, job, past) for identity in identities]
        for number, decision in enumerate(decisions):
            if decision.conflicts:
                decisions[number] = await self._resolved(decision)
        counters.decided(*decisions)
        images = self._check.note(identities)
        self.progress.planned(sum([len(decision.copies) for decision in decisions]), images=images)
        for decision in decisions:
            if self.choice.size:
                self.choice.decided(decision, job.destination)
            if decision.unplanned and past is not None and not counters.unplanned.of_this_job:
                counters.unplanned.of_this_job = any(map(past.knows, decision.unplanned))
            await settle(decision)

    async def _resolved(self, decision: Decision) -> Decision:
        try:
            return await self.decider.resolved(decision, self.past)
        except TransientError as error:
            raise IncompleteError(f"{error}. What was copied is kept; run the same command again to resume") from error

    def held_back(self) -> HeldBack:
        """What an identity map holds back until everything is listed."""
        return HeldBack(self.job.mapping, [source.name for source in self.job.sources])

    def last(self, shared: Sequence[Identity], held: Sequence[Identity]) -> list[Identity]:
        """The identities that are complete once all ranges are done: of what lay at borders, and was held back."""
        held_back = self.held_back()
        held_back.identities += held
        united = [identity for identity in unite(shared) if not held_back.takes(identity)]
        return [*united, *held_back.settled(self.counters.identity_map)]

    @property
    def counted(self) -> Counted:
        """What was counted, to be added to that of another planner of the same job."""
        check, choice = self._check, self.choice
        return Counted(
            self.counters,
            check.folders,
            check.depths,
            check.labels.shared,
            check.labels.twins,
            choice if choice.size else None,
        )

    def add(self, counted: Counted) -> None:
        """Count what another planner has counted."""
        check = self._check
        self.counters += counted.counters
        check.folders = [mine + more for mine, more in zip(check.folders, counted.folders, strict=True)]
        for mine, more in zip(check.depths, counted.depths, strict=True):
            mine += more  # noqa: PLW2901 - in place
        check.labels.shared += counted.shared
        check.labels.twins += counted.twins
        if counted.choice is not None:
            self.choice += counted.choice

    def all_decided(self) -> None:
        """Record that every identity is decided, and warn of what is unusual about the result."""
        counters = self.counters
        counters.all_decided = True
        self.progress.listing_done()
        self._check.after(counters.sources, counters.warnings)
        counters.twins = self.twins.count()[1]
        counters.foreign = is_another_set(counters)
        for warning in result_warnings(self.job, counters):
            self.warn(warning)

    def _read_whole(self, listings: Sequence[Listing]) -> None:
        """Before anything is planned: whatever must be read whole has been."""
        check_whole(self.job.sources, listings)
        if not any(listing.joinable for listing in listings):
            self.progress.all_listed(sum(listed.images for listed in self.counters.sources))

    def listings(self) -> list[tuple[Location, Listing]]:
        """The sources and, last, the destination, as they take part in the join; what they hold is counted."""
        job, counters, store = self.job, self.counters, self.store
        skips = job.archived == "skip"
        listings = listings_of(store, job.sources, counters.sources, skip_archived=skips, corrupt=job.corrupt)
        if not self._reads_destination:
            return listings
        there, loose = job.destination, DestinationCounters(unplanned=counters.unplanned, append=job.append)
        ordered = store.promises_order(there)
        return [*listings, (there, Listing(there.prefix, loose, ordered=ordered, images_only=False))]

    async def illustrated(self, command: str, cost: Estimate | None = None) -> Report:
        """What the run has come to at its end, with its pictures."""
        gallery = await self.gallery()
        return replace(self.report(command, cost), thumbnails=gallery)

    async def gallery(self) -> Gallery | None:
        """The pictures of the report, if any were asked for."""
        return await make_gallery(self.choice, from_s3(self.store), self.store.deadline, self.progress)

    def report(self, command: str, cost: Estimate | None = None, *, stopped: str | None = None) -> Report:
        """What the run has come to. stopped: why it ended early, if it did."""
        return make_report(
            self.counters,
            command,
            requests=dict(self.requests + self.store.requests),
            seconds=self.stopwatch.seconds,
            estimate=cost,
            stopped=stopped,
        )
