"""Copies that fail, are denied or stop the run: what is counted, what is kept, what is left running."""

import asyncio
import gc
import warnings
import weakref

import pytest
from samples import a_decision, a_job, copy, copying

from streammerge.dataset.objects import Location
from streammerge.errors import DeniedError, IncompleteError, ObjectError, S3Error, UsageError
from streammerge.merging.copying import Planned
from streammerge.planning.counters import Counters
from streammerge.planning.outcomes import Execution, Made, Outcome
from streammerge.planning.plan import CopyTask
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.pool import Pool

_BOUND = 60.0  # seconds


class _Denying:
    """Copies the first object, and denies all others."""

    def __init__(self) -> None:
        self.copies = 0
        self.denials: list[weakref.ref[DeniedError]] = []

    async def copy(self, copy: CopyTask, _source: Location, _destination: Location) -> Made:
        self.copies += 1
        await asyncio.sleep(0)
        if self.copies > 1 and copy.target != "out/id/0.jpg":
            error = DeniedError(f"copy {copy.object.key!r}: AccessDenied", code="AccessDenied", status=403)
            self.denials.append(weakref.ref(error))
            raise error
        return Made(copy.object.etag)


async def test_denials_are_counted_and_not_kept() -> None:
    """However many objects are denied, memory holds none of their exceptions."""
    store, job = _Denying(), a_job()
    counters = Counters(job)
    async with (
        asyncio.timeout(_BOUND),
        copying(store, job, counters, Progress(), Options(concurrency=8)) as pool,
    ):
        for number in range(400):
            await pool.submit((copy(f"out/id/{number}.jpg"), Execution(a_decision())))
        for _ in range(100):  # rounds of the loop in which the last few are settled
            await asyncio.sleep(0)
        gc.collect()
        alive = [denial for denial in store.denials if denial() is not None]
    assert (counters.copied, counters.failed, len(store.denials)) == (1, 399, 399)
    assert alive == []


class _Stopping:
    """Ends the run at the tenth copy."""

    def __init__(self) -> None:
        self.copies = 0

    async def copy(self, _copy: CopyTask, _source: Location, _destination: Location) -> Made:
        self.copies += 1
        number = self.copies
        await asyncio.sleep(0)
        if number >= 10:
            raise IncompleteError("the credentials have expired")
        return Made("")


@pytest.mark.parametrize("producers", [1, 4, 16])
async def test_a_copy_that_stops_the_run_leaves_no_work_forgotten(producers: int) -> None:
    """Its reason is what is raised, no coroutine is left that was never awaited, and no task that still runs."""
    job = a_job()

    async def produce(pool: Pool[Planned, Outcome]) -> None:
        for number in range(100):
            await pool.submit((copy(f"out/id/{number}.jpg"), Execution(a_decision())))

    async def work() -> None:
        async with (
            copying(_Stopping(), job, Counters(job), Progress(), Options(concurrency=4)) as pool,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(producers):
                group.create_task(produce(pool))

    with pytest.raises(IncompleteError):
        async with asyncio.timeout(_BOUND):
            await work()
    gc.collect()
    assert len(asyncio.all_tasks()) == 1


async def test_submitting_to_a_run_that_was_just_stopped_closes_the_copy() -> None:
    """The moment between the end of the group and the cancellation of who submits is no forgotten coroutine."""
    job = a_job()
    pool = copying(_Stopping(), job, Counters(job), Progress(), Options(concurrency=4))
    async with pool:
        pass
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match=r"finished|shutting down"):
            await pool.submit((copy(), Execution(a_decision())))
        gc.collect()
    assert [str(warning.message) for warning in warned] == []


class _Refusing:
    """Refuses all objects for one reason."""

    def __init__(self, reason: type[S3Error]) -> None:
        self._reason = reason
        self._copies = self.refused = 0

    async def copy(self, copy: CopyTask, _source: Location, _destination: Location) -> Made:
        self._copies += 1
        await asyncio.sleep(0.001 * (self._copies % 5))
        self.refused += 1
        raise self._reason(f"copy {copy.object.key!r}: refused", code="Refused")


@pytest.mark.parametrize("producers", [1, 4, 16])
@pytest.mark.parametrize(("reason", "stop"), [(ObjectError, IncompleteError), (DeniedError, UsageError)])
async def test_a_failure_too_many_is_no_reason_to_forget_the_others(
    reason: type[S3Error], stop: type[Exception], producers: int
) -> None:
    """Whatever was asked for before the run is stopped is waited for, and counted."""
    job, store = a_job(), _Refusing(reason)
    counters = Counters(job)
    limit = 300 if reason is ObjectError else None

    async def produce(pool: Pool[Planned, Outcome]) -> None:
        for number in range(1000):
            await pool.submit((copy(f"out/id/{number}.jpg"), Execution(a_decision())))

    async def work() -> None:
        options = Options(concurrency=16, max_failures=limit)
        async with (
            copying(store, job, counters, Progress(), options) as pool,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(producers):
                group.create_task(produce(pool))

    with pytest.raises(stop):
        async with asyncio.timeout(_BOUND):
            await work()
    assert counters.failed == store.refused > 250
