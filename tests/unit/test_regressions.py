"""Mistakes that were made once, where no server is needed to show them."""

import asyncio
import gc
import math
import warnings
import weakref

import pytest
from samples import DAY, Present, a_decision, a_job, copy, image

from streammerge.copying import Copying
from streammerge.core.keys import Location
from streammerge.core.plan import Copy, is_same
from streammerge.core.tally import Tally
from streammerge.errors import DeniedError, IncompleteError, ObjectError, S3Error, UsageError, unwrap
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Retries

_BEFORE, _AFTER = "2025-12-31T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
_BOUND = 5.0  # seconds


@pytest.mark.parametrize("failed", [1, 64, 1024, 5000])
def test_the_wait_is_finite_after_any_number_of_failures(failed: int) -> None:
    """No number of tries makes the exponential backoff overflow, or wait beyond the cap."""
    wait = Retries(attempts=10_000, base=0.1, cap=20.0).wait(failed)
    assert math.isfinite(wait)
    assert 0 <= wait <= 20


@pytest.mark.parametrize(("modified", "same"), [(_BEFORE, False), (DAY, True), (_AFTER, True)])
def test_equal_empty_etags_are_no_proof(modified: str, *, same: bool) -> None:
    """Of a store that gives no ETags, an object older than its source is not the planned one."""
    found = image("a.jpg", below="out/id/", etag="", modified=modified)
    assert is_same(copy(etag=""), found) is same


class _Denying:
    """Copies the first object, and denies all others."""

    def __init__(self) -> None:
        self.copies = 0
        self.denials: list[weakref.ref[DeniedError]] = []

    async def copy(self, copy: Copy, _source: Location, _destination: Location) -> str:
        self.copies += 1
        await asyncio.sleep(0)
        if self.copies > 1 and copy.target != "out/id/0.jpg":
            error = DeniedError(f"copy {copy.key!r}: AccessDenied", code="AccessDenied", status=403)
            self.denials.append(weakref.ref(error))
            raise error
        return copy.etag


async def test_denials_are_counted_and_not_kept() -> None:
    """However many objects are denied, memory holds none of their exceptions."""
    store, job = _Denying(), a_job()
    tally = Tally(job)
    async with (
        asyncio.timeout(_BOUND),
        Copying(store, job, tally, Progress(), Options(concurrency=8), judge=Present()) as copying,
    ):
        for number in range(400):
            await copying.submit(copy(f"out/id/{number}.jpg"), a_decision())
        for _ in range(100):  # rounds of the loop in which the last few are settled
            await asyncio.sleep(0)
        gc.collect()
        alive = [denial for denial in store.denials if denial() is not None]
    assert (tally.copied, tally.failed, len(store.denials)) == (1, 399, 399)
    assert alive == []


class _Stopping:
    """Ends the run at the tenth copy."""

    def __init__(self) -> None:
        self.copies = 0

    async def copy(self, _copy: Copy, _source: Location, _destination: Location) -> str:
        self.copies += 1
        number = self.copies
        await asyncio.sleep(0)
        if number >= 10:
            raise IncompleteError("the credentials have expired")
        return ""


@pytest.mark.parametrize("producers", [1, 4, 16])
async def test_a_copy_that_stops_the_run_leaves_no_work_forgotten(producers: int) -> None:
    """Its reason is what is raised, no coroutine is left that was never awaited, and no task that still runs."""
    job = a_job()

    async def produce(copying: Copying) -> None:
        for number in range(100):
            await copying.submit(copy(f"out/id/{number}.jpg"), a_decision())

    async def work() -> None:
        async with (
            Copying(_Stopping(), job, Tally(job), Progress(), Options(concurrency=4), judge=Present()) as copying,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(producers):
                group.create_task(produce(copying))

    with pytest.raises(BaseExceptionGroup) as caught:
        async with asyncio.timeout(_BOUND):
            await work()
    assert isinstance(unwrap(caught.value), IncompleteError)
    gc.collect()
    assert len(asyncio.all_tasks()) == 1


async def test_submitting_to_a_run_that_was_just_stopped_closes_the_copy() -> None:
    """The moment between the end of the group and the cancellation of who submits is no forgotten coroutine."""
    job = a_job()
    copying = Copying(_Stopping(), job, Tally(job), Progress(), Options(concurrency=4), judge=Present())
    async with copying:
        pass
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match=r"finished|shutting down"):
            await copying.submit(copy(), a_decision())
        gc.collect()
    assert [str(warning.message) for warning in warned] == []


class _Refusing:
    """Refuses all objects for one reason."""

    def __init__(self, reason: type[S3Error]) -> None:
        self._reason = reason
        self._copies = 0

    async def copy(self, copy: Copy, _source: Location, _destination: Location) -> str:
        self._copies += 1
        await asyncio.sleep(0.001 * (self._copies % 5))
        raise self._reason(f"copy {copy.key!r}: refused", code="Refused")


class _Noting(Progress):
    """Remembers what it is to say."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.parametrize("producers", [1, 4, 16])
@pytest.mark.parametrize(("reason", "stop"), [(ObjectError, IncompleteError), (DeniedError, UsageError)])
async def test_a_failure_too_many_is_no_interruption(
    reason: type[S3Error], stop: type[Exception], producers: int
) -> None:
    """Nothing is drained and nobody is told of an interruption: there is nothing to wait for, and it is not waited."""
    job, progress = a_job(), _Noting()
    limit = 300 if reason is ObjectError else None

    async def produce(copying: Copying) -> None:
        for number in range(1000):
            await copying.submit(copy(f"out/id/{number}.jpg"), a_decision())

    async def work() -> None:
        options = Options(concurrency=16, max_failures=limit)
        async with (
            Copying(_Refusing(reason), job, Tally(job), progress, options, judge=Present()) as copying,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(producers):
                group.create_task(produce(copying))

    with pytest.raises(BaseExceptionGroup) as caught:
        async with asyncio.timeout(_BOUND):
            await work()
    assert isinstance(unwrap(caught.value), stop)
    assert progress.notes == []
