"""The findings of a verification, counted identity by identity.

Strategy: an image that is there and right is proven by its ETag, by the journal's record of the copy, by the checksums
that S3 stores, or by its bytes; otherwise only its size and age support it, and it counts as right, but unproven. What
ETags cannot decide, for or against, is a doubt, which a look at the checksums settles, or a comparison of bytes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from streammerge.dataset.counters import EXAMPLES, keep, keep_all
from streammerge.dataset.histogram import CAP
from streammerge.dataset.objects import S3Object, is_plain_md5
from streammerge.errors import S3Error
from streammerge.planning.plan import Conflict, CopyTask, Decision, Past
from streammerge.verification.report import (
    BYTES,
    CHECKSUM,
    ETAG,
    JOURNAL,
    MD5,
    MISSING,
    OLDER,
    RECORD,
    SIZE,
    UNPROVEN,
    Difference,
)

_DECIDED_BY_ETAG = (ETAG, SIZE, MD5)  # for or against
_LEFT = (UNPROVEN, RECORD, OLDER)  # what only bytes decide once a look has found it
_RIGHT = (ETAG, JOURNAL, CHECKSUM, BYTES, UNPROVEN)


class Doubt(NamedTuple):
    """An image that ETags cannot decide about; `finding` is what it counts as until more is known.

    That is MD5 where two ETags are different MD5s, unless one of the objects is encrypted, so that its ETag is none.
    """

    copy: CopyTask
    found: S3Object
    finding: str


class Compared(NamedTuple):
    """What a comparison of bytes found; `finding` is None, with the reason, where the bytes could not be read."""

    finding: str | None
    bytes_read: int  # on both sides
    why: str = ""


@dataclass(slots=True)
class Findings:
    """What a verification has found so far."""

    past: Past | None
    counts: Counter[str] = field(default_factory=Counter)  # by finding
    missing: int = 0
    looked_at: int = 0
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
        for copy in (*decision.copies, *decision.impossible):
            self.missing += 1
            self._example(MISSING, copy, None)
        there = {image.object.key: image.object for image in decision.identity.members[-1]}
        for copy in decision.present:
            yield from self._found(copy, there[copy.target], self._proof(copy, there[copy.target]))
        for conflict in decision.conflicts:
            finding = self._disproof(conflict)
            self._example(finding, conflict.copy, conflict.found)
            yield from self._found(conflict.copy, conflict.found, finding, certain=conflict.certain)

    def _found(self, copy: CopyTask, found: S3Object, finding: str, *, certain: bool = True) -> Iterator[Doubt]:
        self.counts[finding] += 1
        if finding not in _DECIDED_BY_ETAG or not certain:
            yield Doubt(copy, found, finding)

    def _proof(self, copy: CopyTask, found: S3Object) -> str:
        if copy.object.etag and copy.object.etag == found.etag:
            return ETAG
        return JOURNAL if self.past is not None and self.past.judges(copy, found.etag) else UNPROVEN

    def _disproof(self, conflict: Conflict) -> str:
        copy, found, _ = conflict
        if copy.object.size != found.size:
            return SIZE
        if self.past is not None and self.past.judges(copy, found.etag) is False:
            return RECORD
        return MD5 if is_plain_md5(copy.object.etag) and is_plain_md5(found.etag) else OLDER

    def looked(self, doubt: Doubt, outcome: str | S3Error) -> Doubt | None:
        """Count a doubt as what a look has found, or as one that could not be settled; the doubt that is left of it."""
        if isinstance(outcome, S3Error):
            self._unsettled(doubt, str(outcome))
            return None
        self.looked_at += 1
        if outcome != doubt.finding:
            self._settle(doubt, outcome)
        return doubt._replace(finding=outcome) if outcome in _LEFT else None

    def compared_bytes(self, doubt: Doubt, outcome: Compared) -> None:
        """Count a doubt as what a comparison found, or as one that could not be settled."""
        self.bytes_read += outcome.bytes_read
        if outcome.finding is None:
            self._unsettled(doubt, outcome.why)
            return
        self.compared += 1
        self._settle(doubt, outcome.finding)

    def _unsettled(self, doubt: Doubt, why: str) -> None:
        self.unreadable += 1
        if len(self.unreadable_examples) < EXAMPLES:
            self.unreadable_examples[doubt.copy.target] = why

    def _settle(self, doubt: Doubt, finding: str) -> None:
        copy, found, before = doubt
        self.counts[before] -= 1
        self.counts[finding] += 1
        examples = self.differences.get(before, [])
        examples[:] = [example for example in examples if example.target != copy.target]
        if finding not in _RIGHT:
            self._example(finding, copy, found)

    def _example(self, reason: str, copy: CopyTask, found: S3Object | None) -> None:
        size, etag = (found.size, found.etag) if found is not None else (None, "")
        wanted = copy.object
        difference = Difference(copy.target, wanted.key, reason, wanted.size, size, wanted.etag, etag)
        keep(self.differences.setdefault(reason, []), difference)

    def __iadd__(self, other: Self) -> Self:
        for name in ("missing", "looked_at", "compared", "bytes_read", "unreadable"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.counts.update(other.counts)
        self.images_per_identity.update(other.images_per_identity)
        keep_all(self.differences, other.differences)
        unreadable = self.unreadable_examples | other.unreadable_examples
        self.unreadable_examples = dict(sorted(unreadable.items())[:EXAMPLES])
        return self

    def count(self, *findings: str) -> dict[str, int]:
        """How many images each of these is true of, where there are any."""
        return {finding: self.counts[finding] for finding in findings if self.counts[finding]}
