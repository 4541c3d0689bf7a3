"""The slots: never more in flight than the limiter allows, first come, first served, no place lost."""

import asyncio

import pytest

from streammerge.errors import ThrottledError, TransientError
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.feedback import first_byte
from streammerge.transfer.limiter import Limiter
from streammerge.transfer.slots import Slots


class FakeWindow(Limiter):
    """A limiter of a given size, whose next start is at a given time; remembers what it is told."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.now = size
        self.delay = 0.0
        self.answers: list[tuple[float, bool, int]] = []
        self.typical: list[bool] = []
        self.bodies: list[int] = []

    @property
    def size(self) -> int:
        return self.now

    def start_at(self, now: float) -> float:
        return now + self.delay

    def answered(
        self,
        now: float,
        duration: float,
        *,
        throttled: bool,
        in_flight: int,
        bodies: int = 0,
        typical: bool = True,
    ) -> None:
        assert now >= duration
        self.typical.append(typical)
        self.bodies.append(bodies)
        self.answers.append((duration, throttled, in_flight))


async def settled() -> None:
    """Let every task run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_never_more_in_flight_than_the_window() -> None:
    """However the size changes, nothing starts while as many as the limiter allows are in flight."""
    limiter = FakeWindow(5)
    slots = Slots(limiter)
    in_flight, most, done = 0, 0, 0

    async def request(number: int) -> None:
        nonlocal in_flight, most, done
        entered = await slots.enter()
        in_flight += 1
        assert in_flight <= limiter.now
        most = max(most, in_flight)
        await asyncio.sleep(0.0005 * (number % 3))
        limiter.now = 1 + number * 7 % 9  # at least as many as are left are tolerated, none is added
        in_flight -= 1
        slots.leave(entered)
        done += 1

    async with asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(request(number))
    assert (done, in_flight) == (300, 0)
    assert 2 <= most <= 9
    assert max(count for _, _, count in limiter.answers) == most


async def test_first_come_first_served() -> None:
    """Who waits longer enters sooner."""
    slots = Slots(FakeWindow(1))
    order = []

    async def request(number: int) -> None:
        entered = await slots.enter()
        order.append(number)
        await asyncio.sleep(0)
        slots.leave(entered)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(request(number))
    assert order == list(range(20))


async def test_a_window_that_grows_lets_more_in() -> None:
    """An answer that makes the limiter larger makes room for all that fit."""
    limiter = FakeWindow(1)
    slots = Slots(limiter)
    entered = await slots.enter()
    waiting = [asyncio.create_task(slots.enter()) for _ in range(4)]
    await settled()
    assert not any(task.done() for task in waiting)
    limiter.now = 3
    slots.leave(entered)
    await settled()
    assert [task.done() for task in waiting] == [True, True, True, False]
    slots.leave(waiting[0].result())
    await waiting[3]


async def test_a_window_that_grows_by_what_a_task_hears_lets_more_in() -> None:
    """At once, not when the task is done: its body may take long."""
    limiter = FakeWindow(1)
    slots = Slots(limiter)
    entered, feedback = await slots.enter(), slots.feedback()
    waiting = asyncio.create_task(slots.enter())
    await settled()
    limiter.now = 2
    with feedback.collecting():
        first_byte(0.125)
    await settled()
    assert waiting.done()
    slots.leave(entered, feedback=feedback)
    slots.leave(waiting.result())


