"""The journal: the append-only record of the runs of a job, in a local file or in S3.

Strategy: records are added as lines in memory; one task writes them durably, at every interval and at the end.
So recording never waits, and a crash loses at most one interval of records, whose objects are checked again.
"""

import asyncio
import contextlib
import hashlib
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import platformdirs

from streammerge.dataset.job import Job
from streammerge.dataset.objects import Location, parse_location
from streammerge.errors import IncompleteError, StreamMergeError, UsageError, unwrap
from streammerge.journal import format as records
from streammerge.journal.buffered_lines import Lines
from streammerge.journal.history import History
from streammerge.journal.lease import leased
from streammerge.journal.storage import RESUME, FileStorage, S3Storage, Storage, learn_file
from streammerge.planning.report import Report, why_stopped
from streammerge.s3.listing_order import is_amazon
from streammerge.transfer.deadline import Deadline

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client  # botocore takes longer to load than --help may

_MANY = 8 << 20  # bytes that wait to be written
_log = logging.getLogger(__name__)


class Journal(Lines):
    """A journal that is open for writing."""

    def __init__(self, place: Storage, job: Job, command: str = "") -> None:
        super().__init__(job)
        self.history = History()
        self.reached: Callable[[], Report] | None = None  # what the run has come to, once it has begun to decide
        self._place = place
        self._job = job
        self._command = command
        self._closing = asyncio.Event()
        self._writing = asyncio.Lock()

    async def opening(self, target: str) -> None:
        """Record that a multipart upload is about to be begun; durable on return. Raises IncompleteError."""
        self._lines.append(records.opening(target, time.time()))
        await self.write()

    async def opened(self, target: str, upload: str) -> None:
        """Record a multipart upload that was begun; durable on return. Raises IncompleteError."""
        self._lines.append(records.opened(target, upload, time.time()))
        await self.write()

    def closed(self, upload: str) -> None:
        """Record that a multipart upload was completed or aborted."""
        self._lines.append(records.closed(upload, time.time()))

    async def removing(self, targets: list[str]) -> None:
        """Record that these objects are about to be removed; durable on return. Raises IncompleteError."""
        for target in targets:
            self._lines.append(records.removed(target, time.time()))
        await self.write()

    async def add(self, lines: bytes) -> None:
        """Record what a worker has recorded as lines; many are durable on return. Raises IncompleteError."""
        self._lines.append(lines)
        if sum(map(len, self._lines)) > _MANY:
            await self.write()

    def ended(self, report: Report) -> None:
        """Record that the run came to its end, and what is left to do."""
        self._end(report)

    def stopped(self, error: BaseException) -> None:
        """Record that an error stopped the run before its end, and what it had come to."""
        report = self.reached() if self.reached is not None else None
        self._end(report, reason=why_stopped(error), refused=isinstance(unwrap(error), UsageError))

    def _end(self, report: Report | None, *, reason: str = "", refused: bool = False) -> None:
        counts: dict[str, int] = {}
        if report is not None:
            counts = {"conflicts": report.conflicts, "present": report.already_present}
            if report.all_decided:
                counts["left"] = report.failed + report.not_attempted + report.not_removed
        complete = report is not None and not reason and report.complete
        self._lines.append(records.ended(complete=complete, at=time.time(), reason=reason, refused=refused, **counts))

    async def begin(self) -> None:
        """Read what is there, and record that a run begins. Raises UsageError where either cannot be done."""
        await self._place.learn(self.history, self._job.fingerprint)
        run, job = secrets.token_hex(8), self._job
        self._lines.append(records.began(job.fingerprint, str(job), run, time.time(), command=self._command))
        try:
            await self.write()
        except StreamMergeError as error:
            why = error.args[0].removesuffix(RESUME)
            raise UsageError(f"{why}Choose another place with --journal, or pass --no-journal") from error

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
            lines = self.take()
            try:
                if lines:
                    await self._place.append(lines)
            except IncompleteError:
                self._lines.insert(0, lines)  # there may be room at the end
                raise


