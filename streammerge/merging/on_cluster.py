"""Merge and plan on a cluster: adds up what workers have done in the planner of the process that drives them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streammerge.cluster.driver import Crew
from streammerge.cluster.members import Cluster
from streammerge.cluster.task import Done, Work
from streammerge.dataset.objects import Identity
from streammerge.errors import RunError, UsageError
from streammerge.journal.journal import Journal
from streammerge.manifest.notes import Images
from streammerge.merging.archived import archived_problem
from streammerge.merging.cluster_work import MergeWork, PlanWork
from streammerge.merging.leftovers import abort_uploads
from streammerge.merging.planner import Planner
from streammerge.merging.sampling import sampled
from streammerge.planning.throughput import Sample
from streammerge.s3.options import Options


@dataclass(slots=True)
class PlannerTotal:
    """Adds up in a planner, and writes to a database of images what workers have noted for it.

    besides: takes in what a command counts beyond that.
    """

    planner: Planner
    database: Images | None = None
    max_failures: int | None = None
    besides: Callable[[Any], None] = lambda _: None

    @property
    def works(self) -> bool:
        """Whether some image was copied, or found at the destination."""
        counters = self.planner.counters
        return counters.copied > 0 or counters.present > 0

    @property
    def failures(self) -> int | None:
        """How many more copies may fail, less than none if too many have."""
        return None if self.max_failures is None else self.max_failures - self.planner.counters.failed

    def add(self, done: Done) -> None:
        """Add the result of a task."""
        planner = self.planner
        planner.add(done.counted)
        planner.requests.update(done.requests)
        self.besides(done.besides)
        if done.images is not None and self.database is not None:
            done.images.note_in(self.database)
        keys = planner.counters.unplanned.keys
        if keys is not None:
            for key, reason in done.unplanned:
                keys.add(key, reason)

    def last(self, shared: Sequence[Identity], held: Sequence[Identity]) -> list[Identity]:
        """What lay at borders, and what an identity map names."""
        return self.planner.last(shared, held)


async def merge_on(
    cluster: Cluster, planner: Planner, options: Options, journal: Journal | None, database: Images | None
) -> None:
    """Make every copy of the plan.

    Raises RunError where archived images would have to be copied, and what `decide_on_cluster` does.
    """
    job, counters = planner.job, planner.counters
    work = MergeWork(
        job=job,
        options=options,
        past=planner.past,
        began=planner.store.time_at(job.destination),
        thumbnails=planner.choice.size,
        notes=database is not None,
        journals=journal is not None,
        prunes=counters.unplanned.keys is not None,
    )
    total = PlannerTotal(planner, database, options.max_failures)
    left_open = await decide_on_cluster(cluster, work, total, journal)
    if journal is not None:
        await abort_uploads(planner.store, job.destination, left_open, journal, planner.progress)
    if problem := archived_problem(job, counters):
        raise RunError(problem)


async def plan_on(cluster: Cluster, planner: Planner, options: Options) -> None:
    """Decide about everything. Raises as `decide_on_cluster` does."""
    work = PlanWork(job=planner.job, options=options, past=planner.past, thumbnails=planner.choice.size)
    await decide_on_cluster(cluster, work, PlannerTotal(planner))


def check_unordered(output: str | Path | None, identity_map_template: str | Path | None) -> None:
    """Raises UsageError where a plan must be written in order, in which workers do not decide."""
    files = {"--output": output, "--identity-map-template": identity_map_template}
    for option in [option for option, path in files.items() if path is not None]:
        raise UsageError(
            f"{option} is written in the order of the plan, which only one process knows: omit --workers and "
            "--scheduler"
        )


async def decide_on_cluster(
    cluster: Cluster, work: Work, total: PlannerTotal, journal: Journal | None = None
) -> Mapping[str, str]:
    """Have everything listed and decided, and copied if the work is to.

    Returns the multipart uploads that workers which were lost have left open, and their targets.
    Raises UsageError where the job cannot be split, and whatever a single process would.
    """
    planner = total.planner
    crew = Crew(
        cluster, work, planner.store, planner.listings(), total=total, progress=planner.progress, journal=journal
    )
    counters = planner.counters

    def sample(seconds: float) -> Sample:
        return Sample(seconds, counters.copied + crew.watch.copied)

    with sampled(counters.throughput, sample):
        await crew.work_off()
    planner.all_decided()
    return crew.results.left_open
