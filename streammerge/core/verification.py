"""Verification: what the destination was found to be, measured against the plan.

Strategy: an image that is there and right is proven by its ETag, by the journal's record of the copy, or by its bytes;
otherwise its size and age are all that speaks for it, and it counts as right, but unproven. What ETags cannot decide,
for or against, is a doubt, and a comparison of bytes settles it. The doubts to compare are chosen by the digests of
their keys: so the choice depends on the keys alone and is spread evenly over them.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from streammerge.core.histogram import CAP
from streammerge.core.join import EXAMPLES
from streammerge.core.keys import is_plain_md5
from streammerge.core.plan import Conflict, Copy, Decision, Found, Past
from streammerge.core.report import SourceReport

MISSING = "missing"  # the reason of a difference without an object
ETAG, JOURNAL, BYTES, UNPROVEN = "etag", "journal", "bytes", "unproven"  # what speaks for an image that is right
SIZE, MD5, RECORD, OLDER = "other size", "other MD5", "not what the journal recorded", "older than its source"
CONTENT, CHANGED = "other bytes", "changed while it was compared"  # found by comparing alone
_DECIDED_BY_ETAG = (ETAG, SIZE, MD5)  # for or against


class Doubt(NamedTuple):
    """An image that ETags cannot decide about; `finding` is what it counts as until its bytes are compared."""

    copy: Copy
    found: Found
    finding: str


@dataclass(frozen=True, slots=True)
class Difference:
    """An image that is missing (`found_size` is None) or not what the plan wants. Sizes are in bytes."""

    target: str
    key: str  # of the source object
    reason: str
    size: int
    found_size: int | None
    etag: str
    found_etag: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a verification. Counts are of images unless the name says otherwise.

    images = right + missing + different: what the plan wants at the destination. skipped_too_few, skipped_too_many:
    identities that it does not want, being below --min-images or above --max-images.
    right = proven + unproven: unproven ones have the right size and are not older than their source, no more is known.
    proven: by what (`etag`, `journal`, `bytes`). different_reasons, extra_reasons: the counts by reason.
    extra: objects at the destination that the plan does not want there; recordio: those that a trainer would read
    instead of the folders.
    images_per_identity: identities by how many of their planned images lie at the destination, right or not; 1000
    stands for that and more, and those without any are left away.
    compared: whose bytes were compared; bytes_read: on both sides. unreadable: that were to be compared, and could not.
    differences, extra_examples: some of them, by reason. rules: the job's, by name. warnings: what looks odd about a
    source. requests: what was sent to S3, by kind, retries included.
    """

    destination: str
    identities: int
    skipped_too_few: int
    skipped_too_many: int
    images: int
    bytes: int
    right: int
    proven: dict[str, int]
    unproven: int
    missing: int
    different: int
    different_reasons: dict[str, int]
    extra: int
    extra_reasons: dict[str, int]
    recordio: list[str]
    compared: int
    bytes_read: int
    unreadable: int
    differences: list[Difference]
    unreadable_examples: dict[str, str]  # why, by target
    extra_examples: dict[str, list[str]]
    images_per_identity: dict[int, int]
    sources: list[SourceReport]
    rules: dict[str, Any]
    warnings: list[str]
    requests: dict[str, int]
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether the destination is what the plan wants, and nothing else; extra objects are a difference, too."""
        return not (self.missing or self.different or self.extra or self.unreadable)

    def to_json(self) -> dict[str, Any]:
        """The verification as an object of JSON's types."""
        return {"command": "verify", **asdict(self), "exact": self.exact}


@dataclass(slots=True)
class Findings:
    """What a verification has found so far."""

    past: Past | None
    counts: Counter[str] = field(default_factory=Counter)  # by finding
    missing: int = 0
    compared: int = 0
    bytes_read: int = 0
    unreadable: int = 0
    images_per_identity: Counter[int] = field(default_factory=Counter)
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    unreadable_examples: dict[str, str] = field(default_factory=dict)

    def decided(self, decision: Decision) -> Iterator[Doubt]:
        """Take in what was decided about an identity; hands over what ETags cannot decide."""
        if found := len(decision.present) + len(decision.conflicts):
            self.images_per_identity[min(found, CAP)] += 1
        for copy in decision.copies:
            self.missing += 1
            self._example(MISSING, copy, None)
        there = {image.key: image for image in decision.identity.members[-1]}
        for copy in decision.present:
            yield from self._found(copy, there[copy.target], self._proof(copy, there[copy.target]))
        for conflict in decision.conflicts:
            finding = self._disproof(conflict)
            self._example(finding, conflict.copy, conflict.found)
            yield from self._found(conflict.copy, conflict.found, finding)

    def _found(self, copy: Copy, found: Found, finding: str) -> Iterator[Doubt]:
        self.counts[finding] += 1
        if finding not in _DECIDED_BY_ETAG:
            yield Doubt(copy, found, finding)

    def _proof(self, copy: Copy, found: Found) -> str:
        if copy.etag and copy.etag == found.etag:
            return ETAG
        return JOURNAL if self.past is not None and self.past.judges(copy, found.etag) else UNPROVEN

    def _disproof(self, conflict: Conflict) -> str:
        copy, found, _ = conflict
        if copy.size != found.size:
            return SIZE
        if self.past is not None and self.past.judges(copy, found.etag) is False:
            return RECORD
        return MD5 if is_plain_md5(copy.etag) and is_plain_md5(found.etag) else OLDER

    def settled(self, doubt: Doubt, finding: str, read: int) -> None:
        """Count a doubt as what a comparison found, after so many bytes."""
        self.counts[doubt.finding] -= 1
        self.counts[finding] += 1
        self.compared += 1
        self.bytes_read += read
        copy, found, before = doubt
        examples = self.differences.get(before, [])
        examples[:] = [example for example in examples if example.target != copy.target]
        if finding != BYTES:
            self._example(finding, copy, found)

    def left_open(self, doubt: Doubt, why: str, read: int) -> None:
        """Count a doubt that was to be settled, and could not be."""
        self.unreadable += 1
        self.bytes_read += read
        if len(self.unreadable_examples) < EXAMPLES:
            self.unreadable_examples[doubt.copy.target] = why

    def _example(self, reason: str, copy: Copy, found: Found | None) -> None:
        examples = self.differences.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            size, etag = (found.size, found.etag) if found is not None else (None, "")
            examples.append(Difference(copy.target, copy.key, reason, copy.size, size, copy.etag, etag))

    def count(self, *findings: str) -> dict[str, int]:
        """How many images each of these is true of, where there are any."""
        return {finding: self.counts[finding] for finding in findings if self.counts[finding]}


class Sample:
    """So many doubts, chosen by the digests of their targets, in whatever order they come."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._chosen: list[tuple[int, str, Doubt]] = []  # a heap, the largest digest first

    def add(self, doubt: Doubt) -> None:
        """Choose it, perhaps instead of another."""
        digest = hashlib.blake2b(doubt.copy.target.encode(), digest_size=8).digest()
        heapq.heappush(self._chosen, (-int.from_bytes(digest), doubt.copy.target, doubt))
        if len(self._chosen) > self._size:
            heapq.heappop(self._chosen)

    def __iter__(self) -> Iterator[Doubt]:
        """The chosen ones, in byte order of target."""
        return iter(sorted((doubt for *_, doubt in self._chosen), key=lambda doubt: doubt.copy.target))
