"""The journal: an append-only record of what runs of a job have done, in a local file or in S3.

Strategy: whoever has something to record adds a line in memory; one task writes what has come together and sees to it
that it is durable before the next interval is over, and once more at the end. So recording costs no wait, and a crash
loses an interval at most, which costs those copies another look and nothing else. What is written is never changed.

In S3 nothing can be appended to an object, so there a journal is a prefix, and each write a new object below it, in
order by name. Each is written only if there is none, so that a second run of the same job is noticed.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import aiofiles
import platformdirs

from streammerge.core import records
from streammerge.core.job import Job
from streammerge.core.keys import Location, parse_location, printable
from streammerge.core.plan import Copy
from streammerge.core.records import History
from streammerge.errors import ChangedError, IncompleteError, S3Error, StreamMergeError, UsageError

if TYPE_CHECKING:
    from streammerge.s3.store import S3Store  # botocore takes longer to load than --help may

_LOCAL_INTERVAL, _S3_INTERVAL = 0.5, 15.0  # seconds between two writes
_GO_ON = "What was copied stays: run the same command again to go on"


class Place(Protocol):
    """Where a journal is kept. Its text form is what the user calls it."""

    interval: float

    async def learn(self, history: History, fingerprint: str) -> None:
        """Hand over all lines that are there. Raises UsageError if they cannot be had, or are another job's."""

    async def append(self, lines: bytes) -> None:
        """Add lines; durable on return. Raises IncompleteError."""


class Journal:
    """A journal that is open for writing."""

    def __init__(self, place: Place, job: Job) -> None:
        self.history = History()
        self._place = place
        self._job = job
        self._pending: list[bytes] = []
        self._closing = asyncio.Event()

    def copied(self, copy: Copy, result: str) -> None:
        """Record a copy that was made; `result` is the target's ETag."""
        self._add(records.copied(copy, self._job.sources[copy.source].name, result, time.time()))

    def failed(self, copy: Copy, error: S3Error) -> None:
        """Record a copy that was given up."""
        self._add(records.failed(copy, self._job.sources[copy.source].name, error.code, str(error), time.time()))

    def _add(self, record: dict[str, Any]) -> None:
        self._pending.append(records.to_line(record))

    async def removing(self, targets: list[str]) -> None:
        """Record that these objects are about to be removed; durable on return. Raises IncompleteError."""
        for target in targets:
            self._add({"did": "removed", "target": target, "at": round(time.time(), 3)})
        await self._write()

    def ended(self, *, complete: bool) -> None:
        """Record that the run came to its end."""
        self._add({"did": "ended", "complete": complete, "at": round(time.time(), 3)})

    async def begin(self) -> None:
        """Read what is there, and record that a run begins. Raises UsageError where either cannot be done."""
        await self._place.learn(self.history, self._job.fingerprint)
        self._add(records.began(self._job.fingerprint, str(self._job), secrets.token_hex(8), round(time.time(), 3)))
        try:
            await self._write()
        except StreamMergeError as error:
            raise UsageError(f"{error.args[0]} Name another place with --journal, or say --no-journal") from error

    async def keep(self) -> None:
        """Write, at every interval and once more when closing. Raises IncompleteError."""
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._place.interval)
            await self._write()

    def close(self) -> None:
        """Have `keep` come to its end."""
        self._closing.set()

    async def _write(self) -> None:
        lines, self._pending = b"".join(self._pending), []
        if lines:
            await self._place.append(lines)


@contextlib.asynccontextmanager
async def open_journal(place: str | None, job: Job, store: "S3Store") -> AsyncIterator[Journal | None]:
    """A journal for as long as the block lasts; `place` is a path, an s3:// URL, or None for none.

    Raises UsageError if it cannot be begun, IncompleteError (in a group) if it cannot be written on.
    """
    if place is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        where = _in_s3(place, job, store) if "://" in place else stack.enter_context(LocalFile(Path(place)))
        journal = Journal(where, job)
        await journal.begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(journal.keep())
            try:
                yield journal
            finally:
                journal.close()


