"""Writes a plan to a file: one line of JSON per copy."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import aiofiles

from streammerge.atomic_file import replacing
from streammerge.dataset.job import Job
from streammerge.errors import UsageError
from streammerge.planning.plan import CopyTask


@contextlib.asynccontextmanager
async def plan_file(
    name: str | Path | None, job: Job
) -> AsyncIterator[Callable[[Sequence[CopyTask]], Awaitable[None]]]:
    """A function that appends copies to the file; the file is there once the block has ended well, and whole.

    Each line has the keys source, bucket, key, to_bucket, to_key, size (bytes) and etag.
    Raises UsageError if the file cannot be written.
    """
    if name is None:

        async def discard(_: Sequence[CopyTask]) -> None:
            pass

        yield discard
        return
    path = Path(name)
    if path.name == "-":
        raise UsageError("--output -: the report goes to stdout; name a file for the plan")
    with replacing(path, UsageError) as partial:
        async with aiofiles.open(partial, "w", encoding="utf-8") as file:

            async def write(copies: Sequence[CopyTask]) -> None:
                await file.write("".join(_line(task, job) for task in copies))

            yield write


def _line(task: CopyTask, job: Job) -> str:
    source = job.sources[task.source]
    fields = {
        "source": source.name,
        "bucket": source.location.bucket,
        "key": task.object.key,
        "to_bucket": job.destination.bucket,
        "to_key": task.target,
        "size": task.object.size,
        "etag": task.object.etag,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"
