"""The report of a verification: its fields, whose names are stable."""

from dataclasses import asdict, dataclass
from typing import Any

from streammerge.planning.report import SourceReport
from streammerge.report.described import Described
from streammerge.report.description import Description
from streammerge.report.gallery import Gallery

MISSING = "missing"  # the reason of a difference without an object
# What speaks for an image that is right
ETAG, JOURNAL, CHECKSUM, BYTES, UNPROVEN = "etag", "journal", "checksum", "bytes", "unproven"
SIZE, MD5, RECORD, OLDER = "other size", "other MD5", "not what the journal recorded", "older than its source"
OTHER_CHECKSUM = "other checksum"  # found by a HEAD of both
CONTENT, CHANGED = "other bytes", "changed while it was compared"  # found by comparing alone


@dataclass(frozen=True, slots=True, order=True)
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
class Verification(Described):
    """The outcome of a verification. Counts are of images unless the name says otherwise.

    images = right + missing + different: what the plan wants at the destination. skipped_too_few, skipped_too_many:
    identities that it does not want, below --min-images or above --max-images.
    right = proven + unproven: unproven ones have the right size and are not older than their source; no more is known.
    proven: by what (`etag`, `journal`, `checksum`, `bytes`). different_reasons, unplanned_reasons: counts by reason.
    unplanned: objects at the destination that are not in the plan; folder_markers: empty objects there that only make
    a folder show, which are no difference; recordio: those that a trainer would read instead of the folders.
    images_per_identity: identities by how many of their planned images are at the destination, right or not; 1000
    stands for 1000 or more, and identities without any are omitted.
    looked_at: images that ETags cannot decide about, whose stored checksums were asked for, by a HEAD or two each.
    compared: images whose bytes were compared; bytes_read: on both sides; unreadable: those that could not be looked at
    or compared.
    differences, unplanned_examples: examples, by reason. rules: the job's, by name. warnings: what is unusual about
    a source. foreign: as in the report of a merge. requests: requests sent to S3, by kind, retries included.
    thumbnails: the pictures that the page shows; None if none were asked for.
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
    unplanned: int
    unplanned_reasons: dict[str, int]
    recordio: list[str]
    compared: int
    bytes_read: int
    unreadable: int
    differences: list[Difference]
    unreadable_examples: dict[str, str]  # why, by target
    unplanned_examples: dict[str, list[str]]
    images_per_identity: dict[int, int]
    sources: list[SourceReport]
    rules: dict[str, Any]
    warnings: list[str]
    requests: dict[str, int]
    seconds: float
    folder_markers: int = 0
    foreign: bool = False
    looked_at: int = 0
    thumbnails: Gallery | None = None

    @property
    def exact(self) -> bool:
        """Whether the destination is what the plan wants, and nothing else: unplanned objects are a difference."""
        return not (self.missing or self.different or self.unplanned or self.unreadable)

    def describe(self) -> Description:
        """All that the verification says."""
        from streammerge.verification.report_lines import describe  # noqa: PLC0415 - it needs this module

        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The verification as an object of JSON's types."""
        shown = self.thumbnails.to_json() if self.thumbnails else None
        return {"command": "verify", **asdict(self), "thumbnails": shown, "exact": self.exact}