@contextlib.asynccontextmanager
async def open_journal(
    place: str | Path | None, job: Job, store: "S3Client", command: str = "", *, deadline: Deadline
) -> AsyncIterator[Journal | None]:
    """A journal for as long as the block lasts; `place` is a path, an s3:// URL, or None for none.

    command: a line of shell that resumes the job, for `status` to show.
    deadline: of what is still to be written when the run is being stopped.

    Raises UsageError if it cannot be begun, IncompleteError (in a group) if it cannot be written on.
    """
    if place is None:
        yield None
        return
    async with contextlib.AsyncExitStack() as stack:
        where: Storage
        if _is_url(place):
            location = _location_of(place, job)
            await store.probe(location)
            lease = await stack.enter_async_context(leased(location, store.objects_at(location), deadline))
            where = S3Storage(location, store, lease)
        else:
            where = stack.enter_context(FileStorage(Path(place)))
        journal = Journal(where, job, command)
        await journal.begin()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(journal.keep())
            try:
                yield journal
            except BaseException as error:
                deadline.start()
                journal.stopped(_failure(keeping) or error)
                raise
            finally:
                await _finish(journal, keeping, place, deadline)


async def _finish(journal: Journal, keeping: asyncio.Task[None], place: str | Path, deadline: Deadline) -> None:
    """Write what was recorded before the group may cancel that, within the time that a stopped run has."""
    journal.close()
    await asyncio.wait([keeping], timeout=deadline.left())
    if not keeping.done():
        _log.warning("The journal %s is incomplete: its last records could not be written in time", place)
    elif _failure(keeping) is not None:
        with contextlib.suppress(IncompleteError, TimeoutError):
            async with asyncio.timeout(deadline.left()):
                await journal.write()


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


async def read_history(place: str | Path | None, job: Job, store: "S3Client") -> History:
    """What a journal says, without opening it for writing; nothing if there is none."""
    history = History()
    if _is_url(place):
        await S3Storage(_location_of(place, job), store).learn(history, job.fingerprint)
    elif place is not None:
        await asyncio.to_thread(learn_file, history, Path(place), job.fingerprint)
    return history


def state_directory() -> Path:
    """Where journals are kept by default: the platform's directory for the state of programs.

    Raises UsageError where nothing tells it, as in a container whose user has no home directory.
    """
    with contextlib.suppress(RuntimeError):  # some versions of platformdirs, where others return a relative path
        path = platformdirs.user_state_path("streammerge")
        if path.is_absolute():
            return path
    raise UsageError(
        "there is no directory for journals: HOME is not set, and this user has no home directory. Set HOME or "
        "XDG_STATE_HOME"
    )


def default_place(job: Job, endpoint: str | None = None, by_profile: Sequence[str | None] = ()) -> str:
    """The file for a job's journal: its name is made of what the job is, so that two jobs never share one.

    endpoint: URL of the destination's server, None for Amazon. The same job on another server is another job.
    by_profile: the same for sources whose profile says where they are.
    """
    address = (endpoint or "").rpartition("://")[2].rpartition("@")[2]  # a password in it is told of, but not here
    server = "" if is_amazon(re.split("[:/]", address)[0]) else re.sub(r"[^A-Za-z0-9.-]+", "_", address)
    elsewhere = hashlib.sha256(repr(by_profile).encode()).hexdigest()[:8] if any(by_profile) else ""
    name = "-".join(filter(None, (job.fingerprint[:16], server.strip("_")[:100], elsewhere)))
    return str(state_directory() / f"{name}.journal")


def _is_url(place: str | Path | None) -> TypeGuard[str]:
    if isinstance(place, Path) and place.parts[:1] == ("s3:",):
        raise UsageError(f"--journal {place}: give the URL of a prefix in S3 as text; a Path loses one of its slashes")
    return isinstance(place, str) and "://" in place


def _location_of(url: str, job: Job) -> Location:
    """Where a journal in S3 is: it is reached as the destination is."""
    location = replace(parse_location(url), connection=job.destination.connection)
    for other in (job.destination, *(source.location for source in job.sources)):
        if location.overlaps(other):
            raise UsageError(f"--journal {url} overlaps {other}: choose a prefix outside the data")
    return location
