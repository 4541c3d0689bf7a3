"""A run: all sources and the destination looked at first, then identity by identity decided, from what was listed."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streammerge.core.cost import Estimate
from streammerge.core.extras import Loose
from streammerge.core.inspection import looks_flat, looks_mixed, looks_nested, looks_unlike
from streammerge.core.job import Job, Source
from streammerge.core.join import Census, Identity, Image, Listing
from streammerge.core.keys import Location, printable
from streammerge.core.layout import FOLDER, Layout
from streammerge.core.plan import TOO_FEW, Copy, Decision, Found, decide, is_same
from streammerge.core.report import Report
from streammerge.core.tally import Tally
from streammerge.errors import IncompleteError, RunError, S3Error, TransientError, UsageError, unwrap
from streammerge.neighbours import spelling
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Retries, persist
from streammerge.scanning import RANGES, scan

if TYPE_CHECKING:
    from streammerge.core.records import History
    from streammerge.s3.store import S3Store


@asynccontextmanager
async def open_run(job: Job, options: Options, progress: Progress) -> AsyncIterator["Run"]:
    """A Run on an open store, its sources looked at. The one error that matters comes out of a group of them."""
    from streammerge.s3.store import open_store  # noqa: PLC0415 - botocore takes longer to load than --help may

    try:
        async with open_store(options) as store:
            run = Run(job, store, Retries(options.attempts), progress)
            await run.probe()
            yield run
    except BaseExceptionGroup as group:
        raise unwrap(group) from group


class Run:
    """What the verbs share: looking at the sources first, then deciding identity by identity."""

    def __init__(self, job: Job, store: "S3Store", retries: Retries, progress: Progress) -> None:
        self.job = job
        self.store = store
        self.retries = retries
        self.tally = Tally(job)
        self.past: History | None = None
        self._progress = progress
        self._censuses = [Census() for _ in job.sources]
        self._nothing_there = False
        self._started = time.monotonic()

    async def probe(self) -> None:
        """Look at the beginning of every prefix before anything is done.

        Raises UsageError where one cannot be listed, is empty, or is a flat source that was taken for folders.
        """
        page = await self.store.probe(self.job.destination)
        self._nothing_there = not page.objects and page.token is None
        for source in self.job.sources:
            await self._probe_source(source)

    async def expect_destination(self) -> None:
        """Warn where nothing at all lies at the destination, for a verb that measures it."""
        if self._nothing_there:
            there = self.job.destination
            self._warn(f"there is nothing at the destination {there}. {await spelling(self.store, there)}")

    async def _probe_source(self, source: Source) -> None:
        page = await self.store.probe(source.location, delimiter="/" if source.layout.sorted else "")
        if not page.objects and not page.prefixes and page.token is None:
            advice = await spelling(self.store, source.location)
            raise UsageError(f"source {source} is empty: there is nothing below that prefix. {advice}")
        if problem := looks_flat(source, page.objects, len(page.prefixes)):
            raise UsageError(problem)
        if source.layout.sorted:
            first = await self.store.probe(source.location)
            oddity = looks_mixed(source, page.objects, len(page.prefixes)) or looks_nested(source, first.objects)
        else:
            oddity = looks_unlike(source, page.objects)
        if oddity:
            self._warn(oddity)

    def learn(self, past: "History | None") -> None:
        """Decide by what is known of earlier runs, too; tells of what a journal says no more."""
        self.past = past
        if past is not None and past.damaged:
            self._warn(
                f"the journal has lines that cannot be read ({past.damaged:,}), as after a crash; what they recorded "
                "is looked at anew"
            )

    def _warn(self, warning: str) -> None:
        """Say it at once, while the run can still be stopped, and in the report."""
        self.tally.warnings.append(warning)
        self._progress.note(f"Warning: {warning}")

    async def decide_all(self, settle: Callable[[Decision], Awaitable[None]], *, ranges: int = RANGES) -> None:
        """Scan everything; `settle` gets each decision once it is counted, conflicts resolved."""
        loose = Loose(extras=self.tally.extras)
        listings = [
            self._listing(source.location, census, source.layout)
            for source, census in zip(self.job.sources, self._censuses, strict=True)
        ]
        listings.append(self._listing(self.job.destination, loose, FOLDER, images_only=False))

        async def emit(identity: Identity) -> None:
            try:
                decision = await self._decide(identity)
            except TransientError as error:
                raise IncompleteError(f"{error}. What was copied stays: run the same command again to go on") from error
            self._count(decision, images=sum(map(len, identity.members[: len(self.job.sources)])))
            await settle(decision)

        await scan(
            self.store,
            listings,
            self.retries,
            emit,
            listed=self._progress.listed,
            indexed=lambda: self._indexed([listing for _, listing in listings]),
            ranges=ranges,
        )
        self.tally.all_decided = True
        self._progress.listing_done()
        for source, census in zip(self.job.sources, self._censuses, strict=True):
            if not census.images:
                self._warn(f"source {source} has no image at all")
        if not self.tally.identities and self.tally.verdicts[TOO_FEW]:
            self._warn(f"nothing is kept: no identity has the {self.job.min_images:,} images of --min-images")

    def _indexed(self, listings: Sequence[Listing]) -> None:
        """Refuse a source that was read whole, before anything is copied, and has no image in its layout."""
        for source, listing in zip(self.job.sources, listings, strict=False):
            if not listing.joinable and not listing.census.images:
                why = ", ".join(f"{count:,} {reason}" for reason, count in listing.census.reasons.items())
                raise UsageError(f"source {source} has no image that fits layout {source.layout}: {why}")
        if not any(listing.joinable for listing in listings):
            self._progress.all_listed(sum(census.images for census in self._censuses))

    def _listing(
        self, location: Location, census: Census, layout: Layout, *, images_only: bool = True
    ) -> tuple[Location, Listing]:
        ordered = self.store.promises_order(location)
        return location, Listing(location.prefix, census, layout, ordered=ordered, images_only=images_only)

    async def _decide(self, identity: Identity) -> Decision:
        decision = decide(identity, self.job, self.past)
        if decision.conflicts:
            await self._resolve(decision)
        return decision

    def _count(self, decision: Decision, *, images: int = 0) -> None:
        self.tally.decided(decision)
        self._progress.planned(len(decision.copies), images=images)

    async def _resolve(self, decision: Decision) -> None:
        """Settle the conflicts: some are none, for ETags that are no MD5s; the rest are as `if_exists` has it."""
        conflicts = decision.conflicts[:]
        decision.conflicts.clear()
        for conflict in conflicts:
            copy = conflict.copy
            if not conflict.certain and await self._are_encrypted(copy):
                decision.present.append(copy)
            elif self.job.if_exists == "overwrite":
                decision.copies.append(copy._replace(replaces=True))
            elif self.job.if_exists == "fail":
                raise RunError(
                    f"{printable(copy.target)!r} holds something else than the plan wants there. --if-exists skip-same "
                    "leaves it alone and reports it, overwrite replaces it"
                )
            else:
                decision.conflicts.append(conflict)

    async def is_present(self, copy: Copy, found: Found) -> bool:
        """Whether what lies at a target is the planned image."""
        same = is_same(copy, found, self.past)
        return await self._are_encrypted(copy) if same is None else same

    async def _are_encrypted(self, copy: Copy) -> bool:
        source = self.job.sources[copy.source].location
        return not await persist(lambda: self.store.etags_are_md5(copy, source, self.job.destination), self.retries)

    async def decide_anew(self, outdated: Decision) -> Decision | None:
        """Look again at every object of an identity, and decide about it as if for the first time.

        What this run has copied of it counts as copied where the new plan wants it still, and as extra where not.
        None where it cannot be looked at: what has changed then counts as not attempted.
        """
        name = printable(outdated.identity.name)
        try:
            decision = await self._decide(await self._seen_again(outdated.identity))
        except S3Error as error:
            self._progress.note(
                f"Warning: identity {name} has changed since it was listed, and is left as it is: {error}"
            )
            return None
        self._progress.note(f"Identity {name} has changed since it was listed: deciding anew")
        self.tally.withdrawn(outdated)
        self._count(decision)
        decision.anew = True
        made = {copy.target for copy in outdated.copies} if outdated.made else set()
        for copy in [copy for copy in decision.present if copy.target in made]:
            self.tally.was_made(copy, decision)
        return decision

    async def _seen_again(self, identity: Identity) -> Identity:
        members = [
            [image for image in [await self._look_again(source, old) for old in images] if image is not None]
            for source, images in zip(self.job.sources, identity.members, strict=False)
        ]
        return Identity(identity.name, [*members, await self._existing(identity.name)])

    async def _look_again(self, source: Source, old: Image) -> Image | None:
        head = await self.store.objects.head(source.location.bucket, old.key)
        if head is None or not head.listed.size:
            return None
        _, size, etag, modified = head.listed
        return Image(old.key, size, etag, modified, old.name)

    async def _existing(self, identity: str) -> list[Image]:
        folder = f"{self.job.destination.prefix}{identity}/"
        location = Location(self.job.destination.bucket, folder)
        found = await self.store.below(location)
        return [Image(*listed, listed.key[len(folder) :]) for listed in found]

    def report(self, command: str, cost: Estimate | None = None, *, stopped: str | None = None) -> Report:
        """What it has come to. stopped: why it did not come to its end."""
        return self.tally.report(
            command,
            self._censuses,
            requests=dict(self.store.requests),
            seconds=time.monotonic() - self._started,
            estimate=cost,
            stopped=stopped,
        )
