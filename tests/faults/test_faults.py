"""The real command through a proxy that spoils answers, before a real server: nothing is lost, and the report is exact.

STREAMMERGE_FAULT_OBJECTS and STREAMMERGE_STORM_SECONDS make the runs with a single fault larger and the storms longer.
"""

import contextlib
import os
import uuid
from collections import defaultdict
from collections.abc import Iterator
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
_AT_ONCE = 4  # storms: they are mostly waited for
_FAULTS = {name: getattr(spoiling, name) for name in spoiling.PASSING}


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
        return streammerge(*arguments, env=environment(server, **env), timeout=90 + 3 * _STORM)

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


@pytest.fixture
def into() -> str:
    """A destination that no other test uses."""
    return f"merged/{uuid.uuid4().hex}/"


def _expect_complete(data: Data, into: str, ended: Ended, proxy: Proxy) -> dict[str, Any]:
    """Everything is there and right, and the report says so."""
    assert ended.code == 0, ended.err
    assert data.missing(into) == set()
    report = ended.report
    assert report["images"] == report["copied"] + report["already_present"] == len(data.expected)
    assert (report["failed"], report["conflicts"], report["not_attempted"], report["failures"]) == (0, 0, 0, [])
    _expect_counted(report, proxy)
    return report


def _expect_counted(report: dict[str, Any], proxy: Proxy) -> None:
    """The report counts every request that reached the proxy, retries included."""
    counted = report["requests"]
    assert counted["copy"] == proxy.seen["copy"]
    assert counted["list"] == proxy.seen["list"] + proxy.seen["probe"]


@pytest.mark.parametrize("name", _FAULTS)
def test_fault_now_and_then(some: Data, into: str, name: str) -> None:
    """5 % of the copies and half of the pages of a listing meet a fault: all is done in the end."""
    act = _FAULTS[name]
    faults = [Fault(act, share=0.05, on=("copy",)), Fault(act, share=0.5, on=("list",))]
    with fault_proxy(some.server, *faults, seed=3) as proxy:
        ended = some.merge(proxy.server, into, "--timeout", "1.5" if name in spoiling.HANGING else "30")

    _expect_complete(some, into, ended, proxy)
    assert proxy.struck["copy"] > 0.02 * len(some.expected)
    assert proxy.struck["list"] > 0