async def read_history(place: str | None, job: Job, store: "S3Store") -> History:
    """What a journal says, without opening it for writing; nothing if there is none."""
    history = History()
    if place is not None and "://" in place:
        await _in_s3(place, job, store).learn(history, job.fingerprint)
    elif place is not None and (path := Path(place)).exists():
        await asyncio.to_thread(_learn, history, path, job.fingerprint)
    return history


def _learn(history: History, path: Path, fingerprint: str) -> None:
    try:
        with path.open("rb") as lines:
            history.learn(lines, fingerprint, str(path))
    except OSError as error:
        raise UsageError(f"cannot read the journal {path}: {error.strerror}") from error


def state_directory() -> Path:
    """Where journals are kept by default: the platform's directory for the state of programs."""
    return platformdirs.user_state_path("streammerge")


def default_place(job: Job) -> str:
    """The file for a job's journal: its name is made of what the job is, so that two jobs never share one."""
    return str(state_directory() / f"{job.fingerprint[:16]}.journal")


class LocalFile:
    """A file that one process at a time appends to, readable by its owner alone."""

    interval = _LOCAL_INTERVAL

    def __init__(self, path: Path) -> None:
        self._path = path
        self._torn = False
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"cannot open the journal {path}: {error.strerror}. Name another place with --journal, "
                "or say --no-journal"
            ) from error
        try:
            self._lock()
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise UsageError(f"cannot lock the journal {self._path}: {error.strerror}") from error
            raise UsageError(
                f"another streammerge is at work on this job: it holds the journal {self._path}. Wait for it to end"
            ) from error

    def __enter__(self) -> Self:
        """It is open from its making on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, which gives up the lock."""
        os.close(self._file)

    async def learn(self, history: History, fingerprint: str) -> None:
        """Hand over all lines; one that a crash has torn gets an end, so that the next one is whole."""
        await asyncio.to_thread(_learn, history, self._path, fingerprint)
        self._torn = _is_torn(self._file)
        with contextlib.suppress(OSError):  # somebody else's file that we may write to all the same
            os.fchmod(self._file, 0o600)

    async def append(self, lines: bytes) -> None:
        """Add lines, on disk when it returns."""
        try:
            async with aiofiles.open(self._file, "ab", closefd=False) as file:
                await file.write(b"\n" + lines if self._torn else lines)
                await file.flush()
            await asyncio.to_thread(os.fsync, self._file)
        except OSError as error:
            raise IncompleteError(f"cannot write the journal {self._path}: {error.strerror}. {_GO_ON}") from error
        self._torn = False


def _is_torn(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _in_s3(url: str, job: Job, store: "S3Store") -> "Segments":
    location = parse_location(url)
    for other in (job.destination, *(source.location for source in job.sources)):
        if location.overlaps(other):
            raise UsageError(f"--journal {url} overlaps {other}: it would be taken for a part of the data")
    return Segments(location, store)


class Segments:
    """A prefix in S3 with one object for each write, numbered."""

    interval = _S3_INTERVAL

    def __init__(self, location: Location, store: "S3Store") -> None:
        self._location = location
        self._store = store
        self._next = 1

    async def learn(self, history: History, fingerprint: str) -> None:
        """Hand over the lines of all segments, in order."""
        lines: list[bytes] = []
        await self._store.probe(self._location)
        for key, *_ in await self._store.below(self._location):
            number = re.fullmatch(r"(\d{8})\.journal", key.removeprefix(self._location.prefix))
            if number is None:
                raise UsageError(f"{self._location} holds {printable(key)!r}, which is no part of a journal")
            lines += (await self._store.objects.read(self._location.bucket, key)).splitlines(keepends=True)
            self._next = int(number[1]) + 1
        history.learn(lines, fingerprint, str(self._location))

    async def append(self, lines: bytes) -> None:
        """Add a segment."""
        key = f"{self._location.prefix}{self._next:08}.journal"
        try:
            await self._store.objects.write(self._location.bucket, key, lines)
        except ChangedError as error:
            if await self._store.objects.read(self._location.bucket, key) == lines:
                return  # the answer to an earlier try was lost
            raise IncompleteError(
                f"another streammerge is at work on this job: it has just written to the journal {self._location}. "
                "Wait for it to end"
            ) from error
        except S3Error as error:
            raise IncompleteError(f"cannot write the journal {self._location}: {error}. {_GO_ON}") from error
        finally:
            self._next += 1
