"""The real command in a real process, as the end-to-end tests run it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from prefork import Forked, fits
from servers import Server

_BOUND = 120.0  # seconds; whatever takes longer hangs
# What Python says of work that somebody forgot; none of it may reach a user.
_SLOPPY = ("Traceback", "never retrieved", "never awaited", "Unclosed", "ResourceWarning", "was destroyed")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON object of `--json`."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def environment(server: Server | None, **more: str) -> dict[str, str]:
    """The environment in which a command finds a server and its keys; without a server, no keys at all."""
    found = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if server is not None:
        found |= {
            "AWS_ENDPOINT_URL": server.endpoint_url,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
        }
    return found | more


def workers_of(process: int) -> list[psutil.Process]:
    """The worker processes of a command, which are forked from a child of it."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process).children()
        return [worker for child in children if _forks(child) for worker in child.children()]
    return []


def _forks(process: psutil.Process) -> bool:
    return any("multiprocessing.forkserver" in argument for argument in process.cmdline())


@contextlib.contextmanager
def started(*arguments: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that runs while the block does; whatever is left of it then is killed."""
    command = [sys.executable, "-m", "streammerge", *arguments]
    start, given = (Forked, list(arguments)) if fits(env) else (subprocess.Popen[str], command)
    with start(
        given,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[str], env: Mapping[str, str], *, timeout: float = _BOUND) -> Ended:
    """Wait for its end. Fails where it shows a traceback, forgotten work or a secret."""
    out, err = process.communicate(timeout=timeout)
    shown = out + err
    for sloppy in _SLOPPY:
        assert sloppy not in shown, shown
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert env.get(name, "\0") not in shown, f"{name} was shown"
    return Ended(process.returncode, out, err)


def streammerge(
    *arguments: str, server: Server | None = None, env: Mapping[str, str] | None = None, timeout: float = _BOUND
) -> Ended:
    """Run a command to its end, with the keys of `server` or in an environment of its own."""
    env = environment(server) if env is None else env
    with started(*arguments, env=env) as process:
        return finished(process, env, timeout=timeout)