@pytest.mark.parametrize("cancelled", [[0], [1], [0, 1, 2], [2, 0]])
async def test_cancellation_while_waiting_for_a_place_loses_none(cancelled: list[int]) -> None:
    """Whoever gives up waiting leaves the queue as if it had never been in it."""
    limiter = FakeWindow(2)
    slots = Slots(limiter)
    entered = [await slots.enter(), await slots.enter()]
    waiting = [asyncio.create_task(slots.enter()) for _ in range(5)]
    await settled()
    for position in cancelled:
        waiting[position].cancel()
        await settled()
    slots.leave(entered.pop())
    await settled()
    patient = [task for position, task in enumerate(waiting) if position not in cancelled]
    assert [task.done() for task in patient] == [True] + [False] * (len(patient) - 1)
    slots.leave(patient[0].result())
    slots.leave(entered.pop())
    await settled()
    assert [task.done() for task in patient] == [number < 3 for number in range(len(patient))]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_cancellation_at_the_moment_of_leaving_loses_no_place() -> None:
    """A waiter that is cancelled in the same instant in which a place comes free does not take it along."""
    slots = Slots(FakeWindow(1))
    entered = await slots.enter()
    first, second = (asyncio.create_task(slots.enter()) for _ in range(2))
    await settled()
    slots.leave(entered)
    first.cancel()
    await asyncio.wait_for(asyncio.shield(second), 1)
    assert first.cancelled()
    slots.leave(second.result())
    slots.leave(await asyncio.wait_for(slots.enter(), 1))


async def test_cancellation_while_waiting_for_the_start_loses_no_place() -> None:
    """A request that is cancelled while it is paced gives way to the next one."""
    limiter = FakeWindow(1)
    slots = Slots(limiter)
    limiter.delay = 60
    paced = asyncio.create_task(slots.enter())
    await settled()
    assert not paced.done()
    limiter.delay = 0
    paced.cancel()
    entered = await asyncio.wait_for(slots.enter(), 1)
    slots.leave(entered)
    assert limiter.answers[0][2] == 1


async def test_starts_are_paced() -> None:
    """A start that the limiter puts off is put off; the time that is returned is that of the start."""
    limiter = FakeWindow(1)
    slots = Slots(limiter)
    clock = asyncio.get_running_loop().time
    limiter.delay = 0.03
    before = clock()
    entered = await slots.enter()
    assert before + 0.029 <= entered <= clock()


async def test_the_window_hears_of_every_answer() -> None:
    """Duration, throttling and how many were in flight, this one included."""
    limiter = FakeWindow(8)
    slots = Slots(limiter)
    entered = [await slots.enter() for _ in range(3)]
    await asyncio.sleep(0.01)
    slots.leave(entered[0])
    slots.leave(entered[1], throttled=True)
    (first, one, three), (second, other, two) = limiter.answers
    assert first >= 0.009
    assert second >= 0.009
    assert (one, other, three, two) == (False, True, 3, 2)


async def test_of_what_depends_on_sizes_the_first_bytes_count() -> None:
    """The limiter judges how long each was waited for, as soon as it is there; of a task that is unheard, nothing."""
    limiter = FakeWindow(1)
    slots = Slots(limiter)
    slots.leave(await slots.enter(), feedback=slots.feedback())
    slots.leave(await asyncio.wait_for(slots.enter(), 30), throttled=True, feedback=slots.feedback())
    assert [throttled for _, throttled, _ in limiter.answers] == [False, True]
    assert limiter.typical == [False, True]
    entered, feedback = await asyncio.wait_for(slots.enter(), 30), slots.feedback()
    with feedback.collecting():
        first_byte(0.125)
        await asyncio.create_task(_hear(0.375))
    first_byte(7)
    assert limiter.answers[2:] == [(0.125, False, 1), (0.375, False, 1)]
    assert (limiter.typical[2:], limiter.bodies) == ([True, True], [0, 0, 0, 1])
    slots.leave(entered, feedback=feedback)
    slots.leave(await asyncio.wait_for(slots.enter(), 30))
    assert (limiter.typical[2:], limiter.bodies[4:]) == ([True, True, True], [0])


async def _hear(seconds: float) -> None:
    first_byte(seconds)


async def test_a_refusal_within_a_task_counts_at_once() -> None:
    """Whatever repeats it, the limiter hears of it before the task is done."""
    limiter = FakeWindow(1)
    slots = Slots(limiter)
    await slots.enter()
    refusals = [ThrottledError("slow down", code="SlowDown"), TransientError("broken", code="Reset")]

    async def part() -> None:
        if refusals:
            raise refusals.pop()

    with slots.feedback().collecting():
        await with_retries(part, RetryPolicy(attempts=3, base=0))
    assert [throttled for _, throttled, _ in limiter.answers] == [True]
