"""A plan as a file: one line of JSON for every copy to make."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import aiofiles
import aiofiles.os

from streammerge.core.job import Job
from streammerge.core.plan import Copy
from streammerge.errors import UsageError


@contextlib.asynccontextmanager
async def plan_file(path: Path | None, job: Job) -> AsyncIterator[Callable[[Sequence[Copy]], Awaitable[None]]]:
    """A function that appends copies to the file; the file is there once the block has ended well, and whole.

    Each line has the keys source, bucket, key, to_bucket, to_key, size (bytes) and etag.
    Raises UsageError if the file cannot be written.
    """
    if path is None:

        async def discard(_: Sequence[Copy]) -> None:
            pass

        yield discard
        return
    if path.name == "-":
        raise UsageError("--output -: the report goes to stdout; name a file for the plan")
    partial = path.with_name(path.name + ".partial")
    with _telling(path):
        file = await aiofiles.open(partial, "w", encoding="utf-8")

    async def write(copies: Sequence[Copy]) -> None:
        with _telling(path):
            await file.write("".join(_line(copy, job) for copy in copies))

    try:
        yield write
    except BaseException:
        with contextlib.suppress(OSError):
            await file.close()
        raise
    with _telling(path):
        await file.close()
        await aiofiles.os.replace(partial, path)


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write the plan to {path}: {error.strerror}") from error


def _line(copy: Copy, job: Job) -> str:
    source = job.sources[copy.source]
    fields = {
        "source": source.name,
        "bucket": source.location.bucket,
        "key": copy.key,
        "to_bucket": job.destination.bucket,
        "to_key": copy.target,
        "size": copy.size,
        "etag": copy.etag,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"
