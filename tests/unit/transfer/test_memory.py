"""Memory for bodies: never more than its limit at a time, and nobody is kept waiting for ever."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.transfer.memory import Memory


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3), st.booleans()), max_size=30))
def test_never_more_than_the_limit_and_all_come_to_their_turn(bodies: list[tuple[int, int, bool]]) -> None:
    """Whatever the sizes, how long each stays, and who is cancelled while it waits or has its bytes."""
    memory, most = Memory(10), 0

    async def hold(size: int, turns: int) -> None:
        nonlocal most
        async with memory.holding(size):
            most = max(most, memory.held)
            for _ in range(turns):
                await asyncio.sleep(0)

    async def run() -> None:
        tasks = [asyncio.create_task(hold(size, turns)) for size, turns, _ in bodies]
        for number, (_, _, cancels) in enumerate(bodies):
            if cancels:
                await asyncio.sleep(0)
                tasks[number].cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert most <= 10
    assert memory.held == 0


async def test_first_come_first_served() -> None:
    """A large body does not wait for ever behind small ones that fit."""
    memory, order = Memory(10), list[int]()

    async def hold(size: int) -> None:
        async with memory.holding(size):
            order.append(size)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for size in (6, 10, 1, 2):
            group.create_task(hold(size))
    assert order == [6, 10, 1, 2]


async def test_who_is_cancelled_gives_way() -> None:
    """One that waits for more than there is holds nobody up once it is gone."""
    memory = Memory(10)
    await memory.take(6)
    waiting = asyncio.create_task(memory.take(9))
    behind = asyncio.create_task(memory.take(4))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(30):
        await behind
    assert memory.held == 10


async def test_all_are_cancelled_at_once() -> None:
    """As when a run is stopped: who holds bytes gives them back before those that wait have heard of it."""
    memory = Memory(10)

    async def hold() -> None:
        async with memory.holding(10):
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 3
    assert memory.held == 0
