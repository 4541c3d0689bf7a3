"""Execution: makes every copy of a plan while it is decided; identities that change meanwhile are re-evaluated."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from streammerge.errors import RunError
from streammerge.journal.history import History
from streammerge.manifest.files import note_present
from streammerge.manifest.notes import Images
from streammerge.merging.archived import archived_problem
from streammerge.merging.copying import Ledger, Planned, copy_pool
from streammerge.merging.planner import Planner
from streammerge.merging.reevaluation import Reevaluation
from streammerge.merging.sampling import sampled
from streammerge.planning.outcomes import Execution, Made, Outcome
from streammerge.planning.plan import CopyTask, Decision
from streammerge.planning.throughput import Sample
from streammerge.s3.options import Options
from streammerge.transfer.pool import Pool


class Begin(Protocol):
    """Takes in a decision, whose copies are to be made."""

    async def __call__(self, decision: Decision, made: Sequence[tuple[CopyTask, Made]] = (), /) -> None:
        """made: those of its copies that this run has made already."""


_HELD = 20_000  # copies that have failed before, at most


async def copy_all(planner: Planner, ledger: Ledger, options: Options, database: Images | None = None) -> None:
    """Make every copy of the plan; identities whose sources have changed meanwhile are re-evaluated once.

    Copies that an earlier run has given up come last, as far as not too many are to be held back.
    """
    counters, store = planner.counters, planner.store
    pool = copy_pool(
        store,
        planner.job,
        ledger,
        planner.decider.is_present,
        options=options,
        progress=planner.progress,
        deadline=store.deadline,
        relayed=counters.relayed,
    )

    def sample(seconds: float) -> Sample:
        return Sample(seconds, counters.copied, pool.throttled, pool.retried)

    with sampled(counters.throughput, sample):
        await copy_decided(planner, pool, ledger, planner.decide_all, database)


async def copy_decided(
    planner: Planner,
    pool: Pool[Planned, Outcome],
    ledger: Ledger,
    decide: Callable[[Begin], Awaitable[None]],
    database: Images | None = None,
) -> None:
    """Make every copy of what `decide` settles, as `copy_all` does of everything; some may have been made already."""
    counters = planner.counters
    last: list[Planned] = []

    async def settle(decision: Decision, made: Sequence[tuple[CopyTask, Made]] = ()) -> None:
        if archived_problem(planner.job, counters):
            return  # the rest is only counted
        if decision.present or made:
            pool.works()
        if database is not None:
            note_present(database, decision, planner.job)
        execution = Execution(decision)
        for copy, outcome in made:
            ledger.settled((copy, execution), outcome)
        for task in _hold_back(execution, planner.past, last):
            await pool.submit((task, execution))

    with ledger.outdated:
        async with pool:
            await decide(settle)
            if problem := archived_problem(planner.job, counters):
                raise RunError(
                    f"{problem}\nThey were found while copying. What is copied already stays, and is not copied again."
                )
            for planned in last:
                await pool.submit(planned)
            await pool.idle()
            await Reevaluation(planner, pool, ledger, database).run()


def _hold_back(execution: Execution, past: History | None, last: list[Planned]) -> Iterator[CopyTask]:
    """The copies to make now; those that have failed before go to `last`."""
    for task in execution.open:
        if past is not None and len(last) < _HELD and past.has_failed(task):
            last.append((task, execution))
        else:
            yield task
