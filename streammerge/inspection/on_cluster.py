"""Inspect on a cluster: each worker surveys the identities of its tasks, and the surveys add up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streammerge.cluster.driver import Crew
from streammerge.cluster.members import Cluster
from streammerge.cluster.task import OVERTIME, Done, Task, Tools
from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.objects import Identity, Location
from streammerge.dataset.source import Source
from streammerge.errors import UsageError
from streammerge.inspection.survey import Survey
from streammerge.listing.merge_join import unite
from streammerge.listing.opening import listings_of
from streammerge.listing.scan import RANGES, one_by_one, scan_on
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client  # botocore takes longer to load than --help may


@dataclass(frozen=True, slots=True)
class SurveyWork:
    """Count what prefixes hold."""

    sources: Sequence[Source]
    options: Options
    thumbnails: int

    @property
    def known(self) -> Sequence[Any]:
        """What tasks need not bring."""
        return (self.sources,)

    @property
    def ranges(self) -> int:
        """How many ranges a task reads at once."""
        return RANGES

    @property
    def locations(self) -> Sequence[Location]:
        """All prefixes."""
        return [source.location for source in self.sources]

    async def do(self, task: Task, done: Done, tools: Tools) -> None:
        """Count the identities of a task."""
        done.counted = survey = Survey(self.sources, self.thumbnails)

        async def count(identity: Identity) -> None:
            survey.add(identity)
            tools.progress.planned(0, images=sum(map(len, identity.members)))

        for identity in task.identities:
            await count(identity)
        left = await scan_on(
            tools.store,
            listings_of(tools.store, self.sources, survey.listing_counters),
            RetryPolicy(self.options.attempts),
            one_by_one(count),
            task.rests,
            enough=tools.enough,
            overtime=OVERTIME,
            listed=tools.progress.listed,
            ranges=task.ranges,
            eager=task.eager,
        )
        done.rests, done.complete, done.shared = left.rests, left.complete, left.shared


@dataclass(slots=True)
class SurveyTotal:
    """Adds up surveys."""

    survey: Survey
    works: bool = True
    failures: int | None = None
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, done: Done) -> None:
        """Add the result of a task."""
        self.survey += done.counted
        self.requests.update(done.requests)

    def last(self, shared: Sequence[Identity], held: Sequence[Identity]) -> list[Identity]:
        """What lay at borders."""
        return [*unite(shared), *held]


async def survey_on(
    cluster: Cluster, store: "S3Client", sources: Sequence[Source], thumbnails: int, progress: Progress
) -> SurveyTotal:
    """Survey prefixes that were looked at. Raises UsageError where they cannot be split, and what `inspect` does."""
    listings = listings_of(store, sources, [ListingCounters() for _ in sources])
    total = SurveyTotal(Survey(sources, thumbnails))
    work = SurveyWork(sources, store.options, thumbnails)
    crew = Crew(cluster, work, store, listings, total=total, progress=progress)
    await crew.work_off()
    return total


def check_countable(*, noise: bool, decode: object) -> None:
    """Raises UsageError where an inspection is to do what only one process does."""
    for option in [option for option, asked in (("--duplicates", noise), ("--decode", decode)) if asked]:
        raise UsageError(f"{option} compares or reads images in one process: omit --workers and --scheduler")
