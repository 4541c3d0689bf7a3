"""Where a journal is stored: a local file, or a prefix in S3. What has been written is never changed.

In S3 nothing can be appended to an object, so there a journal is a prefix, and each write a new object below it, in
order by name. Each is written only if there is none: one run at a time has the journal (`lease`), and what another one
that was taken for dead still writes is passed over.
"""

import asyncio
import contextlib
import fcntl
import io
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

import aiofiles

from streammerge.dataset.objects import Location, printable
from streammerge.errors import ChangedError, IncompleteError, S3Error, UsageError
from streammerge.journal.history import History
from streammerge.journal.lease import NAME as LEASE
from streammerge.journal.lease import Lease

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client  # botocore takes longer to load than --help may

_LOCAL_INTERVAL, _S3_INTERVAL = 0.5, 15.0  # seconds between two writes
_GLANCE = 0.05  # seconds
RESUME = "What was copied is kept; run the same command again to resume"


class Storage(Protocol):
    """Where a journal is kept. Its text form is what the user calls it."""

    interval: float

    async def learn(self, history: History, fingerprint: str) -> None:
        """Hand over all lines that are there. Raises UsageError if they cannot be had, or are another job's."""

    async def append(self, lines: bytes) -> None:
        """Add lines; durable on return. Raises IncompleteError."""


def learn_file(history: History, path: Path, fingerprint: str) -> None:
    """Hand over the lines of a file, if there is one. Raises UsageError if it cannot be read, or is another job's."""
    with contextlib.suppress(FileNotFoundError), reading(path) as lines:
        history.learn(lines, fingerprint, str(path))
        history.seal(str(path))


@contextlib.contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """The lines of a journal. Raises FileNotFoundError if there is none, UsageError if it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a regular file: choose another one with --journal")
        with path.open("rb") as lines:
            yield lines
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"cannot read the journal {path}: {error.strerror}") from error


def is_held(path: Path) -> bool:
    """Whether some process writes to a journal at this moment. Raises OSError where it cannot be opened."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # a file system without locks
    return False


class FileStorage:
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
                f"cannot open the journal {path}: {error.strerror}. Choose another place with --journal, "
                "or pass --no-journal"
            ) from error
        try:
            self._lock()
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):  # a device, say, whose mode must not be changed either
            raise UsageError(f"{self._path} is not a regular file: choose another one with --journal")
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_GLANCE)  # `status` holds it for an instant, to see whether somebody does
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another run of this job is in progress and holds the journal {self._path}. Wait for it to end"
            ) from error
        except OSError as error:
            raise UsageError(
                f"cannot lock the journal {self._path}: {error.strerror}. Choose a place on another file system with "
                "--journal, or pass --no-journal"
            ) from error

    def __enter__(self) -> Self:
        """It is open from its making on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, which gives up the lock."""
        os.close(self._file)

    async def learn(self, history: History, fingerprint: str) -> None:
        """Hand over all lines; one that a crash has torn gets an end, so that the next one is whole."""
        await asyncio.to_thread(learn_file, history, self._path, fingerprint)
        self._torn = _is_torn(self._file)
        with contextlib.suppress(OSError):  # somebody else's file that we may write to all the same
            os.fchmod(self._file, 0o600)

    async def append(self, lines: bytes) -> None:
        """Add lines, on disk when it returns; none of them where that fails."""
        size = os.fstat(self._file).st_size
        try:
            async with aiofiles.open(self._file, "ab", closefd=False) as file:
                await file.write(b"\n" + lines if self._torn else lines)
                await file.flush()
            await asyncio.to_thread(os.fsync, self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise IncompleteError(f"cannot write the journal {self._path}: {error.strerror}. {RESUME}") from error
        self._torn = False


def _is_torn(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


class S3Storage:
    """A prefix in S3 with one object for each write, numbered."""

    interval = _S3_INTERVAL

    def __init__(self, location: Location, store: "S3Client", lease: Lease | None = None) -> None:
        self._location = location
        self._store = store
        self._lease = lease
        self._next = 1

    async def learn(self, history: History, fingerprint: str) -> None:
        """Hand over the lines of all segments, in order."""
        await self._store.probe(self._location)
        try:
            await self._learn(history, fingerprint)
        except S3Error as error:
            raise UsageError(f"cannot read the journal {self._location}: {error}") from error

    async def _learn(self, history: History, fingerprint: str) -> None:
        for key, *_ in await self._store.below(self._location):
            if key == self._location.prefix + LEASE:
                continue
            number = re.fullmatch(r"([0-9]{8})\.journal", key.removeprefix(self._location.prefix))
            if number is None:
                raise UsageError(f"{self._location} contains {printable(key)!r}, which is not part of a journal")
            lines = io.BytesIO(await self._store.objects_at(self._location).read(self._location.bucket, key))
            history.learn(lines, fingerprint, str(self._location))
            self._next = int(number[1]) + 1
        history.seal(str(self._location))

    async def append(self, lines: bytes) -> None:
        """Add a segment."""
        try:
            while not await self._write(lines):
                if self._lease is None:
                    raise IncompleteError(
                        f"another run of this job is in progress and has just written to the journal "
                        f"{self._location}. Wait for it to end"
                    )
                await self._lease.renew()  # as long as it is ours, what is there came from a run that lost it
        except S3Error as error:
            raise IncompleteError(f"cannot write the journal {self._location}: {error}. {RESUME}") from error

    async def _write(self, lines: bytes) -> bool:
        """Whether the next segment holds these lines, and nobody else's."""
        if self._lease is not None and self._lease.lost:
            raise IncompleteError(f"cannot write the journal {self._location}: another run has taken it over")
        key = f"{self._location.prefix}{self._next:08}.journal"
        self._next += 1
        try:
            await self._store.objects_at(self._location).write(self._location.bucket, key, lines)
        except ChangedError:
            return (
                await self._store.objects_at(self._location).read(self._location.bucket, key) == lines
            )  # an answer may have been lost
        return True
