"""The pool: what is attempted how often, what is handed over, and that nothing is lost however a run ends."""

import asyncio
from collections import Counter

import pytest

from streammerge.errors import DeniedError, IncompleteError, ObjectError, S3Error, TransientError, UsageError
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.limiter import Limiter
from streammerge.transfer.pool import Pool
from streammerge.transfer.slots import Slots


class Watching:
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.retries: list[TransientError] = []
        self.notes: list[str] = []

    def retried(self, error: TransientError) -> None:
        self.retries.append(error)

    def note(self, text: str) -> None:
        self.notes.append(text)


class Server:
    """Does what it is asked for, whether or not anybody waits for the answer; some tasks fail, or stop the run."""

    def __init__(self, fails: dict[int, list[BaseException]] | None = None) -> None:
        self.fails = fails or {}
        self.attempts = Counter[int]()
        self.in_flight = self.most = 0
        self.made: list[int] = []
        self.busy = asyncio.Event()
        self.handed: dict[int, str | S3Error] = {}

    async def work(self, task: int, attempt: int) -> str:
        self.attempts[task] += 1
        assert attempt == self.attempts[task]
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(0.001 * (task % 3))
            if errors := self.fails.get(task):
                raise errors.pop(0)
            self.made.append(task)  # from now on it is there
            if len(self.made) == 30:
                self.busy.set()
            await asyncio.sleep(0.005)
        finally:
            self.in_flight -= 1
        return f"made {task}"

    def settled(self, task: int, outcome: str | S3Error) -> None:
        assert task not in self.handed
        self.handed[task] = outcome

    @property
    def recorded(self) -> list[int]:
        """The tasks that were handed over as made."""
        return sorted(task for task, outcome in self.handed.items() if isinstance(outcome, str))


def a_pool(server: Server, *, watching: Watching | None = None, max_failures: int | None = None) -> Pool[int, str]:
    """A pool with eight tasks in flight, and three attempts at each."""
    return Pool(
        server.work,
        server.settled,
        concurrency=8,
        retries=RetryPolicy(attempts=3, base=0),
        circuit_breaker=CircuitBreaker(3, advise=lambda _: "It needs a permission", max_failures=max_failures),
        deadline=Deadline(),
        observer=watching or Watching(),
    )


async def test_every_task_is_handed_over_once() -> None:
    """With its result, or with the error for which it was given up; never more are in flight than may be."""
    gone = ObjectError("gone")
    lost: list[BaseException] = [TransientError(str(number)) for number in range(4)]
    server, watching = Server({5: [gone], 7: lost[:2], 9: [*lost[1:]]}), Watching()
    async with asyncio.timeout(30), a_pool(server, watching=watching) as pool:
        for task in range(100):
            await pool.submit(task)
        await pool.idle()
        assert len(server.handed) == 100
    assert {task: outcome for task, outcome in server.handed.items() if not isinstance(outcome, str)} == {
        5: gone,
        9: lost[3],
    }
    assert (server.attempts[5], server.attempts[7], server.attempts[9]) == (1, 3, 3)
    assert len(watching.retries) == 4
    assert server.recorded == sorted(server.made)
    assert 2 <= server.most <= 8
    assert watching.notes == []


async def test_a_result_may_be_nothing() -> None:
    """What returns None has succeeded."""
    handed: list[tuple[int, S3Error | None]] = []

    async def work(task: int, _: int) -> None:
        if task == 1:
            raise ObjectError("gone")

    pool: Pool[int, None] = Pool(
        work,
        lambda task, outcome: handed.append((task, outcome)),
        concurrency=1,
        retries=RetryPolicy(attempts=1),
        circuit_breaker=CircuitBreaker(1),
        deadline=Deadline(),
        observer=Watching(),
    )
    async with asyncio.timeout(30), pool:
        for task in range(2):
            await pool.submit(task)
    assert [(task, outcome is None) for task, outcome in handed] == [(0, True), (1, False)]


