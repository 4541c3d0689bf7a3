"""The lease of a journal in S3: who may have it, and when."""

import asyncio
import itertools
import json
from collections.abc import Sequence

import pytest

from streammerge.dataset.objects import Location
from streammerge.errors import ChangedError, IncompleteError, TransientError, UsageError, unwrap
from streammerge.journal import lease as leases
from streammerge.journal.lease import Lease, leased
from streammerge.transfer.deadline import Deadline

PLACE = Location("bucket", "log/")
KEY = "log/lease"


class Objects:
    """S3 as a lease sees it: one bucket, conditions heeded."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, bytes]] = {}
        self.loses_answers = False
        self._etags = itertools.count()

    async def find(self, bucket: str, key: str) -> tuple[str, bytes] | None:
        assert bucket == PLACE.bucket
        return self.kept.get(key)

    async def write(self, bucket: str, key: str, body: bytes, *, replaces: str = "", risk: str = "") -> str:
        assert (bucket, bool(risk)) == (PLACE.bucket, True)
        await asyncio.sleep(0)
        if self.kept.get(key, ("", b""))[0] != replaces:
            raise ChangedError("PreconditionFailed", status=412)
        self.kept[key] = f"etag {next(self._etags)}", body
        if self.loses_answers:
            raise ChangedError("PreconditionFailed", status=412)  # of the second attempt
        return self.kept[key][0]

    async def remove(self, location: Location, keys: Sequence[str]) -> object:
        assert location == PLACE
        for key in keys:
            del self.kept[key]
        return {}

    def is_held_by(self, process: dict[str, object]) -> None:
        """A run of that process has taken it."""
        body = json.dumps({"run": "another", "free": False, "at": 1.0, "process": process})
        self.kept[KEY] = f"etag {next(self._etags)}", body.encode()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become milliseconds."""
    monkeypatch.setattr(leases, "_RENEWED", 0.02)
    monkeypatch.setattr(leases, "_LOOK", 0.005)
    monkeypatch.setattr(leases, "_STALE", 0.3)


async def test_one_run_at_a_time_has_it() -> None:
    """A second run is refused as soon as the lease is renewed; afterwards it is free, and nothing is left behind."""
    objects = Objects()
    async with leased(PLACE, objects, Deadline()):
        with pytest.raises(UsageError, match="another run of this job is in progress"):
            await Lease(PLACE, objects).take()
    assert objects.kept == {}
    async with leased(PLACE, objects, Deadline()):
        assert list(objects.kept) == [KEY]


async def test_of_many_at_once_one_gets_it() -> None:
    """S3 decides; the others are refused."""
    objects = Objects()
    held = 0

    async def run() -> None:
        nonlocal held
        async with leased(PLACE, objects, Deadline()):
            held += 1
            assert held == 1
            await asyncio.sleep(0.5)
            held -= 1

    ends = await asyncio.gather(*(run() for _ in range(8)), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", *["UsageError"] * 7]


async def test_a_run_that_is_not_heard_of_is_succeeded() -> None:
    """It may run on another machine; when it comes back it is told so, and writes no more."""
    objects = Objects()
    first, second = Lease(PLACE, objects), Lease(PLACE, objects)
    await first.take()
    began = asyncio.get_running_loop().time()
    await second.take()
    assert asyncio.get_running_loop().time() - began >= leases._STALE
    with pytest.raises(IncompleteError, match="has taken over the journal"):
        await first.renew()
    assert first.lost
    await first.release()
    await second.renew()


@pytest.mark.parametrize("process", [leases._process(1) | {"started": "0"}, leases._process(1) | {"pid": 1 << 30}])
async def test_a_process_of_this_machine_that_is_gone_is_succeeded_at_once(
    process: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGKILL; its number may be another's by now."""
    monkeypatch.setattr(leases, "_STALE", 3600.0)
    objects = Objects()
    objects.is_held_by(process)
    async with asyncio.timeout(10):
        await Lease(PLACE, objects).take()


async def test_a_process_of_another_machine_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number says nothing here."""
    monkeypatch.setattr(leases, "_STALE", 3600.0)
    objects = Objects()
    objects.is_held_by({"system": "another", "pid": 1 << 30, "started": "0"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await Lease(PLACE, objects).take()


async def test_an_answer_that_was_lost_is_no_second_run() -> None:
    """The second attempt at a request is refused for what the first one has written."""
    objects = Objects()
    objects.loses_answers = True
    lease = Lease(PLACE, objects)
    await lease.take()
    await lease.renew()


async def test_a_renewal_that_was_cancelled_leaves_nothing_behind() -> None:
    """A run that ends while a renewal is under way still leaves the lease free: it knows its own writing."""
    objects = Objects()
    async with leased(PLACE, objects, Deadline()) as lease:
        renewal = asyncio.create_task(lease.renew())
        for _ in range(3):  # it sleeps once before S3 has it
            await asyncio.sleep(0)
        assert objects.kept[KEY][0] == "etag 1"
        lease._etag = "etag 0"  # the answer never came
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
    assert not objects.kept


async def test_a_lease_that_somebody_removed_is_taken_again() -> None:
    """Nobody else has it."""
    objects = Objects()
    lease = Lease(PLACE, objects)
    await lease.take()
    objects.kept.clear()
    await lease.renew()
    assert list(objects.kept) == [KEY]


async def test_a_run_that_is_succeeded_stops() -> None:
    """What it does meanwhile is cancelled."""
    objects = Objects()

    async def run() -> None:
        async with leased(PLACE, objects, Deadline()):
            objects.is_held_by({})
            await asyncio.sleep(60)

    with pytest.raises(BaseExceptionGroup) as raised:
        await run()
    assert isinstance(unwrap(raised.value), IncompleteError)
    assert json.loads(objects.kept[KEY][1])["run"] == "another"


async def test_s3_that_fails_for_a_while_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed another time."""
    objects = Objects()
    async with leased(PLACE, objects, Deadline()):

        async def fail(*_: object, **__: object) -> str:
            raise TransientError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(objects, "write", fail)
            await asyncio.sleep(0.1)
        before = objects.kept[KEY]
        async with asyncio.timeout(10):
            while objects.kept[KEY] == before:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
