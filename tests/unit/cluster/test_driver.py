"""The driver: what workers hand back, what they do not, and who is still heard of, without a cluster."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any

import pytest

from streammerge.cluster import driver, worker
from streammerge.cluster.driver import Crew
from streammerge.cluster.members import Cluster
from streammerge.cluster.task import Done, Task
from streammerge.cluster.task_runner import Told
from streammerge.cluster.worker import Looked
from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.objects import Identity, Location
from streammerge.errors import IncompleteError, UsageError
from streammerge.listing.listing import Listing
from streammerge.report.progress import Progress

Answer = tuple[Done, Counter[str], list[tuple[str, bool]]] | None


class Total:
    """Remembers what comes of tasks. allowed: how many objects may fail."""

    works = True

    def __init__(self) -> None:
        self.added: list[Done] = []
        self.asked_for_last = False
        self.allowed: int | None = None

    @property
    def failures(self) -> int | None:
        return None if self.allowed is None else self.allowed - sum(done.counted or 0 for done in self.added)

    def add(self, done: Done) -> None:
        self.added.append(done)

    def last(self, shared: Sequence[Identity], held: Sequence[Identity]) -> list[Identity]:
        self.asked_for_last = True
        return [*shared, *held]


class Warnings(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Workers:
    """Workers that answer as `does` has it; `looked_at` has whose progress was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.does: Callable[[str, Task], Answer] = lambda *_: (Done(), Counter(), [])
        self.problems: dict[str, UsageError] = {}
        self.tasks: list[Task] = []
        self.busy: asyncio.Event | None = None  # what the first task waits for: all were looked at
        self.is_busy_until_wanted = False  # until others are idle
        self.looked_at = set[str]()
        self.uploads: list[tuple[str, str]] = []  # of the first task
        self.by = Counter[str]()  # how many tasks each has had
        self.journal: list[tuple[str, str]] = []
        self.progress = Warnings()
        self.total = Total()

        async def workers_of(_: Any) -> list[str]:
            return list(addresses)

        async def welcome(_: Any, address: str, *__: Any) -> None:
            if address in self.problems:
                raise self.problems[address]

        async def call(_: Any, function: Any, called: Sequence[str], *__: Any, **named: Any) -> dict[str, Any]:
            if function is worker.look:
                self.looked_at.update(called)
                enough = named["wanted"] if self.is_busy_until_wanted else len(self.looked_at) == len(addresses)
                if self.busy is not None and enough:
                    self.busy.set()
                return {address: Looked(1, Counter(), Told([], self.uploads)) for address in called}
            return {}

        async def done(_: Crew, address: str, task: Task) -> Answer:
            self.tasks.append(task)
            self.by[address] += 1
            await asyncio.sleep(0)
            if self.busy is not None and len(self.tasks) == 1:
                await self.busy.wait()
            return self.does(address, task)

        for name, fake in (("workers_of", workers_of), ("welcome", welcome), ("call", call), ("_INTERVAL", 0.01)):
            monkeypatch.setattr(driver, name, fake)
        monkeypatch.setattr(Crew, "_done", done)

    async def add(self, lines: bytes) -> None:
        raise AssertionError(lines)

    async def opening(self, target: str) -> None:
        """About to be begun."""

    async def opened(self, _: str, upload: str) -> None:
        self.journal.append(("opened", upload))

    def closed(self, upload: str) -> None:
        self.journal.append(("closed", upload))

    async def work_off(self) -> Crew:
        client: Any = SimpleNamespace(status="running")
        work: Any = SimpleNamespace(options=SimpleNamespace(max_rate=None), known=(), locations=(), ranges=4)
        listings = [(Location("data", "x/"), Listing("x/", ListingCounters()))]
        store: Any = None
        cluster = Cluster(client, "tcp://there", owned=False)
        crew = Crew(cluster, work, store, listings, total=self.total, progress=self.progress, journal=self)
        async with asyncio.timeout(10):
            await crew.work_off()
        return crew


async def test_a_worker_that_stops_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the run for gone, and its result lacks what is left of its ranges: the task is done again."""
    workers = Workers(monkeypatch, "one")
    workers.does = lambda _, task: (Done(stopped=not task.lost), Counter(), [])
    await workers.work_off()
    assert [(task.number, task.attempt, task.lost) for task in workers.tasks] == [(1, 1, False), (1, 1, True)]
    assert [done.stopped for done in workers.total.added] == [False]


async def test_an_idle_worker_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would take the run for gone, and be lost to the next task."""
    workers = Workers(monkeypatch, "one", "two")
    workers.busy = asyncio.Event()
    await workers.work_off()
    assert workers.looked_at == {"one", "two"}


