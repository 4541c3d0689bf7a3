"""Objects, images and jobs for the tests, with all that a test does not care about filled in."""

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any

from streammerge.core.job import Job, Source, make_job
from streammerge.core.join import Identity, Image
from streammerge.core.keys import Listed
from streammerge.core.naming import Named
from streammerge.core.plan import KEPT, Conflict, Copy, Decision, Found

DAY = "2026-01-01T00:00:00.000Z"


def etag_of(content: str) -> str:
    """The ETag of an object with this content."""
    return md5(content.encode()).hexdigest()


def listed(key: str, content: str = "x", *, size: int | None = None, modified: str = DAY) -> Listed:
    """An object as LIST reports it."""
    return Listed(key, len(content) if size is None else size, etag_of(content), modified)


def image(name: str, content: str = "x", *, below: str = "", modified: str = DAY, etag: str | None = None) -> Image:
    """An image whose key is `below` and its name."""
    return Image(below + name, len(content), etag_of(content) if etag is None else etag, modified, name)


def copy(target: str = "out/id/a.jpg", content: str = "x", *, modified: str = DAY, etag: str | None = None) -> Copy:
    """A planned copy of an image with this content."""
    return Copy(
        0,
        "one/id/a.jpg",
        target,
        len(content),
        etag_of(content) if etag is None else etag,
        modified,
        target.split("/")[1],
    )


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
    return found._replace(key=key)


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
    decision = Decision(Identity("id", []), (0,), KEPT, Named([]))
    targets = (f"out/id/{number}.jpg" for number in range(conflicts))
    decision.conflicts += [Conflict(copy(target), image(target, "other"), certain=True) for target in targets]
    return decision


class Present:
    """Judges that whatever lies at a target is the planned image."""

    async def is_present(self, copy: Copy, found: Found) -> bool:  # noqa: ARG002
        """It is."""
        return True
