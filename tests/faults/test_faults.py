"""The real command through a proxy that spoils answers, before a real server: nothing is lost, and the report is exact.

STREAMMERGE_FAULT_OBJECTS and STREAMMERGE_STORM_SECONDS make the runs larger and the storms longer.
"""

import contextlib
import os
import time
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import spoiling
from certificates import certificate_of_loopback
from command import Ended, environment, streammerge
from fault_proxy import Fault, Proxy, fault_proxy
from oracle import Object, Source, contents, oracle
from seeding import multiply, new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer
from stub_s3 import Asked

_OBJECTS = int(os.environ.get("STREAMMERGE_FAULT_OBJECTS", "400"))
_STORM = float(os.environ.get("STREAMMERGE_STORM_SECONDS", "3"))
_MANY = max(3000, _OBJECTS)
_LISTED = 20  # failures that a report lists
_AT_ONCE = max(3, 5600 // _OBJECTS)  # runs: small ones mostly wait
_BOUND = 150 + 5 * _STORM + _OBJECTS / 20  # seconds; whatever takes longer hangs
_HANGING = [getattr(spoiling, name) for name in spoiling.HANGING]
_SEED = 3  # with it, each kind of request is struck
pytestmark = pytest.mark.timeout(_BOUND + 30)


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

    def missing(self, into: str, *, etags: bool = True) -> set[str]:
        """What is not yet at the destination. Fails where anything is there that must not be, or is not right."""
        there = contents(self.client, self.bucket, into)
        for below, (size, etag) in there.items():
            right = self.expected[below]
            assert (size, etag) == (right.size, right.etag if etags else etag)
        return self.expected.keys() - there.keys()


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
    """Some thousand objects."""
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
    """The report counts every request that reached the proxy, retries included, and those that timed out before."""
    counted = report["requests"]
    copies, pages = proxy.seen["copy"], proxy.seen["list"] + proxy.seen["probe"]
    if any(proxy.struck[fault] for fault in proxy.struck if fault.act in _HANGING):  # the timeout is short there
        assert copies <= counted["copy"] <= copies * 1.2
        assert pages <= counted["list"] <= pages * 1.5  # they are few, and on a busy machine more do not arrive in time
    else:
        assert (counted["copy"], counted["list"]) == (copies, pages)


def _problems(name: str) -> tuple[Fault, Fault, Fault]:
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
        # After a long storm the attempts of the default are all but used up, and one request in twenty fails still.
        return _run(some, *_problems(name), more=("--timeout", timeout, "--attempts", "15"))

    asked = {item.name for item in request.session.items}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {name: pool.submit(run, name) for name in spoiling.PASSING if f"test_fault_that_passes[{name}]" in asked}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", spoiling.PASSING)
def test_fault_that_passes(some: Data, troubled: dict[str, Future[Ran]], name: str) -> None:
    """Met now and then, or for seconds by every request: all is done in the end, and no request goes uncounted."""
    ran = troubled[name].result(_BOUND)
    report = _expect_complete(some, ran)
    storm, of_pages, of_copies = (ran.proxy.struck[fault] for fault in _problems(name))
    assert storm > 5
    assert of_pages > 0
    assert of_copies > 0.01 * len(some.expected)
    assert report["seconds"] > _STORM


def test_every_fault_at_once_over_thousands(many: Data) -> None:
    """All kinds together on 5 % of the copies and 40 % of the pages; no secret is told; a second run copies nothing."""
    acts = [getattr(spoiling, name) for name in spoiling.PASSING]
    faults = [Fault(act, share=0.05 / len(acts), on=("copy",)) for act in acts]
    faults += [Fault(act, share=0.4 / len(acts), on=("list",)) for act in acts]
    ran = _run(many, *faults, more=("--timeout", "2", "-v"))
    _expect_complete(many, ran)
    assert ran.ended.err.count("502") > 2
    for private in (many.server.access_key, many.server.secret_key, "AWS4-HMAC", "Signature"):
        assert private not in ran.ended.err + ran.ended.out
    assert all(ran.proxy.struck[fault] for fault in faults[: len(acts)])
    assert sum(ran.proxy.struck[fault] for fault in faults[len(acts) :]) > 2
    again = many.merge(many.server, ran.into)
    assert (again.code, again.report["copied"], again.report["requests"].get("copy", 0)) == (0, 0, 0)
    assert again.report["already_present"] == len(many.expected)


def test_every_fault_on_copies_in_parts(some: Data) -> None:
    """Requests that botocore sends meet them too: all is copied, and an upload that is left behind is told."""
    large = replace(some, expected=oracle(some.client, some.sources, min_images=4))
    acts = [getattr(spoiling, name) for name in spoiling.PASSING if name not in spoiling.HANGING]
    faults = [Fault(act, share=0.1 / len(acts), on=("copy", "other")) for act in acts]
    parts = ("--min-images", "4", "--multipart-threshold", "1", "--part-size", "1024", "--timeout", "2")
    ran = _run(large, *faults, more=parts)
    assert ran.ended.report["failures"] == []
    assert ran.ended.code == 0, ran.ended.err
    assert large.missing(ran.into, etags=False) == set()
    report = ran.ended.report
    assert report["copied"] == report["images"] == len(large.expected) > 40
    assert sum(report["requests"].values()) >= ran.proxy.seen.total()
    assert sum(ran.proxy.struck.values()) > 20
    uploads = some.client.list_multipart_uploads(Bucket=some.bucket, Prefix=ran.into).get("Uploads", ())
    assert all(upload["Key"] in ran.ended.err for upload in uploads)


def _expect_incomplete(data: Data, ran: Ran) -> set[str]:
    """What is missing is what failed, and the report says of each why; returns it."""
    assert ran.ended.code == 3, ran.ended.err
    missing = data.missing(ran.into)
    report = ran.ended.report
    assert report["failed"] == len(missing) > 0
    assert report["copied"] == len(data.expected) - len(missing) > 0
    assert report["images"] == len(data.expected) == report["copied"] + report["failed"]
    targets = {failure["target"].removeprefix(ran.into) for failure in report["failures"]}
    assert targets <= missing
    assert len(targets) == min(len(missing), _LISTED)
    assert all(failure["code"] and failure["reason"] for failure in report["failures"])
    _expect_counted(report, ran.proxy)
    return missing


def _expect_the_rest(data: Data, into: str) -> dict[str, Any]:
    """A second run, undisturbed, copies what is missing, and nothing else; returns its report."""
    missing = data.missing(into)
    again = data.merge(data.server, into)
    assert again.code == 0, again.err
    report = again.report
    assert report["copied"] == report["requests"].get("copy", 0) == len(missing)
    assert report["already_present"] == len(data.expected) - len(missing)
    assert data.missing(into) == set()
    return report


def test_storm_that_outlasts_the_attempts(some: Data) -> None:
    """What could not be copied meanwhile is in the report, exit 3, and the next run brings it."""
    acts = [getattr(spoiling, name) for name in ("internal_error", "bad_gateway", "reset_before", "ok_internal_error")]
    storm = [Fault(act, after=100, on=("copy",), seconds=2, share=0.5) for act in acts]
    ran = _run(some, *storm, more=("--attempts", "3", "--concurrency", "32"))
    _expect_incomplete(some, ran)
    _expect_the_rest(some, ran.into)


def test_answers_that_are_lost_for_good(some: Data) -> None:
    """A copy that was made and never confirmed counts as failed; the next run finds it there."""
    lost = Fault(spoiling.reset_after, on=("copy",), where=_every_tenth)
    ran = _run(some, lost, more=("--attempts", "3"))
    assert ran.ended.code == 3, ran.ended.err
    assert some.missing(ran.into) == set()
    report = ran.ended.report
    assert report["failed"] * 3 == ran.proxy.struck[lost] > 0
    assert report["copied"] == len(some.expected) - report["failed"]
    lost_connection = {"ServerDisconnectedError", "ClientOSError", "ConnectionResetError"}
    assert {failure["code"] for failure in report["failures"]} <= lost_connection
    assert _expect_the_rest(some, ran.into)["copied"] == 0


def _every_tenth(asked: Asked) -> bool:
    return zlib.crc32(asked.path.encode()) % 10 == 0


def test_listing_that_fails_for_too_long(some: Data) -> None:
    """A page that does not come stops the run, is never taken for the end, and is worth another run: exit 3."""
    ran = _run(some, Fault(spoiling.bad_gateway, on=("list",), after=1), more=("--attempts", "2"))
    assert ran.ended.code == 3
    assert "HTTP 502" in ran.ended.err
    assert "un the same command again" in ran.ended.err
    assert ran.ended.report["exit_code"] == 3
    assert len(some.missing(ran.into)) == len(some.expected)


def test_objects_that_are_denied(some: Data) -> None:
    """They are in the report, and tried once; all others are copied."""
    denied = Fault(spoiling.access_denied, on=("copy",), where=_every_tenth)
    ran = _run(some, denied)
    missing = _expect_incomplete(some, ran)
    assert ran.proxy.struck[denied] == len(missing)
    assert {failure["code"] for failure in ran.ended.report["failures"]} == {"AccessDenied"}
    _expect_the_rest(some, ran.into)


@pytest.mark.parametrize(
    ("kind", "act", "code", "said"),
    [
        ("copy", "expired_token", 3, "ExpiredToken"),
        ("list", "expired_token", 3, "ExpiredToken"),
        ("copy", "moved", 1, "--region"),
        ("copy", "moved_for_now", 1, "--region"),
    ],
)
def test_what_no_object_can_be_copied_without(some: Data, kind: str, act: str, code: int, said: str) -> None:
    """From one moment on every request is refused: the run ends at once, says what to do, and keeps what it did."""
    refusal = Fault(getattr(spoiling, act), on=(kind,), after=150 if kind == "copy" else 2)
    ran = _run(some, refusal, more=("--concurrency", "8", "--listing-order", "sorted"))
    assert ran.ended.code == code, ran.ended.err
    line, *so_far = ran.ended.err.splitlines()
    assert said in line
    if code == 3:
        assert "renew them and run the same command again" in line
    report, error = ran.ended.report, line.removeprefix("streammerge: ")
    assert (report["error"], report["exit_code"]) == (error, code)
    assert 1 <= ran.proxy.struck[refusal] <= 16
    kept = len(some.expected) - len(some.missing(ran.into))
    assert kept >= (150 if kind == "copy" else 0)
    if kind == "copy":  # of the copies in flight, some may have been made, and their answers not waited for
        assert (report["stopped"], report["complete"]) == (error, False)
        assert kept - 8 <= report["copied"] <= kept
    assert len(so_far) == ("copied" in report)
    for far in so_far:
        assert (f"{report['copied']:,} copied" if report["copied"] else "Nothing was copied yet") in far
    if act == "expired_token":
        _expect_the_rest(some, ran.into)


def test_certificate_that_nobody_vouches_for(some: Data, tmp_path: Path) -> None:
    """The message says so, and nothing is sent; with AWS_CA_BUNDLE the same endpoint will do."""
    bundle, tls = certificate_of_loopback(tmp_path)
    with fault_proxy(some.server, tls=tls) as proxy:
        into = f"merged/{uuid.uuid4().hex}/"
        ended = some.merge(proxy.server, into)
        assert ended.code == 2
        (line,) = ended.err.splitlines()
        assert "the certificate of 127.0.0.1 is not trusted: self-signed certificate" in line
        assert "AWS_CA_BUNDLE" in line
        assert not proxy.seen
        trusting = some.merge(proxy.server, into, AWS_CA_BUNDLE=str(bundle))
    assert trusting.code == 0, trusting.err
    assert some.missing(into) == set()


def test_host_that_nobody_knows(some: Data) -> None:
    """A name that does not resolve ends the run without the minutes of a retried request; the endpoint is named."""
    began = time.monotonic()
    ended = some.merge(Server("http://nobody.invalid", "KEY", "SECRET-SECRET"), "merged/")
    assert time.monotonic() - began < 45
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert "http://nobody.invalid" in line
    assert "Name or service not known" in line or "resolution" in line
    assert "--endpoint-url" in line
