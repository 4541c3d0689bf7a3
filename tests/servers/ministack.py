"""MiniStack: a stand-in for Amazon's services, of which S3 is started. It lists in byte order and checks no signature.

Its wheel wants another botocore than ours does, so it is installed into a folder of its own, by pip.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from servers import Server, Unavailable, cache
from servers.guard import Guard
from streammerge.demo.server import LOOPBACK, answers, free_ports, wait_until

_VERSION = "1.5.33"
_NAME = f"ministack-{_VERSION}-{sys.implementation.cache_tag}"  # some of what it stands on is compiled
_INSTALLING = 250.0  # seconds
_STARTING = 60.0


@contextlib.contextmanager
def ministack() -> Iterator[Server]:
    """Run it on a free port, its data in memory."""
    packages = cache.provide(_NAME, _install)
    with Guard() as guard:
        (port,) = free_ports(1)
        log = guard.directory / "log"
        pid = guard.start(
            [sys.executable, "-m", "ministack"], log=log, env=_environment(packages, guard.directory, port)
        )
        wait_until(
            lambda: answers(port),
            died=lambda: guard.status(pid) is not None,
            what="MiniStack",
            timeout=_STARTING,
            log=log,
        )
        yield Server(f"http://{LOOPBACK}:{port}", "MINISTACKKEY", "ministack-secret")


def _install(guard: Guard, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        cache.run(guard, [*pip, "--target", str(folder), f"ministack=={_VERSION}"], timeout=_INSTALLING, env=os.environ)
    except subprocess.SubprocessError as error:
        raise Unavailable(f"MiniStack cannot be installed: {cache.why(error)}") from error


def _environment(packages: Path, directory: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "PYTHONPATH": str(packages),
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "SERVICES": "s3",
        "LOG_LEVEL": "WARNING",
        "DOCKER_HOST": f"unix://{directory}/none",  # it would remove containers that it takes for its own
    }
