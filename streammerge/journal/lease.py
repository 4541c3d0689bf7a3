"""The lease of a journal in S3: it keeps out a second run of the same job, as a file lock does on one machine.

Strategy: an object beside the segments names the run that has the journal, and is written anew every few seconds. Which
of two writers comes first is decided by S3 (If-None-Match, If-Match), not by a clock. Who finds it taken watches it: if
it changes, that run is at work; if it does not for a minute, or its process is known to be gone, it may be taken over.
A run that ends leaves it free.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from streammerge.dataset.objects import Location
from streammerge.errors import ChangedError, IncompleteError, S3Error, UsageError
from streammerge.transfer.deadline import Deadline

_log = logging.getLogger(__name__)
NAME = "lease"  # of the object, below the journal's prefix
_RENEWED, _LOOK, _STALE = 10.0, 2.0, 60.0  # seconds between two renewals, between two looks, and until it is given up
_RELEASED = 10.0  # seconds that a run which ends well takes to leave it free, at most
_RISK = "a second run of this job may start at the same time"


class Objects(Protocol):
    """What a lease needs of S3."""

    async def find(self, bucket: str, key: str) -> tuple[str, bytes] | None:
        """ETag and content of a small object; None if there is none."""

    async def write(self, bucket: str, key: str, body: bytes, *, replaces: str = "", risk: str = "") -> str:
        """Store an object where none is, or in place of the one with that ETag; returns its ETag.

        Raises ChangedError where there is another one.
        """

    async def remove(self, location: Location, keys: Sequence[str]) -> object:
        """Remove objects below a prefix, as far as that is possible."""


class Lease:
    """A lease that a run may take."""

    def __init__(self, location: Location, objects: Objects) -> None:
        self._location = location
        self._key = location.prefix + NAME
        self._objects = objects
        self._run = secrets.token_hex(8)
        self._etag = ""
        self.lost = False

    async def take(self) -> None:
        """Wait until it can be had. Raises UsageError where another run has it, S3Error."""
        seen, since = "", 0.0
        while True:
            found = await self._objects.find(self._location.bucket, self._key)
            etag, body = found or ("", b"")
            if found is None or _is_given_up(body) or (etag == seen and time.monotonic() - since >= _STALE):
                if await self._write(replaces=etag):
                    return
            elif not seen:
                _log.warning(
                    "Another run holds the journal %s: waiting up to %.0f seconds to see whether it is still alive",
                    self._location,
                    _STALE,
                )
                seen, since = etag, time.monotonic()
            elif etag != seen:
                raise UsageError(
                    f"another run of this job is in progress and holds the journal {self._location}. Wait for it to end"
                )
            await asyncio.sleep(_LOOK)

    async def renew(self) -> None:
        """Write it anew. Raises IncompleteError where another run has taken it over, S3Error."""
        if await self._write(replaces=self._etag) or await self._write(replaces=""):  # somebody may have removed it
            return
        self.lost = True
        raise IncompleteError(
            f"another run has taken over the journal {self._location}, because this one did not renew its lease for "
            f"{_STALE:.0f} seconds. What was copied is kept; wait for the other run to end"
        )

    async def release(self) -> None:
        """Leave it free for the next run, as far as it is ours. Raises S3Error."""
        if not self.lost and await self._write(replaces=self._etag, free=True):
            await self._objects.remove(self._location, [self._key])

    async def _write(self, *, replaces: str, free: bool = False) -> bool:
        """Whether it is ours now."""
        content = {"run": self._run, "free": free, "at": round(time.time(), 3), "process": _process(os.getpid())}
        body = json.dumps({**content, "nonce": secrets.token_hex(4)}).encode()
        try:
            self._etag = await self._objects.write(
                self._location.bucket, self._key, body, replaces=replaces, risk=_RISK
            )
        except ChangedError:
            found = await self._objects.find(self._location.bucket, self._key)
            if found is None or _run_of(found[1]) != self._run:
                return False
            self._etag = found[0]
            if found[1] != body:  # an earlier write of ours, which was cancelled before its answer came
                return await self._write(replaces=self._etag, free=free)
        return True

    async def keep(self) -> None:
        """Renew it again and again. Raises IncompleteError where another run has taken it over."""
        while True:
            await asyncio.sleep(_RENEWED)
            with contextlib.suppress(S3Error):  # another time, maybe; until then S3 refuses others as well
                await self.renew()


@contextlib.asynccontextmanager
async def leased(location: Location, objects: Objects, deadline: Deadline) -> AsyncIterator[Lease]:
    """A lease that is held while the block lasts.

    Raises UsageError where it cannot be had, IncompleteError (in a group) where another run has taken it over.
    """
    lease = Lease(location, objects)
    try:
        await lease.take()
    except S3Error as error:
        raise UsageError(
            f"cannot use the journal {location}: {error}. Choose another place with --journal, or pass --no-journal"
        ) from error
    try:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(lease.keep())
            try:
                yield lease
            finally:
                keeping.cancel()
    finally:
        left = deadline.left()
        with contextlib.suppress(S3Error, TimeoutError):
            async with asyncio.timeout(_RELEASED if left is None else left):
                await lease.release()


def _is_given_up(body: bytes) -> bool:
    """Whether a lease was left free, or its process ran on this machine and is gone, or it is none."""
    try:
        lease: Any = json.loads(body)
        process = lease["process"]
        pid = int(process["pid"]) if process else 0
        return bool(lease["free"]) or bool(
            pid and process["system"] == _process(os.getpid()).get("system") and process != _process(pid)
        )
    except (ValueError, KeyError, TypeError):
        return True


def _run_of(body: bytes) -> str | None:
    """The run that wrote a lease; None if it is no lease."""
    try:
        run: str = json.loads(body)["run"]
    except (ValueError, KeyError, TypeError):
        return None
    return run


def _process(pid: int) -> dict[str, str | int]:
    """What tells a process from all others that this machine sees; empty where that cannot be known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text() + str(Path("/proc/self/ns/pid").readlink())
        system = hashlib.sha256(boot.encode()).hexdigest()[:16]
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return {}
    return {"system": system, "pid": pid, "started": started}
