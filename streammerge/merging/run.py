"""The commands `merge` and `plan`: list, decide, and copy, or only report what would be copied."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from streammerge.cluster.engine import open_cluster
from streammerge.dataset.job import Job
from streammerge.errors import UsageError
from streammerge.job_files import with_files
from streammerge.journal.journal import Journal, open_journal, read_history
from streammerge.listing.scan import RANGES
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.files import TrainingFiles
from streammerge.merging.archived import archived_problem, count_archived
from streammerge.merging.copying import Ledger
from streammerge.merging.execution import copy_all
from streammerge.merging.ignored_options import copies_to_check, ignored_options
from streammerge.merging.leftovers import abort_leftovers
from streammerge.merging.map_template import map_template
from streammerge.merging.open_planner import open_planner
from streammerge.merging.plan_file import plan_file
from streammerge.merging.planner import Planner
from streammerge.merging.pruning import Confirm, check_prunable, prune
from streammerge.merging.unplanned_keys import UnplannedKeys
from streammerge.planning.cost import PRICES, estimate
from streammerge.planning.plan import Decision
from streammerge.planning.report import Report, why_stopped
from streammerge.report.progress import Progress
from streammerge.s3.options import Options

if TYPE_CHECKING:
    from distributed import Client

    from streammerge.cluster.members import Cluster
    from streammerge.cluster.settings import ClusterSettings

_DEFAULTS = Options()
_SILENT = Progress()


def _unheard(_: Report) -> None:
    """Ignore the report."""


class MergeArguments(TypedDict, total=False):
    """What `merge` takes by name."""

    progress: Progress
    journal: str | Path | None
    command: str
    classes: str | Path | None
    manifest: str | Path | None
    confirm_prune: Confirm | None
    thumbnails: int
    cluster: "ClusterSettings | Client | None"
    stopped: Callable[[Report], None]


async def merge(job: Job, options: Options = _DEFAULTS, **more: Unpack[MergeArguments]) -> Report:
    """Merge the sources of a job into its destination, server-side.

    Images that are already at the destination are not copied again, so the same call resumes an earlier one. An object
    that cannot be copied is reported (`failed`, `failures`), not raised. When cancelled, the copies in flight get up to
    ten seconds to finish; when cancelled again, they are dropped.

    By name, all of it optional:
    journal: where to record what is done: a file, or a prefix in S3 as an s3:// URL.
    command: a shell command that resumes the job, without credentials; the journal records it for `status`.
    classes: a file for the identities in the order in which ImageFolder numbers them: a JSON list, or one per line.
    manifest: a file (.csv, .parquet) for a row per image, with label and source. Both are written once all are copied.
    confirm_prune: decides, once every copy has succeeded, whether the unplanned objects that it is given are removed.
    thumbnails: the number of identities whose images the report's page shows, read once all is copied; needs Pillow.
    cluster: processes on this machine, a Dask scheduler, or a `distributed.Client` to spread the work over its workers.
    stopped: is called with the report so far if the run is cancelled or fails after it has looked at the sources.
    progress: is told how far the run is; by default nobody is.

    Raises UsageError where the input is wrong (nothing was written), IncompleteError where running again resumes,
    RunError where the run cannot continue.
    """
    return await _merge(job, options, **more)


async def _merge(
    job: Job,
    options: Options,
    *,
    progress: Progress = _SILENT,
    journal: str | Path | None = None,
    command: str = "",
    classes: str | Path | None = None,
    manifest: str | Path | None = None,
    confirm_prune: Confirm | None = None,
    thumbnails: int = 0,
    cluster: "ClusterSettings | Client | None" = None,
    stopped: Callable[[Report], None] = _unheard,
) -> Report:
    job = with_files(job)
    training_files = TrainingFiles(classes, manifest, journal=journal)
    if confirm_prune is not None:
        check_prunable(job)
    async with (
        open_cluster(cluster, progress) as workers,
        _told_if_stopped(job, options, progress, stopped, thumbnails) as planner,
        open_journal(journal, job, planner.store, command, deadline=planner.store.deadline) as record,
        training_files.opened(job.destination.prefix) as database,
        AsyncExitStack() as stack,
    ):
        counters, store = planner.counters, planner.store
        await _prepare(planner, record)
        if confirm_prune is not None:
            counters.unplanned.gather(stack.enter_context(UnplannedKeys()))
        await _make_copies(workers, planner, options, record, database)
        if confirm_prune is not None:
            progress.copying_done()
            await prune(store.objects_at(job.destination), counters, planner.stopwatch.paused(confirm_prune), record)
        report = await planner.illustrated("merge")
        if record:
            record.ended(report)
        if database is not None:
            _write_training_files(training_files, database, report, progress)
        return report


async def _prepare(planner: Planner, record: Journal | None) -> None:
    """Learn from earlier runs, and clean up after them. Raises UsageError where archived images are to be copied."""
    if record:
        record.reached = lambda: planner.report("merge")
        planner.learn(record.history)
        await abort_leftovers(planner.store, planner.job.destination, record, planner.progress)
        planner.store.uploads = record
    if problem := await count_archived(planner):
        raise UsageError(problem)


async def _make_copies(
    workers: "Cluster | None",
    planner: Planner,
    options: Options,
    record: Journal | None,
    database: ImageDatabase | None,
) -> None:
    """Make every copy, here or on a cluster, and warn of options that the store has ignored."""
    made = copies_to_check(options)
    if workers is None:
        ledger = Ledger(planner.counters, planner.progress, record, database, made)
        await copy_all(planner, ledger, options, database)
    else:
        from streammerge.merging.on_cluster import merge_on  # noqa: PLC0415 - as for plan

        await merge_on(workers, planner, options, record, database)
    for warning in await ignored_options(planner.store, planner.job.destination, made) if made is not None else ():
        planner.warn(warning)


@asynccontextmanager
async def _told_if_stopped(
    job: Job, options: Options, progress: Progress, stopped: Callable[[Report], None], thumbnails: int
) -> AsyncIterator[Planner]:
    planner = None
    try:
        async with open_planner(job, options, progress, thumbnails=thumbnails) as planner:
            yield planner
    except BaseException as error:
        if planner is not None and (planner.counters.verdicts or not isinstance(error, UsageError)):
            stopped(planner.report("merge", stopped=why_stopped(error)))
        raise


class PlanArguments(TypedDict, total=False):
    """What `plan` takes by name."""

    progress: Progress
    prices: Mapping[str, float]
    output: str | Path | None
    journal: str | Path | None
    identity_map_template: str | Path | None
    thumbnails: int
    cluster: "ClusterSettings | Client | None"


async def plan(job: Job, options: Options = _DEFAULTS, **more: Unpack[PlanArguments]) -> Report:
    """Plan what `merge` would do, with an estimate of its cost and time; copies nothing.

    By name, all of it optional:
    identity_map_template: a file (.csv) that gets an identity map to begin from: the identities that sources share, and
    those that differ in spelling alone, united. Everything is listed once more for it.
    output: a file for the copies to make, one line of JSON each.
    prices: US dollars for 1,000 requests of each kind.
    journal: as for `merge`; it is only read.
    thumbnails, cluster, progress: as for `merge`. What is written in order, `output` and the template, is for one
    process alone.

    Raises UsageError where the input is wrong, RunError where the run cannot continue.
    """
    return await _plan(job, options, **more)


async def _plan(
    job: Job,
    options: Options,
    *,
    progress: Progress = _SILENT,
    prices: Mapping[str, float] = PRICES,
    output: str | Path | None = None,
    journal: str | Path | None = None,
    identity_map_template: str | Path | None = None,
    thumbnails: int = 0,
    cluster: "ClusterSettings | Client | None" = None,
) -> Report:
    job = with_files(job)
    if cluster:
        from streammerge.merging.on_cluster import check_unordered  # noqa: PLC0415 - loaded only for a cluster

        check_unordered(output, identity_map_template)
    async with (
        open_cluster(cluster, progress) as workers,
        open_planner(job, options, progress, lists_first=True, thumbnails=thumbnails) as planner,
        plan_file(output, job) as write,
    ):
        planner.learn(await read_history(journal, job, planner.store))

        async def settle(decision: Decision) -> None:
            await write(decision.copies)

        with map_template(identity_map_template, planner) as write_template:
            if workers is None:
                await planner.decide_all(settle, ranges=1 if output is not None else RANGES)  # a file is in order
            else:
                from streammerge.merging.on_cluster import plan_on  # noqa: PLC0415

                await plan_on(workers, planner, options)
            await write_template()
        if problem := archived_problem(job, planner.counters):
            planner.warn("merge will stop: " + problem.replace("\n", "; "))
        cost = estimate(
            planner.counters.left,
            relays=planner.counters.to_relay.total(),
            concurrency=options.concurrency,
            prices=prices,
            max_rate=options.max_rate,
        )
        return await planner.illustrated("plan", cost)


def _write_training_files(
    training_files: TrainingFiles, database: ImageDatabase, report: Report, progress: Progress
) -> None:
    names = " and ".join(map(str, training_files.paths))
    if not report.complete:
        progress.warn(f"{names} not written: the destination is not complete yet")
        return
    training_files.write(database, database.identities())
    if report.unplanned:
        progress.warn(
            f"{names} do not cover the unplanned objects at the destination, whose folders ImageFolder would "
            "number too; `streammerge pull --classes` covers exactly the folders that it downloads"
        )
