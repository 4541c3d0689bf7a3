"""The gate: never more in flight than the window says, first come, first served, no place lost."""

import asyncio

import pytest

from streammerge.core.pacing import Window
from streammerge.gate import Gate


class FakeWindow(Window):
    """A window of a given size, whose next start is at a given time; remembers what it is told."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.now = size
        self.delay = 0.0
        self.answers: list[tuple[float, bool, int]] = []

    @property
    def size(self) -> int:
        return self.now

    def start_at(self, now: float) -> float:
        return now + self.delay

    def answered(self, now: float, latency: float, *, throttled: bool, in_flight: int) -> None:
        assert now >= latency
        self.answers.append((latency, throttled, in_flight))


async def settled() -> None:
    """Let every task run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_never_more_in_flight_than_the_window() -> None:
    """However the size changes, nothing starts while as many as the window allows are in flight."""
    window = FakeWindow(5)
    gate = Gate(window)
    in_flight, most, done = 0, 0, 0

    async def request(number: int) -> None:
        nonlocal in_flight, most, done
        entered = await gate.enter()
        in_flight += 1
        assert in_flight <= window.now
        most = max(most, in_flight)
        await asyncio.sleep(0.0005 * (number % 3))
        window.now = 1 + number * 7 % 9  # at least as many as are left are tolerated, none is added
        in_flight -= 1
        gate.leave(entered)
        done += 1

    async with asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(request(number))
    assert (done, in_flight) == (300, 0)
    assert 2 <= most <= 9
    assert max(count for _, _, count in window.answers) == most


async def test_first_come_first_served() -> None:
    """Who waits longer enters sooner."""
    gate = Gate(FakeWindow(1))
    order = []

    async def request(number: int) -> None:
        entered = await gate.enter()
        order.append(number)
        await asyncio.sleep(0)
        gate.leave(entered)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(request(number))
    assert order == list(range(20))


async def test_a_window_that_grows_lets_more_in() -> None:
    """An answer that makes the window larger makes room for all that fit."""
    window = FakeWindow(1)
    gate = Gate(window)
    entered = await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(4)]
    await settled()
    assert not any(task.done() for task in waiting)
    window.now = 3
    gate.leave(entered)
    await settled()
    assert [task.done() for task in waiting] == [True, True, True, False]
    gate.leave(waiting[0].result())
    await waiting[3]


@pytest.mark.parametrize("cancelled", [[0], [1], [0, 1, 2], [2, 0]])
async def test_cancellation_while_waiting_for_a_place_loses_none(cancelled: list[int]) -> None:
    """Whoever gives up waiting leaves the queue as if it had never been in it."""
    window = FakeWindow(2)
    gate = Gate(window)
    entered = [await gate.enter(), await gate.enter()]
    waiting = [asyncio.create_task(gate.enter()) for _ in range(5)]
    await settled()
    for position in cancelled:
        waiting[position].cancel()
        await settled()
    gate.leave(entered.pop())
    await settled()
    patient = [task for position, task in enumerate(waiting) if position not in cancelled]
    assert [task.done() for task in patient] == [True] + [False] * (len(patient) - 1)
    gate.leave(patient[0].result())
    gate.leave(entered.pop())
    await settled()
    assert [task.done() for task in patient] == [number < 3 for number in range(len(patient))]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_cancellation_at_the_moment_of_leaving_loses_no_place() -> None:
    """A waiter that is cancelled in the same instant in which a place comes free does not take it along."""
    gate = Gate(FakeWindow(1))
    entered = await gate.enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await settled()
    gate.leave(entered)
    first.cancel()
    await asyncio.wait_for(asyncio.shield(second), 1)
    assert first.cancelled()
    gate.leave(second.result())
    gate.leave(await asyncio.wait_for(gate.enter(), 1))


async def test_cancellation_while_waiting_for_the_start_loses_no_place() -> None:
    """A request that is cancelled while it is paced gives way to the next one."""
    window = FakeWindow(1)
    gate = Gate(window)
    window.delay = 60
    paced = asyncio.create_task(gate.enter())
    await settled()
    assert not paced.done()
    window.delay = 0
    paced.cancel()
    entered = await asyncio.wait_for(gate.enter(), 1)
    gate.leave(entered)
    assert window.answers[0][2] == 1


async def test_starts_are_paced() -> None:
    """A start that the window puts off is put off; the time that is returned is that of the start."""
    window = FakeWindow(1)
    gate = Gate(window)
    clock = asyncio.get_running_loop().time
    window.delay = 0.03
    before = clock()
    entered = await gate.enter()
    assert before + 0.029 <= entered <= clock()


async def test_the_window_hears_of_every_answer() -> None:
    """Duration, throttling and how many were in flight, this one included."""
    window = FakeWindow(8)
    gate = Gate(window)
    entered = [await gate.enter() for _ in range(3)]
    await asyncio.sleep(0.01)
    gate.leave(entered[0])
    gate.leave(entered[1], throttled=True)
    (first, one, three), (second, other, two) = window.answers
    assert first >= 0.009
    assert second >= 0.009
    assert (one, other, three, two) == (False, True, 3, 2)


async def test_what_is_not_typical_teaches_nothing() -> None:
    """A request of another kind gives its place back without a word about its duration."""
    window = FakeWindow(1)
    gate = Gate(window)
    gate.leave(await gate.enter(), typical=False)
    assert window.answers == []
    gate.leave(await asyncio.wait_for(gate.enter(), 1))
    assert [count for _, _, count in window.answers] == [1]
