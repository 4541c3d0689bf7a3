"""Aborts multipart uploads that a killed run of this job has left, since their parts are stored and billed."""

import asyncio
from collections.abc import Mapping

from streammerge.dataset.objects import Location
from streammerge.errors import StreamMergeError, unwrap
from streammerge.journal.journal import Journal
from streammerge.report.progress import Progress
from streammerge.report.units import counted
from streammerge.s3.client import S3Client

_AT_ONCE = 32
_UNSURE = 2.0  # seconds by which two clocks may differ after they were compared: times have whole seconds


async def abort_leftovers(store: S3Client, destination: Location, journal: Journal, progress: Progress) -> None:
    """Abort the uploads that the journal says are open, and no others; one that stays is warned of.

    Whoever holds the journal knows that no run of the job works on them. A run that was killed as it began one may not
    have learnt which that is: then it is that of its key which was begun just then.
    """
    uploads = dict(journal.history.uploads)
    for target, openings in journal.history.openings.items():
        try:
            found = await store.uploads_of(destination, target)
        except StreamMergeError as error:
            progress.warn(f"{error}; an earlier run of this job may have left one behind")
            continue
        for upload, at in found.items():
            if any(opening - _UNSURE < at < opening + store.options.timeout + _UNSURE for opening in openings):
                uploads[upload] = target
    if aborted := await abort_uploads(store, destination, uploads, journal, progress):
        progress.note(f"Aborted {counted(aborted, 'multipart upload')} that an earlier run of this job left behind")


async def abort_uploads(
    store: S3Client, destination: Location, uploads: Mapping[str, str], journal: Journal, progress: Progress
) -> int:
    """Abort uploads, each with its target, on which nobody works; returns how many are gone."""
    slots = asyncio.Semaphore(_AT_ONCE)
    aborted = 0

    async def abort(upload: str, target: str) -> None:
        nonlocal aborted
        async with slots:
            try:
                await store.abort(destination, target, upload)
            except StreamMergeError as error:
                progress.warn(str(error))
            else:
                journal.closed(upload)
                aborted += 1

    try:
        async with asyncio.TaskGroup() as group:
            for upload, target in uploads.items():
                group.create_task(abort(upload, target))
    except BaseExceptionGroup as failed:
        raise unwrap(failed) from failed
    return aborted
