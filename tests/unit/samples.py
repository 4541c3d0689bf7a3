"""Objects, images and jobs for the tests, with all that a test does not care about filled in."""

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any

from streammerge.dataset.job import Job, make_job
from streammerge.dataset.objects import Identity, Image, S3Object
from streammerge.dataset.source import Source
from streammerge.merging.copying import Copier, Ledger, Planned, copy_pool
from streammerge.planning.collisions import Named
from streammerge.planning.counters import Counters
from streammerge.planning.outcomes import Outcome
from streammerge.planning.plan import KEPT, Conflict, CopyTask, Decision
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.pool import Pool

DAY = "2026-01-01T00:00:00.000Z"


def etag_of(content: str) -> str:
    """The ETag of an object with this content."""
    return md5(content.encode()).hexdigest()


def listed(key: str, content: str = "x", *, size: int | None = None, modified: str = DAY) -> S3Object:
    """An object as LIST reports it."""
    return S3Object(key, len(content) if size is None else size, etag_of(content), modified)


def image(name: str, content: str = "x", *, below: str = "", modified: str = DAY, etag: str | None = None) -> Image:
    """An image whose key is `below` and its name."""
    etag = etag_of(content) if etag is None else etag
    return Image(S3Object(below + name, len(content), etag, modified), name)


def copy(target: str = "out/id/a.jpg", content: str = "x", *, modified: str = DAY, etag: str | None = None) -> CopyTask:
    """A planned copy of an image with this content."""
    etag = etag_of(content) if etag is None else etag
    return CopyTask(S3Object("one/id/a.jpg", len(content), etag, modified), 0, target, target.split("/")[1])


def copy_of(task: CopyTask, **changed: Any) -> CopyTask:
    """The same task of an object that differs in these fields."""
    return task._replace(object=task.object._replace(**changed))


def identity(name: str, *members: Mapping[str, str]) -> Identity:
    """An identity from the contents by name in each source and, last, at the destination; the job is `a_job`'s."""
    prefixes = [*SOURCES[: len(members) - 1], "out/"]
    return Identity(
        name,
        [
            [image(file, content, below=f"{prefix}{name}/") for file, content in sorted(member.items())]
            for prefix, member in zip(prefixes, members, strict=True)
        ],
    )


def renamed_key(found: Image, key: str) -> Image:
    """The same image under another key."""
    return found._replace(object=found.object._replace(key=key))


SOURCES = ("one/", "two/", "three/")


def a_job(sources: int = 2, **rules: Any) -> Job:
    """A job that merges s3://data/one/, s3://data/two/, … into s3://data/out/."""
    return make_job([f"s3://data/{prefix}" for prefix in SOURCES[:sources]], into="s3://data/out/", **rules)


def source(url: str = "one=s3://data/one/", layout: str | None = None) -> Source:
    """The source of a job that has only this one."""
    layouts: Sequence[str] = [layout] if layout else []
    return make_job([url], into="s3://elsewhere/out/", layouts=layouts).sources[0]


def a_decision(*, conflicts: int = 0) -> Decision:
    """A decision about an identity that is kept, with nothing to copy; its conflicts are at `out/id/`."""
    targets = (f"out/id/{number}.jpg" for number in range(conflicts))
    found = [Conflict(copy(target), image(target, "other").object, certain=True) for target in targets]
    return Decision(Identity("id", [[]]), (0,), KEPT, Named([[]], 0), conflicts=found)


def copying(
    store: Copier, job: Job, counters: Counters, progress: Progress, options: Options
) -> Pool[Planned, Outcome]:
    """A pool that copies, and takes whatever is at a target for the planned image."""

    async def is_present(_: CopyTask, __: S3Object) -> bool:
        return True

    return copy_pool(
        store,
        job,
        Ledger(counters, progress),
        is_present,
        options=options,
        progress=progress,
        deadline=Deadline(),
    )
