"""Several processes come to what one process makes of a job, however the work falls to them; workers may be killed.

STREAMMERGE_KILL_OBJECTS makes the data larger, and has ten workers killed instead of two.
"""

import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client, LocalCluster

from command import environment, finished, started, workers_of
from merging import Merging
from oracle import Source, oracle
from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from seeding import multiply, new_bucket, put_all
from servers import Server, connect
from streammerge import Options, inspect, make_job, merge, plan, verify
from streammerge.cluster import driver, members, pickling
from streammerge.journal.format import from_line
from stub_s3 import Answer, stub_s3

_ANOTHER = (
    "destination",
    "seconds",
    "requests",
    "requests_usd",
    "throughput",
    "copies_per_second",
)  # than one process has
_ASKED = os.environ.get("STREAMMERGE_KILL_OBJECTS")
_FULL = int(_ASKED or 3_000)  # objects
_KILLS = 10 if _ASKED else 2  # workers to kill
_SLOWLY = "400"  # requests a second, so that a run lasts for seconds on any machine
_BOUND = 240.0  # seconds
_TWO, _THREE = "{identity}_face.{ext}", "{identity}-{any}/{name}.{ext}"
_LAYOUTS = ("--layout", f"two={_TWO}", "--layout", f"three={_THREE}")
_SPLIT = (*_LAYOUTS, "--listing-order", "sorted", "--workers")


