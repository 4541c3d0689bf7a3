"""The journal: an append-only record of what runs of a job have done, in a local file or in S3.

Strategy: whoever has something to record adds a line in memory; one task writes what has come together and sees to it
that it is durable before the next interval is over, and once more at the end. So recording costs no wait, and a crash
loses an interval at most, which costs those copies another look and nothing else.
"""

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from streammerge.core import records
from streammerge.core.job import Job
from streammerge.core.keys import parse_location
from streammerge.core.plan import Copy
from streammerge.core.records import History
from streammerge.core.report import Report, why_stopped
from streammerge.errors import S3Error, StreamMergeError, UsageError
from streammerge.places import LocalFile, Place, Segments, learn_file
from streammerge.s3.options import is_amazon

if TYPE_CHECKING:
    from streammerge.s3.store import S3Store  # botocore takes longer to load than --help may


class Journal:
    """A journal that is open for writing."""

    def __init__(self, place: Place, job: Job, command: str = "") -> None:
        self.history = History()
        self._place = place
        self._job = job
        self._command = command
        self._pending: list[bytes] = []
        self._closing = asyncio.Event()
        self._writing = asyncio.Lock()

    def copied(self, copy: Copy, result: str) -> None:
        """Record a copy that was made; `result` is the target's ETag."""
        self._pending.append(records.copied(copy, self._job.sources[copy.source].name, result, time.time()))

    def failed(self, copy: Copy, error: S3Error) -> None:
        """Record a copy that was given up."""
        self._pending.append(
            records.failed(copy, self._job.sources[copy.source].name, error.code, str(error), time.time())
        )

    async def removing(self, targets: list[str]) -> None:
        """Record that these objects are about to be removed; durable on return. Raises IncompleteError."""
        for target in targets:
            self._pending.append(records.removed(target, time.time()))
        await self.write()

    def ended(self, report: Report) -> None:
        """Record that the run came to its end, and what is left to do."""
        self._pending.append(
            records.ended(
                complete=report.complete,
                at=time.time(),
                conflicts=report.conflicts,
                left=report.failed + report.not_attempted + report.not_removed,
                present=report.already_present,
            )
        )

    def stopped(self, reason: str) -> None:
        """Record that the run was stopped before its end."""
        self._pending.append(records.ended(complete=False, at=time.time(), reason=reason))

    async def begin(self) -> None:
        """Read what is there, and record that a run begins. Raises UsageError where either cannot be done."""
        await self._place.learn(self.history, self._job.fingerprint)
        run, job = secrets.token_hex(8), self._job
        self._pending.append(records.began(job.fingerprint, str(job), run, time.time(), command=self._command))
        try:
            await self.write()
        except StreamMergeError as error:
            raise UsageError(f"{error.args[0]} Name another place with --journal, or say --no-journal") from error

    async def keep(self) -> None:
        """Write, at every interval and once more when it is closed. Raises IncompleteError."""
        closing = False
        while not closing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._place.interval)
            closing = self._closing.is_set()  # before the last write, not while it goes on
            await self.write()

    def close(self) -> None:
        """Have `keep` come to its end."""
        self._closing.set()

    async def write(self) -> None:
        """Write what has come together; durable on return. Raises IncompleteError."""
        async with self._writing:  # one at a time: lines do not mingle
            lines, self._pending = b"".join(self._pending), []
            if lines:
                await self._place.append(lines)


@contextlib.asynccontextmanager
async def open_journal(
    place: str | None, job: Job, store: "S3Store", command: str = ""
) -> AsyncIterator[Journal | None]:
    """A journal for as long as the block lasts; `place` is a path, an s3:// URL, or None for none.

    command: a line of shell that goes on with the job, for `status` to tell.

    Raises UsageError if it cannot be begun, IncompleteError (in a group) if it cannot be written on.
    """
    if place is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        where = _in_s3(place, job, store) if "://" in place else stack.enter_context(LocalFile(Path(place)))
        journal = Journal(where, job, command)
        await journal.begin()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(journal.keep())
            try:
                yield journal
            except BaseException as error:
                journal.stopped(why_stopped(error))
                raise
            finally:
                journal.close()
                await asyncio.wait([keeping])  # before the group may cancel it: what was done is written, come what may


async def read_history(place: str | None, job: Job, store: "S3Store") -> History:
    """What a journal says, without opening it for writing; nothing if there is none."""
    history = History()
    if place is not None and "://" in place:
        await _in_s3(place, job, store).learn(history, job.fingerprint)
    elif place is not None:
        await asyncio.to_thread(learn_file, history, Path(place), job.fingerprint)
    return history


def state_directory() -> Path:
    """Where journals are kept by default: the platform's directory for the state of programs."""
    return platformdirs.user_state_path("streammerge")


def default_place(job: Job, endpoint: str | None = None) -> str:
    """The file for a job's journal: its name is made of what the job is, so that two jobs never share one.

    endpoint: URL of the server, None for Amazon. The same job on another server is another job.
    """
    address = (endpoint or "").rpartition("://")[2].rpartition("@")[2]  # a password in it is told of, but not here
    server = "" if is_amazon(re.split("[:/]", address)[0]) else re.sub(r"[^A-Za-z0-9.-]+", "_", address)
    name = "-".join(filter(None, (job.fingerprint[:16], server.strip("_")[:100])))
    return str(state_directory() / f"{name}.journal")


def _in_s3(url: str, job: Job, store: "S3Store") -> "Segments":
    location = parse_location(url)
    for other in (job.destination, *(source.location for source in job.sources)):
        if location.overlaps(other):
            raise UsageError(f"--journal {url} overlaps {other}: it would be taken for a part of the data")
    return Segments(location, store)
