"""Whatever others do while a run is under way, its report adds up, and what it says is so."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_s3 import MemoryS3, Stored
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import (
    ChangedError,
    DeniedError,
    ObjectError,
    ThrottledError,
    TransientError,
    UsageError,
    unwrap,
)
from streammerge.merging.copying import Ledger
from streammerge.merging.execution import copy_all
from streammerge.merging.planner import Planner
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.planning.report import Report
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.deadline import Deadline

_BOUND = 60.0  # seconds
_SOURCES = ("one", "two", "three")
_KEYS = [f"{source}/{identity}/{name}.jpg" for source in _SOURCES for identity in ("ada", "bob") for name in "ab"]
_TARGETS = [f"into/{identity}/{name}.jpg" for identity in ("ada", "bob", "dan") for name in ("a", "b", "a_two")]
_REFUSALS = {
    "denied": DeniedError("no", code="AccessDenied", status=403),
    "failed": ObjectError("no", code="InvalidRequest", status=400),
    "throttled": ThrottledError("no", code="SlowDown", status=503),
}
_CONTENT = st.sampled_from(["x", "y", "long"])
_DEEDS = st.sampled_from(["replaced", "removed", "taken", "lost", "late", *_REFUSALS])


@dataclass(frozen=True, slots=True)
class _Deed:
    """What happens before the copy of that number; `replaced` and `removed` to a key, the rest to the copy."""

    number: int
    what: str
    key: str
    content: str


class _Store(MemoryS3):
    """What a Run needs of a store, with deeds in between."""

    def __init__(self, objects: dict[str, str], deeds: list[_Deed], *, ordered: bool) -> None:
        super().__init__(page_size=2)
        self.buckets["data"] = {}
        for key, content in objects.items():
            self.put("data", key, Stored(content.encode()))
        self.deadline = Deadline()
        self.deeds = deeds
        self._ordered = ordered
        self._copies = 0

    def promises_order(self, _: Location) -> bool:
        return self._ordered

    def objects_at(self, _: Location) -> Any:
        return SimpleNamespace(look=self._head)

    def order_advice(self, _: object) -> None:
        """Nothing: this store's order is known."""

    async def below(self, location: Location) -> list[S3Object]:
        found: list[S3Object] = []
        token: str | None = None
        while True:
            page = await self.list_page(location, token=token)
            found += page.objects
            token = page.token
            if token is None:
                return found

    async def etags_are_md5(self, *_: object) -> bool:
        return True

    async def _head(self, bucket: str, key: str) -> Any:
        await asyncio.sleep(0)
        return SimpleNamespace(object=self._listed[bucket, key]) if key in self.buckets[bucket] else None

    async def copy(self, copy: CopyTask, source: Location, destination: Location) -> Made | S3Object:
        self._copies += 1
        for deed in [deed for deed in self.deeds if deed.number == self._copies]:
            await self._do(deed, copy, source, destination)
        return await super().copy(copy, source, destination)

    async def _do(self, deed: _Deed, copy: CopyTask, source: Location, destination: Location) -> None:
        body = Stored(f"new {deed.content}".encode())
        if deed.what == "replaced":
            self.put("data", deed.key, body)
        elif deed.what == "removed":
            self.buckets["data"].pop(deed.key, None)
        elif deed.what == "taken":
            self.put("data", copy.target, body)
        elif deed.what == "lost":
            await super().copy(copy, source, destination)
            raise TransientError("the answer was lost", code="Timeout")
        elif deed.what == "late":  # a store that ignores the pin
            self.put("data", copy.object.key, body)
            self.put("data", copy.target, body)
            raise ChangedError("it changed after it was listed", code="ETagMismatch", status=200)
        else:
            raise _REFUSALS[deed.what]


async def _run(store: _Store, job: Job, *, copying: bool) -> Report:
    planner = Planner(job, store, RetryPolicy(1), Progress())  # type: ignore[arg-type]  # what it needs of one
    options = Options(concurrency=3, attempts=3)

    async def ignore(_: object) -> None:
        pass

    async with asyncio.timeout(_BOUND):
        if copying:
            ledger = Ledger(planner.counters, Progress())
            await copy_all(planner, ledger, options)
        else:
            await planner.decide_all(ignore)
    return planner.report("merge")


@given(
    sources=st.dictionaries(st.sampled_from(_KEYS), _CONTENT),
    there=st.dictionaries(st.sampled_from(_TARGETS), _CONTENT, max_size=4),
    deeds=st.lists(st.builds(_Deed, st.integers(1, 10), _DEEDS, st.sampled_from(_KEYS), _CONTENT), max_size=4),
    rules=st.fixed_dictionaries(
        {
            "min_images": st.integers(1, 3),
            "max_images": st.sampled_from([None, 4]),
            "if_exists": st.sampled_from(["skip-same", "overwrite"]),
            "duplicates": st.sampled_from(["name", "content", "none"]),
            "collisions": st.sampled_from(["rename", "first"]),
        }
    ),
    ordered=st.booleans(),
)
def test_the_report_is_what_came_of_it(
    sources: dict[str, str], there: dict[str, str], deeds: list[_Deed], rules: dict[str, Any], *, ordered: bool
) -> None:
    """Counts add up; a run that calls itself complete leaves nothing to do; nothing is overwritten unasked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RetryPolicy, "wait", lambda *_: 0.0)
        every = {f"{name}/zoe/{name}.jpg": "x" for name in _SOURCES}  # an empty source is refused
        store = _Store({**every, **sources, **there}, deeds, ordered=ordered)
        job = make_job([f"{name}=s3://data/{name}/" for name in _SOURCES], into="s3://data/into/", **rules)
        try:
            report = asyncio.run(_run(store, job, copying=True))
        except BaseExceptionGroup as group:
            raise unwrap(group) from group
        except UsageError:  # nothing was copied, and all that failed was denied
            assert {deed.what for deed in deeds} >= {"denied"}
            return
        store.deeds = []
        fresh = asyncio.run(_run(store, job, copying=False))
    settled = report.copied + report.already_present + report.failed + report.conflicts
    assert report.not_attempted == 0
    assert report.images == settled == sum(size * count for size, count in report.images_per_identity.items())
    assert (report.failed, report.conflicts) == (len(report.failures), len(report.conflict_examples))
    assert report.unplanned == len(report.unplanned_examples)
    done = {deed.what for deed in deeds}
    if report.complete and not done & {"replaced", "removed"}:  # such may come too late for this run to see
        assert (fresh.images, fresh.already_present, fresh.unplanned) == (
            report.images,
            report.images,
            report.unplanned,
        )
        assert (fresh.renamed, fresh.duplicates, fresh.dropped) == (report.renamed, report.duplicates, report.dropped)
    if rules["if_exists"] != "overwrite" and not done & {"taken", "late"}:
        kept = {key: store.buckets["data"][key].body.decode() for key in there}
        assert kept == there
