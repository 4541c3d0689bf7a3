"""Merging merges, and merges that are stopped: what was done stays, and the same command finishes the rest."""

import signal
import socket
import subprocess
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import environment, finished, started, streammerge
from merging import Merging
from oracle import Source, contents, oracle
from seeding import multiply, new_bucket, put_all
from servers import Server, connect

_BOUND = 120.0
_SIZES = {"ceph": 6_000, "seaweed": 3_000}  # several pages of each prefix, so that there are ranges to cut


def _keys(objects: int) -> dict[str, list[str]]:
    """Keys by the object that they are copies of: overlapping identities, duplicates, collisions, single images."""
    keys: dict[str, list[str]] = defaultdict(list)
    first, second = objects * 3 // 8, objects * 4 // 10  # identities, a few of them in both
    for number in range(first):
        for image in range(1 if number % 6 else 3):
            keys[f"seed/{image}"].append(f"one/id{number:06}/{image:04}.jpg")
    for number in range(first * 5 // 6, first * 5 // 6 + second):
        for image in range(1 if number % 8 else 3):
            keys[f"seed/{image if number % 5 else 9}"].append(f"two/id{number:06}/{image:04}.jpg")
    return keys


@pytest.fixture(scope="module", params=_SIZES)
def large(request: pytest.FixtureRequest) -> Iterator[Merging]:
    """The sources, made by copying a handful of objects over and over."""
    server: Server = request.getfixturevalue(request.param)
    client = connect(server)
    bucket = new_bucket(client)
    keys = _keys(_SIZES[request.param])
    put_all(client, bucket, {origin: f"content of {origin}".encode() for origin in keys})
    for origin, copies in keys.items():
        multiply(server, bucket, origin, copies)
    sources = [Source("one", bucket, "one/"), Source("two", bucket, "two/")]
    yield Merging(server, client, bucket, sources, oracle(client, sources))
    client.close()


@pytest.fixture
def into() -> str:
    """A destination that no other test uses."""
    return f"merged/{uuid.uuid4().hex}/"


def test_thousands_are_merged_and_not_again(large: Merging, into: str) -> None:
    """The destination is what the oracle says; the second run, which reads it in ranges, misses and copies nothing."""
    first = large.merge(into)
    assert first.code == 0, first.err
    assert large.is_right(into)
    report = first.report
    assert report["copied"] == report["images"] == len(large.expected)
    assert report["identities"] == len({below.partition("/")[0] for below in large.expected})
    assert min(report["duplicates"], report["renamed"], report["skipped"], report["multi_source"]) > 15
    second = large.merge(into, "--listing-order", "sorted")
    assert (second.code, second.report["copied"], second.report["unplanned"]) == (0, 0, 0)
    assert second.report["already_present"] == len(large.expected)
    assert second.report["sources"] == report["sources"]


def test_plan_of_thousands_is_the_same_in_any_order(large: Merging, into: str, tmp_path: Path) -> None:
    """Joined while listing or indexed whole before: the same copies, in the same order."""
    plans = {}
    for order in ("sorted", "any"):
        file = tmp_path / order
        arguments = large.arguments(into, "--listing-order", order, "--output", str(file))
        ended = streammerge("plan", *arguments[1:], server=large.server)
        assert ended.code == 0, ended.err
        plans[order] = file.read_text().splitlines()
    assert plans["sorted"] == plans["any"]
    assert len(plans["any"]) == len(large.expected)


def test_killed_half_way_goes_on(large: Merging, into: str) -> None:
    """After SIGKILL the second run copies what is missing, and none of what is there."""
    env = environment(large.server)
    with started(*large.arguments(into, "--concurrency", "8"), env=env) as process:
        _wait_for(large, into, len(large.expected) // 3, process)
        process.kill()
        process.wait(_BOUND)
    there = _settled(large, into)
    assert len(large.expected) // 3 <= there < len(large.expected)
    again = large.merge(into, "--listing-order", "sorted")
    assert again.code == 0, again.err
    assert again.report["already_present"] == there
    assert again.report["copied"] == again.report["requests"]["copy"] == len(large.expected) - there
    assert large.is_right(into)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.full),
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.full),
    ],
)
def test_signal_ends_the_run_and_keeps_what_was_done(
    large: Merging, into: str, tmp_path: Path, number: int, code: int
) -> None:
    """The exit code is the shell's for the signal; it says how to go on and how far it came, also as JSON and page."""
    env, page, journal = environment(large.server), tmp_path / "page.html", str(tmp_path / "journal")
    more = ("--concurrency", "8", "--html", str(page), "--journal", journal)
    with started(*large.arguments(into, *more), env=env) as process:
        _wait_for(large, into, 100, process)
        process.send_signal(number)
        ended = finished(process, env, timeout=30)
    assert ended.code == code
    assert "run the same command again" in ended.err
    report = ended.report
    assert (report["exit_code"], report["stopped"], report["complete"]) == (code, "interrupted", False)
    there = contents(large.client, large.bucket, into)
    assert report["copied"] == len(there)
    assert f"{len(there):,} copied" in ended.err
    assert report["images"] == report["copied"] + report["not_attempted"]
    (told,) = streammerge("status", journal, "--json", env=env).report["journals"]
    assert (told["state"], told["copied"], told["runs"][0]["reason"]) == ("interrupted", len(there), "interrupted")
    html = page.read_text("utf-8")
    assert "<title>Merge: interrupted</title>" in html
    assert f">{len(there):,}</data>" in html
    assert 100 <= len(there) < len(large.expected)
    assert all(there[below] == large.expected[below][2:] for below in there)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_a_run_that_waits(number: int, code: int) -> None:
    """A server that does not answer holds nobody: a signal ends the run at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(_BOUND)
        server = Server(f"http://127.0.0.1:{silent.getsockname()[1]}", "KEY", "secret-that-nobody-may-see")
        env = environment(server)
        with started("merge", "s3://bucket/one/", "--into", "s3://bucket/merged/", env=env) as process:
            connection, _ = silent.accept()
            process.send_signal(number)
            ended = finished(process, env, timeout=30)
            connection.close()
    assert ended.code == code
    assert ended.out == ""
    assert "run the same command again" in ended.err


def _wait_for(large: Merging, into: str, objects: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _BOUND
    while large.count(into) < objects:
        assert process.poll() is None, "the run ended before it could be stopped"
        assert time.monotonic() < until, "the run copies nothing"
        time.sleep(0.02)


def _settled(large: Merging, into: str) -> int:
    """How many objects are at the destination once the server is done with what was asked of it."""
    before, there = -1, large.count(into)
    until = time.monotonic() + _BOUND
    while there != before:
        assert time.monotonic() < until
        time.sleep(0.3)
        before, there = there, large.count(into)
    return there
