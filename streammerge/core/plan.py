"""The plan: for one complete identity, which copies it needs and what already lies at the destination."""

from dataclasses import dataclass, field
from typing import NamedTuple

from streammerge.core.job import Job
from streammerge.core.join import Identity, Image
from streammerge.core.keys import is_plain_md5
from streammerge.core.naming import Named, name_images


class Copy(NamedTuple):
    """One copy to make. A tuple, because a run makes millions of them."""

    source: int  # position of the source in the job
    key: str  # in the source's bucket
    target: str  # key in the destination's bucket
    size: int  # bytes
    etag: str  # of the object that was listed; the copy is pinned to it
    modified: str  # ISO 8601
    identity: str


class Conflict(NamedTuple):
    """A planned copy whose target holds something else."""

    copy: Copy
    found: Image


@dataclass(slots=True)
class Decision:
    """All that was decided about one identity.

    named: None if no source has an image of it.
    verdict: `kept`, or why not.
    extra: keys at the destination that the plan does not want there.
    """

    identity: str
    sources: int  # how many sources have images of it
    verdict: str
    named: Named
    copies: list[Copy] = field(default_factory=list)
    present: list[Copy] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)


KEPT, TOO_FEW, TOO_MANY, NO_SOURCE = "kept", "too few images", "too many images", "no source"


def decide(identity: Identity, job: Job) -> Decision:
    """Decide about one identity; the last of its members is what lies at the destination.

    Raises RunError on a collision where collisions are an error.
    """
    *members, existing = identity.members
    named = name_images(
        members,
        [source.name for source in job.sources],
        duplicates=job.duplicates,
        collisions=job.collisions,
    )
    sources = sum(1 for images in members if images)
    verdict = _verdict(len(named.kept), job)
    if verdict != KEPT:
        return Decision(identity.name, sources, verdict, named, extra=[image.key for image in existing])
    decision = Decision(identity.name, sources, verdict, named)
    there = {image.key: image for image in existing}
    folder = f"{job.destination.prefix}{identity.name}/"
    for image, source, name in named.kept:
        copy = Copy(source, image.key, folder + name, image.size, image.etag, image.modified, identity.name)
        found = there.pop(copy.target, None)
        if found is None:
            decision.copies.append(copy)
        elif is_same(copy, found):
            decision.present.append(copy)
        else:
            decision.conflicts.append(Conflict(copy, found))
    decision.extra.extend(there)
    return decision


def _verdict(images: int, job: Job) -> str:
    if not images:
        return NO_SOURCE
    if images < job.min_images:
        return TOO_FEW
    if job.max_images is not None and images > job.max_images:
        return TOO_MANY
    return KEPT


def is_same(copy: Copy, found: Image, *, etags_are_md5: bool = True) -> bool:
    """Whether what lies at the target is the planned image.

    Equal ETags of equal size are proof; two different MD5s are proof of the contrary. Where an ETag is no MD5
    (multipart, or etags_are_md5 False: KMS, SSE-C), equal size and a destination no older than its source decide.
    """
    if copy.size != found.size:
        return False
    if copy.etag and copy.etag == found.etag:
        return True
    if etags_are_md5 and is_plain_md5(copy.etag) and is_plain_md5(found.etag):
        return False
    return found.modified >= copy.modified