def _merging(server: Server, client: Any, objects: int) -> Merging:
    """Folders, a flat source and one of folders with a suffix, which share identities and collide."""
    bucket = new_bucket(client)
    put_all(client, bucket, {f"seed/{number}": f"content {number}".encode() for number in range(4)})
    share = objects // 4
    multiply(server, bucket, "seed/0", [f"one/{number:05}/a.jpg" for number in range(share)])
    multiply(server, bucket, "seed/1", [f"one/{number:05}/b.jpg" for number in range(share)])
    multiply(server, bucket, "seed/2", [f"two/{number:05}_face.jpg" for number in range(share // 2, share * 3 // 2)])
    multiply(server, bucket, "seed/3", [f"three/{number:05}-x/a.jpg" for number in range(share)])
    put_all(client, bucket, {"one/notes.txt": b"no image", "two/00001_face.jpg": b"shared", "three/1/b.jpg": b"odd"})
    sources = [
        Source("one", bucket, "one/"),
        Source("two", bucket, "two/", r"(?=(?P<name>[^/]+)$)(?P<identity>.+?)_face\.[^.]+"),
        Source("three", bucket, "three/", r"(?P<identity>[^/]+?)-[^/]*/(?P<name>.+)"),
    ]
    return Merging(server, client, bucket, sources, oracle(client, sources))


def _facts(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in _ANOTHER}


def _check(data: Merging, workers: int, tmp_path: Path) -> None:
    """Merge by one process and by several, each into its own place."""
    alone = data.merge("alone/", *_LAYOUTS, "--listing-order", "sorted", "--no-journal")
    journal = tmp_path / "journal"
    split = data.merge("split/", *_SPLIT, str(workers), "--journal", str(journal))
    assert (alone.code, split.code) == (0, 0), split.err
    assert data.is_right("split/")
    assert _facts(split.report) == _facts(alone.report)
    assert split.report["requests"]["copy"] == split.report["copied"]
    records = [from_line(line) for line in journal.read_bytes().splitlines(keepends=True)]
    assert sum(record is not None and record["did"] == "copied" for record in records) == split.report["copied"]


def test_two_processes_make_what_one_makes(moto_server: Server, tmp_path: Path) -> None:
    """The destination, the report and the journal are the same."""
    with contextlib.closing(connect(moto_server)) as client:
        data = _merging(moto_server, client, 120)
        _check(data, 2, tmp_path)


async def test_every_command_on_a_cluster_that_is_there(moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of Dask can be passed to each function; they return what one process finds, and no secret travels."""
    secrets = {"AWS_SECRET_ACCESS_KEY": "secret-that-nobody-may-see", "AWS_SESSION_TOKEN": "token-that-nobody-may-see"}
    for name, value in environment(moto_server, **secrets).items():
        monkeypatch.setenv(name, value)
    travelled = list[bytes]()

    def packed(value: Any, known: Any = ()) -> bytes:
        travelled.append(pickling.pack(value, known))
        return travelled[-1]

    def unpacked(data: bytes, known: Any = ()) -> Any:
        travelled.append(data)
        return pickling.unpack(data, known)

    monkeypatch.setattr(members, "pack", packed)
    monkeypatch.setattr(driver, "unpack", unpacked)
    with contextlib.closing(connect(moto_server)) as client:
        data = _merging(moto_server, client, 80)
    job = make_job(
        [source.argument for source in data.sources],
        into=f"s3://{data.bucket}/into/",
        layouts={"two": _TWO, "three": _THREE},
    )
    options = Options(listing_order="sorted")
    async with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            asynchronous=True,
            silence_logs=logging.CRITICAL,
        ) as local,
        Client(local, asynchronous=True) as cluster,
    ):
        for run in (plan, merge, verify):
            one, several = await run(job, options), await run(job, options, cluster=cluster)
            if run is not merge:  # which has left nothing to do
                assert _facts(several.to_json()) == _facts(one.to_json())
        alone, split = await inspect(job.sources, options), await inspect(job.sources, options, cluster=cluster)
        assert _facts(split.to_json()) == _facts(alone.to_json())
        logs = [await local.get_logs(), await cluster.get_worker_logs(), await cluster.get_scheduler_logs()]
    assert len(travelled) > 10
    everything = b"".join(travelled) + repr(logs).encode()
    assert data.bucket.encode() in everything  # it is what travelled
    for secret in (*secrets.values(), "Signature="):
        assert secret.encode() not in everything


@pytest.fixture(params=["ceph", "ministack_server"])
def data(request: pytest.FixtureRequest) -> Iterator[Merging]:
    """Thousands of objects on a server that keeps order."""
    server: Server = request.getfixturevalue(request.param)
    with contextlib.closing(connect(server)) as client:
        yield _merging(server, client, _FULL)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_three_processes_make_what_one_makes(data: Merging, tmp_path: Path) -> None:
    """With thousands of objects, so that ranges are cut and shared; a second run has nothing left to copy."""
    _check(data, 3, tmp_path)
    again = data.merge("split/", *_SPLIT, "3", "--journal", str(tmp_path / "journal"))
    assert (again.report["copied"], again.report["already_present"]) == (0, again.report["images"])


def test_a_worker_is_killed_while_it_starts(ministack_server: Server) -> None:
    """Dask replaces it, or gives up: then running the same command again does the job."""
    with contextlib.closing(connect(ministack_server)) as client:
        data = _merging(ministack_server, client, 20)
        env, arguments = environment(ministack_server), data.arguments("split/", *_SPLIT, "2", "--no-journal")
        until = time.monotonic() + _BOUND
        with started(*arguments, env=env) as process:
            while not (workers := workers_of(process.pid)) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            workers[0].kill()
            ended = finished(process, env, timeout=_BOUND)
        if ended.code:
            assert (ended.code, "a worker process ended while it started" in ended.err) == (3, True)
            assert data.merge("split/", *_SPLIT, "2", "--no-journal").code == 0
        assert data.is_right("split/")


@pytest.mark.full
@pytest.mark.timeout(900)
def test_workers_are_killed(ceph: Server, tmp_path: Path) -> None:
    """At random moments: each costs a task at most, and the report is still that of a single process."""
    with contextlib.closing(connect(ceph)) as client:
        data = _merging(ceph, client, _FULL)
        alone = data.merge("alone/", *_LAYOUTS, "--listing-order", "sorted", "--no-journal")
        env = environment(ceph)
        journal = tmp_path / "journal"
        arguments = data.arguments("split/", *_SPLIT, "3", "--max-rate", _SLOWLY, "--journal", str(journal))
        chance = random.Random(0)
        with started(*arguments, env=env) as process:
            killed = 0
            until = time.monotonic() + _BOUND
            while not data.count("split/") and process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            while process.poll() is None and killed < _KILLS and time.monotonic() < until:
                time.sleep(chance.uniform(0.5, 2.5))
                if workers := workers_of(process.pid):
                    with contextlib.suppress(psutil.Error):
                        chance.choice(workers).kill()
                        killed += 1
            ended = finished(process, env, timeout=_BOUND)
        assert killed >= _KILLS // 2
        if ended.code == 3:  # one task had bad luck three times
            assert "given up" in ended.err
            ended = data.merge("split/", *_SPLIT, "3", "--journal", str(journal))
        assert ended.code == 0, ended.err
        assert data.is_right("split/")
        assert ended.report["images"] == alone.report["images"]
        assert ended.report["copied"] + ended.report["already_present"] == alone.report["copied"]


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_driver_is_stopped(ceph: Server, tmp_path: Path, number: signal.Signals) -> None:
    """Killed or interrupted twice: no worker outlives it, and running it again finishes the job."""
    with contextlib.closing(connect(ceph)) as client:
        data = _merging(ceph, client, _FULL)
        env = environment(ceph)
        arguments = data.arguments("split/", *_SPLIT, "3", "--max-rate", _SLOWLY, "--journal", str(tmp_path / "j"))
        for _ in range(2):
            before = data.count("split/")
            with started(*arguments, env=env) as process:
                until = time.monotonic() + _BOUND
                while data.count("split/") <= before + 200 and process.poll() is None and time.monotonic() < until:
                    time.sleep(0.2)
                workers = workers_of(process.pid)
                process.send_signal(number)
                began = time.monotonic()
                process.communicate(timeout=_BOUND)
                assert process.returncode == (130 if number == signal.SIGINT else -number)
                assert time.monotonic() - began < 30.0
            _, alive = psutil.wait_procs(workers, timeout=30.0)
            assert not alive
        ended = data.merge("split/", *_SPLIT, "3", "--journal", str(tmp_path / "j"))
        assert ended.code == 0, ended.err
        assert data.is_right("split/")


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_scheduler_is_gone(ceph: Server, tmp_path: Path) -> None:
    """That is exit 3, with what to do; with another cluster the same command goes on."""
    with contextlib.closing(connect(ceph)) as client, contextlib.ExitStack() as stack:
        data = _merging(ceph, client, _FULL)
        env = environment(ceph)
        cluster = [stack.enter_context(_dask(program, tmp_path, env)) for program in ("scheduler", "worker", "worker")]
        more = (*_LAYOUTS, "--listing-order", "sorted", "--scheduler", _address(tmp_path), "--max-rate", _SLOWLY)
        arguments = data.arguments("split/", *more, "--no-journal")
        with started(*arguments, env=env) as process:
            until = time.monotonic() + _BOUND
            while data.count("split/") <= 200 and process.poll() is None and time.monotonic() < until:
                time.sleep(0.2)
            cluster[0].kill()
            ended = finished(process, env, timeout=_BOUND)
        assert ended.code == 3
        assert "is gone" in ended.err
        assert "run the same command again" in ended.err
        assert data.merge("split/", *_SPLIT, "2", "--no-journal").code == 0
        assert data.is_right("split/")


def test_a_worker_that_cannot_reach_s3(tmp_path: Path, unused_tcp_port: int) -> None:
    """It is named in a warning, and the others do the work."""
    warned = threading.Event()
    objects = {f"from/{number}/a.jpg": Kept(md5_of(f"{number}")) for number in range(20)}

    def script(request: Request) -> Answer | None:
        assert request.operation != "copy" or warned.wait(_BOUND)
        return None

    s3 = ScriptedS3(objects, script)
    with stub_s3(s3) as server, contextlib.ExitStack() as stack:
        env = environment(server)
        bad = env | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_tcp_port}"}
        for program, its in (("scheduler", env), ("worker", env), ("worker", bad)):
            stack.enter_context(_dask(program, tmp_path, its))
        arguments = ["merge", "s3://bucket/from/", "--into", "s3://bucket/into/", "--min-images", "1", "--no-journal"]
        arguments += ["--scheduler", _address(tmp_path), "--listing-order", "sorted", "--attempts", "1", "--json"]
        with started(*arguments, env=env) as process:
            assert process.stderr is not None
            warning = next((line for line in process.stderr if "gets no tasks" in line), "")
            warned.set()
            ended = finished(process, env)
    assert str(unused_tcp_port) in warning
    assert "worker tcp://" in warning
    assert (ended.code, ended.report["copied"]) == (0, 20), ended.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_the_terminal_interrupts_or_is_closed(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """All processes get that signal: workers finish the copies in flight all the same, and these are recorded."""
    stopping, came = threading.Event(), threading.Semaphore(0)

    def script(request: Request) -> Answer | None:
        if request.operation == "copy":
            came.release()
            assert stopping.wait(_BOUND)
        return None

    s3 = ScriptedS3({f"from/{name}/a.jpg": Kept(md5_of(f"{name}")) for name in range(8)}, script)
    journal = tmp_path / "journal"
    arguments = ["merge", "s3://bucket/from/", "--into", "s3://bucket/into/", "--min-images", "1", "--json"]
    arguments += ["--workers", "2", "--listing-order", "sorted", "--journal", str(journal)]
    with stub_s3(s3) as server:
        env = environment(server)
        with subprocess.Popen(
            [sys.executable, "-m", "streammerge", *arguments],
            env=env,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            for _ in range(8):
                assert came.acquire(timeout=_BOUND)
            os.killpg(process.pid, number)
            assert process.stderr is not None
            assert any("copies still in flight: 8" in line for line in process.stderr)
            stopping.set()
            ended = finished(process, env)
    assert (ended.code, ended.report["copied"]) == (code, 8), ended.err
    records = [from_line(line) for line in journal.read_bytes().splitlines(keepends=True)]
    assert sum(record is not None and record["did"] == "copied" for record in records) == 8


def _address(folder: Path) -> str:
    """Where the scheduler is."""
    address: str = json.loads((folder / "scheduler.json").read_text())["address"]
    return address


@contextlib.contextmanager
def _dask(program: str, folder: Path, env: dict[str, str]) -> Iterator[Any]:
    """A scheduler, or a worker of it, for as long as the block lasts."""
    file = folder / "scheduler.json"
    more = ["--nthreads", "1", "--local-directory", str(folder)] if program == "worker" else ["--port", "0"]
    arguments = ["--scheduler-file", str(file), "--dashboard-address", "127.0.0.1:0", *more]
    with subprocess.Popen(
        [sys.executable, "-m", "dask", program, *arguments],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        until = time.monotonic() + _BOUND
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.1)
        try:
            yield process
        finally:
            process.kill()
