"""A job as tasks: however it is split, and whatever is done twice, it comes to what one process makes of it."""

import asyncio
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from random import Random
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memory_s3 import MemoryS3, Stored
from streammerge.cluster.backlog import Backlog
from streammerge.cluster.task import Task
from streammerge.cluster.task_runner import Reports, do
from streammerge.dataset.identity_map import Mapped
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.objects import Location, S3Object
from streammerge.manifest.wanted import Wanted
from streammerge.merging.cluster_work import MergeWork
from streammerge.merging.copying import Ledger
from streammerge.merging.execution import copy_all
from streammerge.merging.on_cluster import PlannerTotal
from streammerge.merging.planner import Planner
from streammerge.planning.counters import Counters
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.planning.report import Report
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.slots import Slots

OPTIONS = Options(concurrency=4, attempts=1)
ANOTHER = ("requests", "seconds", "throughput")  # than a single process has

IDENTITIES = st.sampled_from(["a", "a-b", "a.b", "a0", "a!", "ab", "ab1", "é", "🙂", "1", "11", "12", "2", "z"])
FOLDER = st.tuples(IDENTITIES, st.sampled_from(["a.jpg", "b.jpg", "c.png", "d.txt"])).map("/".join)
FLAT = st.tuples(IDENTITIES, st.sampled_from(["_face.png", "_face.jpg", ".png"])).map("".join)
CONTENT = st.sampled_from(["1", "2", "3", ""])
OUT = st.one_of(FOLDER, st.sampled_from(["train.rec", "loose.jpg", "gone/x.jpg"]))
CONTENTS = st.tuples(
    st.dictionaries(FOLDER, CONTENT, max_size=16),
    st.dictionaries(FLAT, CONTENT, max_size=16),
    st.dictionaries(OUT, CONTENT, max_size=8),
)
RULES = st.fixed_dictionaries(
    {
        "min_images": st.integers(1, 3),
        "collisions": st.sampled_from(["rename", "first"]),
        "mapping": st.sampled_from([(), (("one", "a", "z"), ("two", "11", "é"), ("one", "2", ""))]),
    }
)


class Store(MemoryS3):
    """One that promises order, and never lies about ETags."""

    def __init__(self, contents: tuple[Mapping[str, str], ...], page_size: int) -> None:
        super().__init__(page_size=page_size)
        self.deadline = Deadline()
        self.buckets["data"] = {}
        for prefix, objects in zip(("one/", "two/", "out/"), contents, strict=True):
            for key, content in objects.items():
                self.put("data", prefix + key, Stored(content.encode()))
        self.put("data", "now", Stored(b""))
        self.began = self._listed["data", "now"].modified

    def promises_order(self, _: Location) -> bool:
        """It does."""
        return True

    def order_advice(self, _: Any) -> None:
        """None is needed."""

    async def etags_are_md5(self, *_: Any) -> bool:
        """They all are."""
        return True

    @property
    def out(self) -> dict[str, bytes]:
        """What is at the destination."""
        return {key: stored.body for key, stored in self.buckets["data"].items() if key.startswith("out/")}


def a_job(mapping: tuple[Mapped, ...], **rules: Any) -> Job:
    """A job of folders and a flat source."""
    job = make_job(
        ["one=s3://data/one/", "two=s3://data/two/"],
        into="s3://data/out/",
        layouts={"two": "{identity}_face.{ext}"},
        **rules,
    )
    return replace(job, mapping=mapping)


class Gathered(dict[str, str]):
    """The keys of unplanned objects."""

    def add(self, key: str, reason: str) -> None:
        """Keep a key."""
        self[key] = reason

    def withdraw(self, key: str) -> None:
        """Keep it no longer."""
        del self[key]

    def batches(self, _: int) -> list[dict[str, str]]:
        """All of them."""
        return [dict(self)]


class Noted(dict[str, set[tuple[str, str]]]):
    """The images at the destination, by identity: name and ETag."""

    def add(self, identity: str, images: Sequence[Wanted], source: str = "") -> None:  # noqa: ARG002 - a Protocol's
        """Note images."""
        self.setdefault(identity, set()).update((image.name, image.object.etag) for image in images)

    def forget(self, identity: str) -> None:
        """Forget an identity."""
        self.pop(identity, None)


Merged = tuple[Report, Gathered, Noted]


async def by_one_process(job: Job, store: Any) -> Merged:
    """The report of a merge without a cluster, and what --prune and --manifest need."""
    planner = Planner(job, store, RetryPolicy(1), Progress())
    planner.counters.unplanned.gather(keys := Gathered())
    ledger = Ledger(planner.counters, Progress(), None, noted := Noted())
    await copy_all(planner, ledger, OPTIONS, noted)
    return planner.report("merge"), keys, noted


