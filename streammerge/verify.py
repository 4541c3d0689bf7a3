"""The verb `verify`: list, decide, and say what the destination has of it; nothing is written.

Strategy: decisions are those of a merge. What ETags cannot decide can be compared byte by byte: all of it as it comes,
which holds the listing back, or a sample of it at the end.
"""

import asyncio
import hashlib
from dataclasses import replace
from types import TracebackType
from typing import Literal, Protocol, Self

from streammerge.core.job import Job
from streammerge.core.keys import Location
from streammerge.core.plan import Decision
from streammerge.core.rendering import human_bytes
from streammerge.core.report import Report
from streammerge.core.verification import (
    BYTES,
    CHANGED,
    CONTENT,
    ETAG,
    JOURNAL,
    MD5,
    OLDER,
    RECORD,
    SIZE,
    UNPROVEN,
    Doubt,
    Findings,
    Sample,
    Verification,
)
from streammerge.deciding import Run, open_run
from streammerge.errors import ChangedError, ObjectError, TransientError, UsageError
from streammerge.gate import spawn
from streammerge.journal import read_history
from streammerge.progress import Progress
from streammerge.s3.options import Options

_AT_ONCE = 8  # comparisons; with the size of a piece it bounds the memory, at two pieces each
_PIECE = 4 * 1024**2  # bytes of one ranged GET
_DEFAULTS = Options()
_SILENT = Progress()


async def verify(
    job: Job,
    options: Options = _DEFAULTS,
    *,
    progress: Progress = _SILENT,
    journal: str | None = None,
    deep: int | Literal["all"] = 0,
) -> Verification:
    """Measure the destination against what a merge of the sources would make of it; copies nothing.

    journal: as for `merge`; it is only read. deep: of how many images that ETags cannot decide about the bytes are
    read and compared, or "all".
    Raises UsageError where the input is wrong, RunError where the run cannot go on.
    """
    if deep != "all" and deep < 0:
        raise UsageError("--deep takes a number of images that is not negative, or 'all'")
    job = replace(job, if_exists="skip-same")  # a conflict is a difference, whatever a merge would do about it
    async with open_run(job, options, progress) as run:
        await run.expect_destination()
        run.learn(await read_history(journal, job, run.store))
        findings = Findings(run.past)
        sample = Sample(0 if deep == "all" else deep)
        async with ComparingBytes(run.store.objects, job, findings) as comparing:

            async def settle(decision: Decision) -> None:
                for doubt in findings.decided(decision):
                    if deep == "all":
                        await comparing.submit(doubt)
                    else:
                        sample.add(doubt)

            await run.decide_all(settle)
            if chosen := list(sample):
                size = human_bytes(2 * sum(doubt.copy.size for doubt in chosen))
                progress.note(f"All is listed. Comparing {len(chosen):,} images, {size} to read")
            for doubt in chosen:
                await comparing.submit(doubt)
        return _verification(run, run.report("verify"), findings)


def _verification(run: Run, report: Report, findings: Findings) -> Verification:
    proven = findings.count(ETAG, JOURNAL, BYTES)
    unproven = findings.counts[UNPROVEN]
    different = findings.count(SIZE, MD5, RECORD, OLDER, CONTENT, CHANGED)
    return Verification(
        destination=report.destination,
        identities=report.identities,
        skipped_too_few=report.skipped_too_few,
        skipped_too_many=report.skipped_too_many,
        images=report.images,
        bytes=report.bytes,
        right=sum(proven.values()) + unproven,
        proven=proven,
        unproven=unproven,
        missing=findings.missing,
        different=sum(different.values()),
        different_reasons=different,
        extra=report.extra,
        extra_reasons=report.extra_reasons,
        recordio=report.recordio,
        compared=findings.compared,
        bytes_read=findings.bytes_read,
        unreadable=findings.unreadable,
        differences=[example for examples in findings.differences.values() for example in examples],
        unreadable_examples=findings.unreadable_examples,
        extra_examples=run.tally.extras.examples,
        images_per_identity=dict(sorted(findings.images_per_identity.items())),
        sources=report.sources,
        rules=report.rules,
        warnings=report.warnings,
        requests=report.requests,
        seconds=report.seconds,
    )


class Reader(Protocol):
    """Whatever reads pieces of objects."""

    async def read(self, bucket: str, key: str, etag: str = "", *, start: int = 0, size: int | None = None) -> bytes:
        """At most `size` bytes from byte `start` on, of the object with that ETag alone."""


class ComparingBytes:
    """An asynchronous context: `submit` doubts inside it, and all are settled when it is left."""

    def __init__(self, reader: Reader, job: Job, findings: Findings) -> None:
        self._reader = reader
        self._job = job
        self._findings = findings
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, traceback)

    async def submit(self, doubt: Doubt) -> None:
        """Start a comparison as soon as there is a place for it."""
        await self._slots.acquire()
        spawn(self._group, self._settle(doubt))

    async def _settle(self, doubt: Doubt) -> None:
        copy, found, _ = doubt
        source = _Digest(self._reader, self._job.sources[copy.source].location, copy.key, copy.etag)
        target = _Digest(self._reader, self._job.destination, copy.target, found.etag)
        try:
            for start in range(0, copy.size, _PIECE):
                size = min(_PIECE, copy.size - start)
                await source.read_on(start, size)
                await target.read_on(start, size)
        except ChangedError:
            self._findings.settled(doubt, CHANGED, source.read + target.read)
        except (ObjectError, TransientError) as error:
            self._findings.left_open(doubt, str(error), source.read + target.read)
        else:
            finding = BYTES if source.sha256 == target.sha256 else CONTENT
            self._findings.settled(doubt, finding, source.read + target.read)
        finally:
            self._slots.release()


class _Digest:
    """The SHA-256 of an object, read piece by piece, pinned to the ETag that was listed."""

    def __init__(self, reader: Reader, location: Location, key: str, etag: str) -> None:
        self._reader = reader
        self._bucket = location.bucket
        self._key = key
        self._etag = etag
        self._sha256 = hashlib.sha256()
        self.read = 0  # bytes so far

    async def read_on(self, start: int, size: int) -> None:
        """Read one more piece. Raises as `Reader.read` does, ChangedError where there is less than that."""
        piece = await self._reader.read(self._bucket, self._key, self._etag, start=start, size=size)
        self.read += len(piece)
        if len(piece) != size:
            raise ChangedError(f"{len(piece):,} bytes came where {size:,} were asked for", code="IncompleteBody")
        self._sha256.update(piece)

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()
