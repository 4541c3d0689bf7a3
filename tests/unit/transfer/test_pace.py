"""The pace: in no stretch of time more starts than its rate allows, however late the loop is."""

import asyncio
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.transfer.pace import SLACK, Pace
from streammerge.transfer.turns import Turns


@given(
    rate=st.floats(0.5, 20_000),
    pauses=st.lists(st.floats(0, 2), max_size=200),
)
def test_no_stretch_has_more_starts_than_the_rate_allows(rate: float, pauses: list[float]) -> None:
    """Between any two starts passes the time of all starts from one to the other, less the slack."""
    pace = Pace(rate)
    now, starts = 1000.0, []
    for pause in pauses:
        now += pause
        starts.append(now + pace.claim(now))
    assert starts == sorted(starts)
    for number, start in enumerate(starts):
        for later, other in enumerate(starts[number:]):
            assert other - start >= later / rate - SLACK - 1e-6


def test_a_rate_that_changes_holds_from_the_next_start_on() -> None:
    """Starts are spaced by the rate of the moment; an infinite one puts off nothing."""
    pace = Pace(inf)
    assert [pace.claim(5.0) for _ in range(100)] == [0.0] * 100
    pace.rate = 10
    pace.claim(5.0)
    assert pace.claim(5.0) == pytest.approx(0.1 - SLACK)


async def test_turns_come_one_after_the_other() -> None:
    """Waiting takes as long as the pace says, in the order of asking, and who gives up takes no start along."""
    turns = Turns(200)
    order: list[int] = []

    async def request(number: int) -> None:
        await turns.wait()
        order.append(number)

    began = asyncio.get_running_loop().time()
    tasks = [asyncio.create_task(request(number)) for number in range(30)]
    await asyncio.sleep(0)
    tasks[7].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert asyncio.get_running_loop().time() - began >= 28 / 200 - SLACK - 0.001
    assert order == [*range(7), *range(8, 30)]
