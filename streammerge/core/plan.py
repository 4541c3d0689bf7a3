"""The plan: for one complete identity, which copies it needs and what already lies at the destination."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from streammerge.core.job import Job
from streammerge.core.join import Identity
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
    replaces: bool = False  # something else lies at the target, and is to be overwritten


class Found(Protocol):
    """What lies at a target, as LIST or HEAD tell."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def etag(self) -> str:
        """Without its quotes."""

    @property
    def modified(self) -> str:
        """ISO 8601, as LIST writes it."""


class Past(Protocol):
    """What is known of earlier runs."""

    def judges(self, copy: Copy, etag: str) -> bool | None:
        """Whether a target with this ETag is the copy that was made; None if none is known."""


class Conflict(NamedTuple):
    """A planned copy whose target holds something else.

    certain: False if it is the image after all, should one of the two be encrypted so that its ETag is no MD5.
    """

    copy: Copy
    found: Found
    certain: bool


@dataclass(slots=True)
class Decision:
    """All that was decided about one identity, and what has become of it so far.

    copies: still to be made, or made. verdict: `kept`, or why not.
    extra: keys at the destination that the plan does not want there.
    made, failed: how many of the copies were made, were given up; bytes_made: the size of the former.
    anew: an earlier decision was withdrawn for it.
    """

    identity: Identity
    sources: tuple[int, ...]  # positions of the sources that have images of it
    verdict: str
    named: Named
    copies: list[Copy] = field(default_factory=list)
    present: list[Copy] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    made: int = 0
    bytes_made: int = 0
    failed: int = 0
    anew: bool = False


_TO_THE_SECOND = len("2026-01-01T00:00:00")  # HEAD says no more of a time, LIST may
KEPT, TOO_FEW, TOO_MANY, NO_SOURCE = "kept", "too few images", "too many images", "no source"


def decide(identity: Identity, job: Job, past: Past | None = None) -> Decision:
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
    sources = tuple([source for source, images in enumerate(members) if images])
    verdict = _verdict(len(named.kept), job)
    if verdict != KEPT:
        return Decision(identity, sources, verdict, named, extra=[image.key for image in existing])
    decision = Decision(identity, sources, verdict, named)
    there = {image.key: image for image in existing}
    folder = f"{job.destination.prefix}{identity.name}/"
    for image, source, name in named.kept:
        copy = Copy(source, image.key, folder + name, image.size, image.etag, image.modified, identity.name)
        found = there.pop(copy.target, None)
        if found is None:
            decision.copies.append(copy)
        elif same := is_same(copy, found, past):
            decision.present.append(copy)
        else:
            decision.conflicts.append(Conflict(copy, found, certain=same is False))
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


def is_same(copy: Copy, found: Found, past: Past | None = None) -> bool | None:
    """Whether what lies at the target is the planned image; None: only if an ETag of the two is no MD5 (KMS, SSE-C).

    Equal ETags of equal size are proof; of other ETags, what a run has recorded. Without a record, equal size and a
    destination no older than its source decide, unless two different MD5s prove the contrary.
    """
    if copy.size != found.size:
        return False
    if copy.etag and copy.etag == found.etag:
        return True
    recorded = past.judges(copy, found.etag) if past is not None else None
    if recorded is not None:
        return recorded
    newer = found.modified[:_TO_THE_SECOND] >= copy.modified[:_TO_THE_SECOND]
    if is_plain_md5(copy.etag) and is_plain_md5(found.etag):
        return None if newer else False
    return newer
