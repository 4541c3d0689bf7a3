"""The plan for one complete identity: which copies it needs, what is already there, conflicts, unplanned objects."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypedDict

from streammerge.dataset.job import Job
from streammerge.dataset.objects import (
    SURELY_SHORT,
    Identity,
    Image,
    S3Object,
    is_plain_md5,
    is_too_long,
    to_the_second,
)
from streammerge.planning.cap import capped
from streammerge.planning.collisions import IsThere, Named, as_named, name_images


class CopyTask(NamedTuple):
    """One copy to make. A tuple, because a run makes millions of them."""

    object: S3Object  # as it was listed; the copy is pinned to its ETag
    source: int  # position of the source in the job's `inputs`
    target: str  # key in the destination's bucket
    identity: str
    replaces: bool = False  # something else lies at the target, and is to be overwritten


class Past(Protocol):
    """What is known of earlier runs."""

    def judges(self, copy: CopyTask, etag: str) -> bool | None:
        """Whether a target with this ETag is the copy that was made; None if none is known."""


class Judged(NamedTuple):
    """What was found out about some targets, by key of the image and target, before what is known of earlier runs."""

    known: dict[tuple[str, str], bool]
    past: Past | None

    def judges(self, copy: CopyTask, etag: str) -> bool | None:
        """Whether a target is the planned copy; None if nothing is known of it."""
        found = self.known.get((copy.object.key, copy.target))
        return found if found is not None or self.past is None else self.past.judges(copy, etag)


class Conflict(NamedTuple):
    """A planned copy whose target holds something else.

    certain: False if it is the image after all, should one of the two be encrypted so that its ETag is no MD5.
    """

    copy: CopyTask
    found: S3Object
    certain: bool


class Decision(NamedTuple):
    """All that was decided about one identity. A tuple, because a run makes hundreds of thousands of them.

    verdict: `kept`, or why not. copies: to be made; present: already at the destination.
    impossible: that no store takes, since the target is too long a key; unplanned: keys at the destination that the
    plan does not want there.
    """

    identity: Identity
    sources: tuple[int, ...]  # positions in `Job.inputs` that have images of it
    verdict: str
    named: Named
    copies: Sequence[CopyTask] = ()
    present: Sequence[CopyTask] = ()
    conflicts: Sequence[Conflict] = ()
    impossible: Sequence[CopyTask] = ()
    unplanned: Sequence[str] = ()


KEPT, TOO_FEW, TOO_MANY, NO_SOURCE = "kept", "too few images", "too many images", "no source"


def decide(identity: Identity, job: Job, past: Past | None = None) -> Decision:
    """Decide about one identity; the last of its members is what lies at the destination.

    Where the job appends, its conflicts are all uncertain: decide again with a past that judges them.
    Raises RunError on a collision where collisions are an error.
    """
    *members, existing = identity.members
    folder = f"{job.destination.prefix}{identity.name}/"
    named = None if job.append and existing else as_named(members, job.duplicates)
    if named is None:
        named = name_images(
            members,
            [source.name for source in job.sources],
            duplicates=job.duplicates,
            collisions=job.collisions,
            **_counting(existing, identity.name, folder, past) if job.append else {},
        )
    sources = tuple([source for source, images in enumerate(members) if images])
    if job.append and existing and named.kept[-1]:
        sources += (len(members),)
    verdict = _verdict(named.images, job)
    if verdict != KEPT:
        unplanned = [] if job.append else [image.object.key for image in existing]
        return Decision(identity, sources, verdict, named, unplanned=unplanned)
    if job.cap_images is not None and named.images > job.cap_images:
        named = capped(named, job.cap_images, {image.name for image in existing} if job.append else ())
    name, kept = identity[0], named[0]
    copies = [CopyTask(image[0], source, folder + image[1], name) for source in sources for image in kept[source]]
    if not existing and max([len(copy[2]) for copy in copies]) <= SURELY_SHORT:  # as nearly always in a first run
        return Decision(identity, sources, verdict, named, copies)
    compared = _compared(copies, existing, past)
    return Decision(
        identity,
        sources,
        verdict,
        named,
        copies=[copy for copy in compared.missing if not is_too_long(copy.target)],
        present=compared.present,
        conflicts=compared.conflicts,
        impossible=[copy for copy in compared.missing if is_too_long(copy.target)],
        unplanned=[] if job.append else compared.unplanned,
    )


class _Compared(NamedTuple):
    """Planned copies and what is at the destination. unplanned: keys that are none of the targets."""

    missing: list[CopyTask]
    present: list[CopyTask]
    conflicts: list[Conflict]
    unplanned: list[str]


def _compared(copies: Sequence[CopyTask], existing: Sequence[Image], past: Past | None) -> _Compared:
    there = {image.object.key: image.object for image in existing}
    missing: list[CopyTask] = []
    present: list[CopyTask] = []
    conflicts: list[Conflict] = []
    for copy in copies:
        found = there.pop(copy[2], None)
        if found is None:
            missing.append(copy)
        elif same := is_same(copy, found, past):
            present.append(copy)
        else:
            conflicts.append(Conflict(copy, found, certain=same is False))
    return _Compared(missing, present, conflicts, list(there))


class _Existing(TypedDict, total=False):
    existing: Sequence[Image]
    is_there: IsThere


def _counting(existing: Sequence[Image], identity: str, folder: str, past: Past | None) -> _Existing:
    """What `name_images` needs to count what is at the destination as the first source."""

    def is_there(source: int, image: Image, name: str, found: S3Object) -> bool:
        return is_same(CopyTask(image.object, source, folder + name, identity), found, past) is not False

    return {"existing": existing, "is_there": is_there}


def _verdict(images: int, job: Job) -> str:
    if not images:
        return NO_SOURCE
    if images < job.min_images:
        return TOO_FEW
    if job.max_images is not None and images > job.max_images:
        return TOO_MANY
    return KEPT


def is_same(copy: CopyTask, found: S3Object, past: Past | None = None) -> bool | None:
    """Whether what lies at the target is the planned image; None: only if an ETag of the two is no MD5 (KMS, SSE-C).

    Equal ETags of equal size are proof; of other ETags, what a run has recorded. Without a record, equal size and a
    destination no older than its source decide, unless two different MD5s prove the contrary.
    """
    wanted = copy.object
    if wanted.size != found.size:
        return False
    if wanted.etag and wanted.etag == found.etag:
        return True
    recorded = past.judges(copy, found.etag) if past is not None else None
    if recorded is not None:
        return recorded
    newer = to_the_second(found.modified) >= to_the_second(wanted.modified)
    if is_plain_md5(wanted.etag) and is_plain_md5(found.etag):
        return None if newer else False
    return newer