async def test_slots_outlast_a_run_that_is_stopped() -> None:
    """Whoever waits for a slot when the run is stopped does not keep it: the next pool may use the same."""
    slots, stopping = Slots(Limiter(start=4, ceiling=4)), asyncio.Event()

    async def work(_: int, __: int) -> str:
        await stopping.wait()
        raise UsageError("no")

    pool: Pool[int, str] = Pool(
        work,
        lambda *_: None,
        concurrency=8,
        retries=RetryPolicy(attempts=1),
        circuit_breaker=CircuitBreaker(1),
        deadline=Deadline(),
        observer=Watching(),
        slots=slots,
    )
    submitting: list[asyncio.Task[None]] = []

    async def run() -> None:
        async with asyncio.timeout(30), pool:
            submitting.extend(asyncio.create_task(pool.submit(task)) for task in range(8))
            asyncio.get_running_loop().call_later(0.01, stopping.set)
            await asyncio.sleep(60)

    with pytest.raises(UsageError):
        await run()
    ended = await asyncio.gather(*submitting, return_exceptions=True)
    assert any(isinstance(each, RuntimeError) for each in ended)
    async with asyncio.timeout(5):
        for _ in range(4):
            await slots.enter()


async def _submit_all(pool: Pool[int, str]) -> None:
    async with asyncio.timeout(30), pool:
        for task in range(10_000):
            await pool.submit(task)


ENDS: dict[str, tuple[dict[int, list[BaseException]], type[BaseException]]] = {
    "what concerns every object": ({50: [IncompleteError("the credentials have expired")]}, IncompleteError),
    "a bug": ({50: [TypeError("a bug")]}, TypeError),
    "too many failures": ({task: [ObjectError("gone")] for task in range(40, 80)}, IncompleteError),
    "an outage": ({task: [TransientError("no answer")] * 3 for task in range(40, 10_000)}, IncompleteError),
    "no access": ({task: [DeniedError("no")] for task in range(10_000)}, UsageError),
}


@pytest.mark.parametrize("end", ENDS)
async def test_whatever_stops_a_run_what_was_made_is_recorded(end: str) -> None:
    """S3 makes what it was asked for, and it is handed over before the reason is raised."""
    fails, kind = ENDS[end]
    server = Server(fails)
    pool = a_pool(server, max_failures=20 if end == "too many failures" else None)
    with pytest.raises(kind):
        await _submit_all(pool)
    assert server.recorded == sorted(server.made)
    assert len(server.attempts) < 5_000
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("error", [DeniedError("no"), ObjectError("no"), TransientError("no answer")])
@pytest.mark.parametrize("block", [range(3_000), range(500, 3_500), range(20, 3_020)])
async def test_a_block_of_failures_hides_nothing(error: S3Error, block: range) -> None:
    """Wherever thousands lie together that cannot be had: few others, before or behind them, are all done."""
    server = Server({task: [error] * 3 for task in block})
    others = [task for task in range(block.start // 10 * 10, block.stop + 60) if task not in block]
    async with asyncio.timeout(60), a_pool(server) as pool:
        for task in (*block, *others):
            await pool.submit(task)
    assert server.recorded == others
    assert len(server.handed) == len(block) + len(others)


async def test_a_bug_in_what_is_told_stops_the_run() -> None:
    """It is raised as it is."""
    server = Server()

    def settled(task: int, outcome: str | S3Error) -> None:
        server.settled(task, outcome)
        if task == 50:
            raise KeyError(task)

    pool = a_pool(server)
    pool._settled = settled
    with pytest.raises(KeyError):
        await _submit_all(pool)
    assert server.recorded == sorted(server.made)


@pytest.mark.parametrize("end", ["a cancellation", "a listing that fails"])
async def test_whatever_ends_the_submitting_what_was_made_is_recorded(end: str) -> None:
    """Nothing is tried again then; what is in flight is waited for."""
    server = Server({task: [TransientError("slow")] * 3 for task in range(0, 10_000, 7)})

    async def run() -> None:
        async with a_pool(server) as pool:
            for task in range(10_000):
                await pool.submit(task)
                if end == "a listing that fails" and task == 100:
                    raise IncompleteError("cannot be listed")

    task = asyncio.create_task(run())
    if end == "a cancellation":
        await server.busy.wait()
        task.cancel()
    with pytest.raises(asyncio.CancelledError if end == "a cancellation" else IncompleteError):
        await asyncio.wait_for(task, 30)
    assert server.recorded == sorted(server.made)
