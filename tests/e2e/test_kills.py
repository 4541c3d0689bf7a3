"""A run that is killed again and again: in the end all is there, and hardly anything was done twice.

STREAMMERGE_KILL_OBJECTS makes the data larger, has it killed 20 times, and SeaweedFS take its turn beside Ceph.
"""

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from command import environment, finished, started, streammerge
from fault_proxy import Exchange, Fault, Proxy, fault_proxy
from merging import Merging
from oracle import Source, contents, oracle
from seeding import multiply, new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer
from streammerge.journal.format import from_line

_ASKED = os.environ.get("STREAMMERGE_KILL_OBJECTS")
_OBJECTS = int(_ASKED or "2000")
_KILLS = 20 if _ASKED else 6  # each costs the start of a process
_SERVERS = ["ceph", "seaweed"] if _ASKED else ["ceph"]
_IN_FLIGHT = 32
_DRAIN = 10.0  # seconds that a run which is interrupted waits for the copies in flight
_BOUND = 120.0  # seconds; whatever takes longer hangs
pytestmark = pytest.mark.timeout(240 + _OBJECTS / 20)


@pytest.fixture(scope="module", params=_SERVERS)
def data(request: pytest.FixtureRequest) -> Iterator[Merging]:
    """Identities of two images in each of two sources, one of them a collision."""
    server: Server = request.getfixturevalue(request.param)
    with contextlib.closing(connect(server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {f"seed/{number}": f"content {number}".encode() for number in range(4)})
        for number, (source, name) in enumerate((s, n) for s in ("one", "two") for n in ("a.jpg", f"{s}.jpg")):
            keys = [f"{source}/id{identity:06}/{name}" for identity in range(_OBJECTS // 4)]
            multiply(server, bucket, f"seed/{number}", keys)
        sources = [Source(name, bucket, f"{name}/") for name in ("one", "two")]
        yield Merging(server, client, bucket, sources, oracle(client, sources))


def _order(data: Merging) -> tuple[str, ...]:
    """Copying begins while listing goes on, where the server lists in order."""
    return ("--listing-order", "sorted") if isinstance(data.server, CephServer) else ()


@dataclass
class Copies:
    """Hears of every copy that is asked for, before it is forwarded."""

    targets: Counter[str] = field(default_factory=Counter)
    changed: threading.Event = field(default_factory=threading.Event)

    async def hear(self, exchange: Exchange) -> None:
        self.targets[exchange.asked.path] += 1
        self.changed.set()
        forwarded = await exchange.forward()
        await exchange.send(forwarded.head + forwarded.body)

    def wait_for(self, total: int) -> bool:
        """Wait until so many were asked for; False if nothing comes any more."""
        while self.targets.total() < total:
            self.changed.clear()
            if not self.changed.wait(_BOUND / 4):
                return False
        return True


@contextlib.contextmanager
def _heard(server: Server) -> Iterator[tuple[Proxy, Copies]]:
    copies = Copies()
    with fault_proxy(server, Fault(copies.hear, on=("copy",))) as proxy:
        yield proxy, copies


def _records(journal: Path) -> list[dict[str, Any]]:
    """All that a journal says; what a kill has torn says nothing."""
    read = (from_line(line) for line in journal.read_bytes().splitlines(keepends=True))
    return [record for record in read if record is not None]


@pytest.mark.parametrize("journal", [True, False], ids=["with a journal", "without"])
def test_killed_again_and_again(data: Merging, tmp_path: Path, *, journal: bool) -> None:
    """Each SIGKILL costs at most what was in flight; the destination is the oracle's, object by object."""
    into = f"killed/{journal}/"
    how = ["--journal", str(tmp_path / "journal")] if journal else ["--no-journal"]
    arguments = data.arguments(into, *how, "--concurrency", str(_IN_FLIGHT), *_order(data))
    moments = random.Random(7)
    with _heard(data.server) as (proxy, copies):
        env = environment(proxy.server)
        for _ in range(_KILLS):
            with started(*arguments, env=env) as process:
                some = moments.randint(1, 2 * len(data.expected) // _KILLS - _IN_FLIGHT)
                assert copies.wait_for(copies.targets.total() + some), "the run copies nothing"
                process.kill()
                process.wait(_BOUND)
        last = streammerge(*arguments, env=env)
    assert last.code == 0, last.err
    assert data.is_right(into)
    assert copies.targets.keys() == {f"/{data.bucket}/{into}{below}" for below in data.expected}
    assert copies.targets.total() - len(data.expected) <= _KILLS * _IN_FLIGHT
    assert last.report["already_present"] > 0
    if journal:
        records = _records(tmp_path / "journal")
        assert sum(record["did"] == "began" for record in records) == _KILLS + 1
        recorded = {record["target"] for record in records if record["did"] == "copied"}
        assert recorded <= {into + below for below in data.expected}


class Held:
    """Copies that are made at once, and answered when they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    async def hold(self, exchange: Exchange) -> None:
        forwarded = await exchange.forward()
        await asyncio.to_thread(self.go.wait, _BOUND)
        await exchange.send(forwarded.head + forwarded.body)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_a_signal_lets_the_copies_in_flight_end(
    data: Merging, tmp_path: Path, number: int, code: int, *, again: bool
) -> None:
    """All that the server was asked for is recorded when the run ends; after a second signal it ends without that."""
    into = f"signalled/{number}-{again}/"
    journal = tmp_path / "journal"
    arguments = data.arguments(into, "--journal", str(journal), "--concurrency", "8", *_order(data))
    held = Held()
    with fault_proxy(data.server, Fault(held.hold, on=("copy",), after=100)) as proxy:
        env = environment(proxy.server)
        try:
            with started(*arguments, env=env) as process:
                until = time.monotonic() + _BOUND
                while proxy.seen["copy"] <= 100:
                    assert time.monotonic() < until
                    time.sleep(0.01)
                process.send_signal(number)
                assert process.stderr is not None
                assert "copies still in flight" in process.stderr.readline()
                if again:
                    process.send_signal(number)
                    ended = finished(process, env, timeout=_DRAIN * 0.8)
                else:
                    held.go.set()
                    ended = finished(process, env)
        finally:
            held.go.set()
    assert ended.code == code
    assert "run the same command again" in ended.err
    there = {f"{into}{below}" for below in contents(data.client, data.bucket, into)}
    recorded = {record["target"] for record in _records(journal) if record["did"] == "copied"}
    assert len(there) < len(data.expected)
    assert recorded < there if again else recorded == there
