"""The group that drains: whatever ends it, what is in flight comes to its end, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streammerge.errors import IncompleteError
from streammerge.transfer import draining
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.draining import DrainingGroup


class Work:
    """Tasks that take some time; remembers which came to their end, and which were cancelled."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.cancelled: list[str] = []
        self.release = asyncio.Event()

    async def flight(self, name: str) -> None:
        """Something that ends when it is released."""
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        self.done.append(name)

    async def fail(self, error: Exception) -> None:
        """Fail, and release the others a little later."""
        asyncio.get_running_loop().call_later(0.02, self.release.set)
        raise error


async def body_fails(group: DrainingGroup, work: Work) -> None:
    """As a listing that cannot be read on."""
    group.spawn(work.flight("a"))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.02, work.release.set)
    raise ValueError("listing")


async def task_fails(group: DrainingGroup, work: Work) -> None:
    """As a circuit breaker, or a bug, while the body waits."""
    group.spawn(work.flight("a"))
    group.spawn(work.fail(ValueError("listing")))
    await asyncio.sleep(60)


async def task_fails_at_the_end(group: DrainingGroup, work: Work) -> None:
    """The same once nothing more is to be submitted."""
    group.spawn(work.flight("a"))
    group.spawn(work.fail(ValueError("listing")))


async def task_fails_before_the_body_waits(group: DrainingGroup, work: Work) -> None:
    """The cancellation of the body is on its way when it has already come to its end."""
    group.spawn(work.flight("a"))
    group.spawn(work.fail(ValueError("listing")))
    for _ in range(2):
        await asyncio.sleep(0)


@pytest.mark.parametrize("body", [body_fails, task_fails, task_fails_at_the_end, task_fails_before_the_body_waits])
async def test_whatever_fails_the_others_come_to_their_end(
    body: Callable[[DrainingGroup, Work], Awaitable[None]],
) -> None:
    """The first error is raised, as it is, once what is in flight is done; a moment's wait is not worth a word."""
    work, heard = Work(), list[int]()
    with pytest.raises(ValueError, match="listing"):
        async with asyncio.timeout(30), DrainingGroup(Deadline(), heard.append) as group:
            await body(group, work)
    assert (work.done, work.cancelled, heard) == (["a"], [], [])
    assert len(asyncio.all_tasks()) == 1
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def _interrupted(
    work: Work, deadline: Deadline, *, waiting: bool = False, heard: Callable[[int], None] = lambda _: None
) -> asyncio.Task[None]:
    """A group that was cancelled while a task is in flight and, perhaps, another waits."""

    async def run() -> None:
        async with DrainingGroup(deadline, heard) as group:
            group.spawn(work.flight("in flight"))
            if waiting:

                async def wait() -> None:
                    with group.waiting():
                        await work.flight("waiting")

                group.spawn(wait())
            await asyncio.sleep(60)

    task = asyncio.create_task(run())
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_a_cancellation_waits_for_what_is_in_flight_alone() -> None:
    """A task between two attempts is cancelled at once."""
    work = Work()
    task = await _interrupted(work, Deadline(), waiting=True)
    assert work.cancelled == ["waiting"]
    work.release.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert work.done == ["in flight"]


async def test_a_second_cancellation_stops_at_once() -> None:
    """Somebody will not wait."""
    work = Work()
    task = await _interrupted(work, Deadline())
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert (work.done, work.cancelled) == ([], ["in flight"])


async def test_what_does_not_come_to_its_end_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is bounded, whoever watches is told of it, and the run's deadline begins."""
    monkeypatch.setattr(draining, "DRAIN", 0.05)
    monkeypatch.setattr(draining, "_SHORT", 0.01)
    work, deadline, heard = Work(), Deadline(), list[int]()
    assert deadline.left() is None
    task = await _interrupted(work, deadline, heard=heard.append)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert (work.done, work.cancelled) == ([], ["in flight"])
    left = deadline.left()
    assert heard == [1]
    assert left is not None
    assert 0 < left < 14


async def test_a_bug_while_draining_is_told_and_another_failure_is_not() -> None:
    """The run ended for its first reason; only what nobody expects matters more."""

    async def run(late: Exception) -> None:
        async with asyncio.timeout(30), DrainingGroup(Deadline(), lambda _: None) as group:
            group.spawn(_fail_late(late))
            await asyncio.sleep(0)
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await run(IncompleteError("the credentials have expired"))
    with pytest.raises(TypeError):
        await run(TypeError("a bug"))


async def _fail_late(error: Exception) -> None:
    await asyncio.sleep(0.02)
    raise error


async def test_nothing_starts_in_a_group_that_ends() -> None:
    """Whoever submits then hears of it, and nothing is left unawaited."""
    group = DrainingGroup(Deadline(), lambda _: None)
    async with group:
        pass
    work = Work()
    with pytest.raises(RuntimeError, match="shutting down or finished"):
        group.spawn(work.flight("late"))
