"""The real command through a proxy that spoils answers, before a real server: nothing is lost, and the report is exact.

STREAMMERGE_FAULT_OBJECTS and STREAMMERGE_STORM_SECONDS make the runs with a single fault larger and the storms longer.
"""

import contextlib
import os
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

import spoiling
from command import Ended, environment, streammerge
from fault_proxy import Fault, Proxy, fault_proxy
from oracle import Object, Source, contents, oracle
from seeding import multiply, new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer

_OBJECTS = int(os.environ.get("STREAMMERGE_FAULT_OBJECTS", "600"))
_STORM = float(os.environ.get("STREAMMERGE_STORM_SECONDS", "3"))
_MANY = 10_000
_AT_ONCE = 9
_BOUND = 110 + 5 * _STORM  # seconds; whatever takes longer hangs
_SEED = 3  # with it, each kind of request is struck


@dataclass(frozen=True, slots=True)
class Data:
    """Two sources, and what a merge of them must result in."""

    server: CephServer
    client: Any
    bucket: str
    sources: list[Source]
    expected: dict[str, Object]

    def merge(self, server: Server, into: str, *more: str, **env: str) -> Ended:
        """Run the real command on them, by way of `server`."""
        sources = (source.argument for source in self.sources)
        arguments = ["merge", *sources, "--into", f"s3://{self.bucket}/{into}", "--json", *more]
        return streammerge(*arguments, env=environment(server, **env), timeout=_BOUND)

    def missing(self, into: str) -> set[str]:
        """What is not yet at the destination. Fails where anything is there that must not be, or is not right."""
        there = contents(self.client, self.bucket, into)
        right = {below: (found.size, found.etag) for below, found in self.expected.items()}
        assert there.items() <= right.items()
        return right.keys() - there.keys()


@pytest.fixture(scope="module")
def _bucket(ceph: CephServer) -> Iterator[tuple[CephServer, Any, str]]:
    with contextlib.closing(connect(ceph)) as client:
        yield ceph, client, new_bucket(client)


def _data(place: tuple[CephServer, Any, str], prefix: str, objects: int) -> Data:
    """Identities of four objects, of which two have the same name, and every fifth time another content."""
    server, client, bucket = place
    keys: dict[str, list[str]] = defaultdict(list)
    for number in range(objects // 4):
        identity = f"id{number:06}"
        for image in (0, 1):
            keys[f"{prefix}seed/{image}"].append(f"{prefix}one/{identity}/{image}.jpg")
        for image in (1, 2):
            keys[f"{prefix}seed/{image if number % 5 else 9}"].append(f"{prefix}two/{identity}/{image}.jpg")
    put_all(client, bucket, {origin: f"content of {origin}".encode() for origin in keys})
    for origin, copies in keys.items():
        multiply(server, bucket, origin, copies)
    sources = [Source(name, bucket, f"{prefix}{name}/") for name in ("one", "two")]
    return Data(server, client, bucket, sources, oracle(client, sources))


@pytest.fixture(scope="module")
def some(_bucket: tuple[CephServer, Any, str]) -> Data:
    """Some hundred objects."""
    return _data(_bucket, "some/", _OBJECTS)


@pytest.fixture(scope="module")
def many(_bucket: tuple[CephServer, Any, str]) -> Data:
    """10,000 objects."""
    return _data(_bucket, "many/", _MANY)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run through a proxy: where to, how it ended, and what it met."""

    into: str
    ended: Ended
    proxy: Proxy


def _run(data: Data, *faults: Fault, more: Sequence[str] = (), **env: str) -> Ran:
    """Merge to a destination that no other run uses, through a proxy with these faults."""
    into = f"merged/{uuid.uuid4().hex}/"
    with fault_proxy(data.server, *faults, seed=_SEED) as proxy:
        return Ran(into, data.merge(proxy.server, into, *more, **env), proxy)


def _expect_complete(data: Data, ran: Ran) -> dict[str, Any]:
    """Everything is there and right, and the report says so."""
    assert ran.ended.code == 0, ran.ended.err
    assert data.missing(ran.into) == set()
    report = ran.ended.report
    assert report["images"] == report["copied"] + report["already_present"] == len(data.expected)
    assert (report["failed"], report["conflicts"], report["not_attempted"], report["failures"]) == (0, 0, 0, [])
    _expect_counted(report, ran.proxy)
    return report


def _expect_counted(report: dict[str, Any], proxy: Proxy) -> None:
    """The report counts every request that reached the proxy, retries included."""
    counted = report["requests"]
    assert counted["copy"] == proxy.seen["copy"]
    assert counted["list"] == proxy.seen["list"] + proxy.seen["probe"]


def _trouble(name: str) -> tuple[Fault, Fault, Fault]:
    """A fault as a storm from the hundredth copy on, on half of the pages of the listings, on 5 % of the copies."""
    act = getattr(spoiling, name)
    return (
        Fault(act, after=100, on=("copy",), seconds=_STORM),
        Fault(act, share=0.5, on=("list",)),
        Fault(act, share=0.05, on=("copy",)),
    )


@pytest.fixture(scope="module")
def troubled(request: pytest.FixtureRequest, some: Data) -> Iterator[dict[str, Future[Ran]]]:
    """A run for each kind of fault that is to be tested; they mostly wait, so several go on at once."""

    def run(name: str) -> Ran:
        timeout = "1.5" if name in spoiling.HANGING else "30"
        return _run(some, *_trouble(name), more=("--timeout", timeout))

    asked = {item.name for item in request.session.items}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {name: pool.submit(run, name) for name in spoiling.PASSING if f"test_fault_that_passes[{name}]" in asked}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", spoiling.PASSING)
def test_fault_that_passes(some: Data, troubled: dict[str, Future[Ran]], name: str) -> None:
    """Met now and then, or for seconds by every request: all is done in the end, and no request goes uncounted."""
    ran = troubled[name].result(_BOUND)
    report = _expect_complete(some, ran)
    storm, of_pages, of_copies = (ran.proxy.struck[fault] for fault in _trouble(name))
    assert storm > 5
    assert of_pages > 0
    assert of_copies > 0.01 * len(some.expected)
    assert _STORM < report["seconds"] < 3 * _STORM + 40