async def by_tasks(job: Job, store: Any, random: Random) -> Merged:
    """The same of a merge by tasks of any size, done in any order, some of them lost with their worker."""
    total = Planner(job, store, RetryPolicy(1), Progress())
    total.counters.unplanned.gather(keys := Gathered())
    adding = PlannerTotal(total, database=(noted := Noted()))
    backlog = Backlog([listing for _, listing in total.listings()], ranges=3)
    work = pickle.loads(
        pickle.dumps(MergeWork(job=job, options=OPTIONS, past=None, began=store.began, notes=True, prunes=True))
    )
    slots, under_way, is_last = Slots.of(4), list[Task](), False
    while not (backlog.empty and is_last and not under_way):
        if backlog.empty and not under_way:
            is_last = True
            backlog.decide_last(total.last(backlog.shared, backlog.held))
        task = backlog.take(random.randint(0, 3), random.randint(1, 4)) if random.random() < 0.7 else None
        if task is not None:
            under_way.append(replace(task, images=random.choice([0, 1, 3, 50])))
            continue
        if not under_way:
            continue
        task = under_way.pop(random.randrange(len(under_way)))
        done = await do(
            work, pickle.loads(pickle.dumps(task)), store=store, slots=slots, reports=Reports(), wanted=lambda: False
        )
        assert done.error is None
        if task.attempt < 3 and random.random() < 0.2:
            backlog.again(task)
            continue
        done = pickle.loads(pickle.dumps(done))
        adding.add(done)
        backlog.add(done)
    assert not backlog.given_up
    total.all_decided()
    return total.report("merge"), keys, noted


@given(contents=CONTENTS, rules=RULES, page_size=st.integers(1, 4), seed=st.integers(0, 1 << 20))
def test_tasks_come_to_what_one_process_makes_of_it(
    contents: tuple[dict[str, str], ...], rules: dict[str, Any], page_size: int, seed: int
) -> None:
    """The report, the destination and what else is written are the same, but for what depends on the time."""
    job = a_job(**rules)
    alone, split = Store(contents, page_size), Store(contents, page_size)
    expected = asyncio.run(by_one_process(job, alone))
    found = asyncio.run(by_tasks(job, split, Random(seed)))
    assert split.out == alone.out
    assert _facts(found[0]) == _facts(expected[0])
    assert found[1:] == expected[1:]


async def test_a_task_has_time_though_another_was_refused() -> None:
    """What begins to stop a task, such as missing permissions, does not hurry the next one of the same worker."""
    store: Any = Store(({}, {}, {}), 4)
    store.deadline.start()
    left: list[float | None] = []

    class Looking:
        async def do(self, *_: Any) -> None:
            left.append(store.deadline.left())

    work: Any = Looking()
    await do(work, Task(1), store=store, slots=Slots.of(4), reports=Reports(), wanted=lambda: False)
    assert left == [None]


class Changing(Store):
    """One whose images of source `one` are replaced before the first of them is copied."""

    async def copy(self, copy: CopyTask, source: Location, destination: Location) -> Made | S3Object:
        """Copy an object, if it is the one that was listed."""
        if source.prefix == "one/" and not self.requests["copy"]:
            self.put("data", "one/a/a.jpg", Stored(b"new"))
        return await super().copy(copy, source, destination)

    def objects_at(self, _: Location) -> "Changing":
        """Itself."""
        return self

    async def look(self, bucket: str, key: str) -> Any:
        """What is there."""
        return SimpleNamespace(object=self._listed[bucket, key])

    async def below(self, location: Location) -> list[S3Object]:
        """Everything below a prefix."""
        return (await self.list_page(location)).objects


async def test_what_is_found_again_counts_once_though_its_identity_is_re_evaluated() -> None:
    """A copy of a lost worker stays one copy where another image of its identity has changed."""
    store: Any = Changing(({"a/a.jpg": "1", "a/b.jpg": "2"}, {}, {"a/b.jpg": "2"}), page_size=9)
    job = make_job(["one=s3://data/one/"], into="s3://data/out/")
    work = MergeWork(job=job, options=OPTIONS, past=None, began=store._listed["data", "out/a/b.jpg"].modified)
    rest = Backlog([listing for _, listing in Planner(job, store, RetryPolicy(1), Progress()).listings()], ranges=1)
    task = rest.take(0, 1)
    assert task is not None
    total = Planner(job, store, RetryPolicy(1), Progress())
    lost = replace(task, lost=True)
    done = await do(work, lost, store=store, slots=Slots.of(4), reports=Reports(), wanted=lambda: False)
    total.add(done.counted)
    counters = total.counters
    assert (counters.changed, counters.images, counters.copied, counters.present, counters.planned) == (1, 2, 2, 0, 2)


def test_what_is_found_again_was_relayed() -> None:
    """A copy that a lost worker has made counts as one that was to be relayed, too."""
    counters = Counters(a_job(()), relayed=frozenset({0}), present=1)
    task = CopyTask(S3Object("one/a/a.jpg", 5, "etag", ""), 0, "out/a/a.jpg", "a")
    counters.found_again(task)
    counters.settled(task, Made("etag"))
    assert (counters.present, counters.planned, counters.copied) == (0, 1, 1)
    assert (counters.to_relay, counters.bytes_to_relay, counters.bytes_relayed) == ({0: 1}, {0: 5}, 5)


def _facts(report: Report) -> dict[str, Any]:
    return {name: value for name, value in asdict(report).items() if name not in ANOTHER}
