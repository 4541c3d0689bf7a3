"""The verbs `merge` and `plan`: list, decide, and copy or only say what would be copied."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from streammerge.catalogue import Catalogue
from streammerge.copying import Copying
from streammerge.core.cost import PRICES, estimate
from streammerge.core.job import Job
from streammerge.core.plan import Decision
from streammerge.core.report import Report, why_stopped
from streammerge.deciding import Run, open_run
from streammerge.errors import UsageError
from streammerge.handoff import HandOff, note
from streammerge.journal import open_journal, read_history
from streammerge.planfile import plan_file
from streammerge.progress import Progress
from streammerge.pruning import Confirm, check_prunable, prune
from streammerge.s3.options import Options
from streammerge.sampling import sampled
from streammerge.scanning import RANGES

_DEFAULTS = Options()
_SILENT = Progress()


def _unheard(_: Report) -> None:
    """Nobody is told."""


async def merge(
    job: Job,
    options: Options = _DEFAULTS,
    *,
    progress: Progress = _SILENT,
    journal: str | None = None,
    command: str = "",
    classes: Path | None = None,
    manifest: Path | None = None,
    confirm_prune: Confirm | None = None,
    stopped: Callable[[Report], None] = _unheard,
) -> Report:
    """Merge the sources of a job into its destination, server-side.

    What is already there, and right, is not copied again, so the same call goes on where an earlier one stopped.
    An object that cannot be copied is in the report (`failed`, `failures`), not an exception. Cancelled, it lets the
    copies in flight come to their end, for ten seconds at most; cancelled again, it does not.

    journal: where to record what is done: a file, or a prefix in S3 as an s3:// URL.
    command: a line of shell that goes on with the job, without credentials, for the journal to record and `status` to
    tell.
    classes: a file that gets the identities as ImageFolder will number them, one a line, or as JSON if it is named so.
    manifest: a file (.csv, .parquet) that gets a row for every image of the plan, with its label and its source.
    Both are written once all of the plan is at the destination.
    confirm_prune: if given, it is shown what lies at the destination and is not in the plan, once every copy has
    succeeded, and says whether that is to be removed.
    stopped: is told what the run had come to, if it is cancelled, or cannot go on, once it has looked at the sources;
    not where the input is wrong and nothing was decided yet.

    Raises UsageError where the input is wrong (nothing was written then), IncompleteError where running again goes on,
    RunError where the run cannot go on.
    """
    handoff = HandOff(classes, manifest)
    if confirm_prune is not None:
        check_prunable(job)
    async with (
        _told_if_stopped(job, options, progress, stopped) as run,
        open_journal(journal, job, run.store, command) as record,
        handoff.opened() as catalogue,
    ):
        if confirm_prune is not None:
            run.tally.extras.gather()
        run.learn(record.history if record else None)
        with sampled(run.tally.throughput, lambda: run.tally.copied):
            copying = Copying(run.store, job, run.tally, progress, options, judge=run, journal=record)
            await _copy_all(run, copying, catalogue)
        if confirm_prune is not None:
            progress.copying_done()
            await prune(run.store.objects, run.tally, confirm_prune, record)
        report = run.report("merge")
        if record:
            record.ended(report)
        if catalogue is not None:
            _hand_over(handoff, catalogue, report, job, progress)
        return report


@asynccontextmanager
async def _told_if_stopped(
    job: Job, options: Options, progress: Progress, stopped: Callable[[Report], None]
) -> AsyncIterator[Run]:
    run = None
    try:
        async with open_run(job, options, progress) as run:
            yield run
    except BaseException as error:
        if run is not None and (run.tally.verdicts or not isinstance(error, UsageError)):
            stopped(run.report("merge", stopped=why_stopped(error)))
        raise


async def _copy_all(run: Run, copying: Copying, catalogue: Catalogue | None) -> None:
    async def settle(decision: Decision) -> None:
        if catalogue is not None:
            note(catalogue, decision, run.job)
        for copy in decision.copies[:]:
            await copying.submit(copy, decision)

    async with copying:
        await run.decide_all(settle)
        for decision in await copying.settled():
            if (anew := await run.decide_anew(decision)) is not None:
                await settle(anew)


async def plan(
    job: Job,
    options: Options = _DEFAULTS,
    *,
    progress: Progress = _SILENT,
    prices: Mapping[str, float] = PRICES,
    output: Path | None = None,
    journal: str | None = None,
) -> Report:
    """Decide all that `merge` would do, with an estimate of cost and time, and copy nothing.

    output: a file that gets every copy to make as a line of JSON. journal: as for `merge`; it is only read.

    Raises UsageError where the input is wrong, RunError where the run cannot go on.
    """
    async with open_run(job, options, progress) as run, plan_file(output, job) as write:
        run.learn(await read_history(journal, job, run.store))

        async def settle(decision: Decision) -> None:
            await write(decision.copies)

        await run.decide_all(settle, ranges=1 if output else RANGES)  # a plan on file is in order
        return run.report("plan", estimate(run.tally.planned, concurrency=options.concurrency, prices=prices))


def _hand_over(handoff: HandOff, catalogue: Catalogue, report: Report, job: Job, progress: Progress) -> None:
    names = " and ".join(map(str, handoff.paths))
    if not report.complete:
        progress.note(f"Warning: {names} not written: not all of the plan is at the destination yet")
        return
    handoff.write(catalogue, catalogue.identities(), job.destination.prefix)
    if report.extra:
        progress.note(
            f"Warning: {names} know nothing of what else is at the destination; ImageFolder would number folders there "
            "too. `streammerge pull --classes` goes by the folders that it brings"
        )