async def test_ranges_that_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other ranges have of the identities at their borders is not decided about: it is not all there is."""
    workers = Workers(monkeypatch, "one")
    workers.does = lambda *_: None
    with pytest.raises(IncompleteError, match="given up after three"):
        await workers.work_off()
    assert len(workers.tasks) == 3
    assert not workers.total.asked_for_last


async def test_no_worker_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """That ends the run at once, with what is wrong."""
    workers = Workers(monkeypatch, "one", "two")
    workers.problems = {name: UsageError(f"worker {name}: it has another version") for name in ("one", "two")}
    with pytest.raises(UsageError, match="worker one: it has another version"):
        await workers.work_off()
    assert not workers.tasks


async def test_one_worker_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and others do the work."""
    workers = Workers(monkeypatch, "one", "two")
    workers.problems = {"one": UsageError("worker one: it cannot reach S3")}
    await workers.work_off()
    assert len(workers.total.added) == 1
    assert [text for text in workers.progress.warnings if "worker one: it cannot reach S3" in text]


async def test_a_task_that_fails_on_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one does it; the worker that fails again and again gets no more."""
    workers = Workers(monkeypatch, "good", "bad")
    workers.does = lambda address, task: _split(task) if address == "good" else (_failed(task), Counter(), [])
    await workers.work_off()
    assert workers.by["bad"] == 2
    assert [done.error for done in workers.total.added] == [None] * len(workers.total.added)
    assert sorted(done.counted for done in workers.total.added) == sorted({task.number for task in workers.tasks})
    assert [text for text in workers.progress.warnings if "worker bad has failed 2 tasks in a row" in text]


async def test_a_task_that_fails_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up by name after three attempts, the rest is done, and what it has achieved counts."""
    workers = Workers(monkeypatch, "one", "two", "three")
    workers.does = lambda _, task: (
        (_failed(task), Counter(copied=task.attempt), []) if task.number == 3 else _split(task)
    )
    with pytest.raises(IncompleteError, match=r"1 task given up after three attempts each: task 3 .*: no route to S3"):
        await workers.work_off()
    assert [task.attempt for task in workers.tasks if task.number == 3] == [1, 2, 3]
    assert sorted(done.counted for done in workers.total.added) == sorted({task.number for task in workers.tasks})


async def test_everything_fails_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what ends the run, as in a single process, long before each task was tried three times."""
    workers = Workers(monkeypatch, "one", "two")
    workers.does = lambda _, task: _split(task) if task.number == 1 else (_failed(task), Counter(), [])
    with pytest.raises(IncompleteError, match="no route to S3"):
        await workers.work_off()
    assert len(workers.tasks) <= 5


async def test_failures_of_all_workers_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """--max-failures is for the whole run: what each of the workers may have failed is too much for all of them."""
    workers = Workers(monkeypatch, "one", "two", "three")
    workers.total.allowed = 10
    workers.does = lambda _, task: _split(task) if task.number == 1 else (Done(counted=6), Counter(failed=6), [])
    with pytest.raises(IncompleteError, match="more objects failed than --max-failures allows"):
        await workers.work_off()
    assert sum(done.counted for done in workers.total.added) >= 12


async def test_uploads_of_lost_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun is recorded while the task goes on; what nobody has ended is known in the end."""
    workers = Workers(monkeypatch, "one")
    workers.busy, workers.uploads = asyncio.Event(), [("x/a", "ended"), ("x/b", "left")]
    workers.does = lambda *_: (Done(closed=["ended"]), Counter(), [])
    crew = await workers.work_off()
    assert workers.journal == [("opened", "ended"), ("opened", "left"), ("closed", "ended")]
    assert crew.results.left_open == {"left": "x/b"}


def _failed(task: Task) -> Done:
    return Done(counted=task.number, error=IncompleteError("no route to S3"))


def _split(task: Task) -> tuple[Done, Counter[str], list[tuple[str, bool]]]:
    """The first task leaves ranges for four others."""
    rests = [copy(rest) for rest in task.rests for _ in range(16)] if task.number == 1 else []
    return Done(counted=task.number, rests=rests), Counter(), []


async def test_a_busy_worker_is_told_at_once_that_another_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when its progress is asked for the next time."""
    workers = Workers(monkeypatch, "one", "two")
    monkeypatch.setattr(driver, "_INTERVAL", 60.0)
    workers.busy, workers.is_busy_until_wanted = asyncio.Event(), True
    await workers.work_off()
    assert len(workers.tasks) == 1
