"""The report: what a run has come to, as a value with stable field names, and as JSON; `rendering` has it as text."""

from dataclasses import asdict, dataclass, field
from typing import Any

from streammerge.core.cost import Estimate
from streammerge.core.throughput import Sample
from streammerge.errors import unwrap

INTERRUPTED = "interrupted"  # why a run was stopped, if somebody has cancelled it


def why_stopped(error: BaseException) -> str:
    """What an error, or the one that matters of a group, says of why a run was stopped by it."""
    return str(unwrap(error)) or INTERRUPTED


@dataclass(frozen=True, slots=True)
class Failure:
    """An object that was not copied, and why. `code` is S3's, or the kind of trouble."""

    key: str
    target: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source held. objects = images + ignored."""

    name: str
    url: str
    layout: str
    objects: int
    images: int
    ignored: dict[str, int]
    examples: dict[str, list[str]]  # some ignored keys of each reason


@dataclass(frozen=True, slots=True)
class Shared:
    """How many of the identities that keep are in both of two sources."""

    one: str
    other: str
    identities: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a merge or a plan. Counts are of images unless the name says otherwise.

    identities = single_source + multi_source: those that keep, by how many sources have images of them.
    images = copied + already_present + failed + conflicts + not_attempted; duplicates and dropped are not among them.
    skipped: identities below --min-images or above --max-images.
    changed: identities decided anew, since a source object was no longer what had been listed.
    ignored: objects of the sources that are no images or have no place, by reason.
    extra: objects at the destination that the plan does not want there, by reason in `extra_reasons`.
    removed: of such objects those that were removed, which are extra no longer, by reason in `removed_reasons` and with
    some keys of each reason in `removed_examples`; not_removed: could not be.
    not_pruned: why --prune has not even begun to remove what is extra; None if it has, or was not asked for.
    bytes: of all images kept; bytes_to_copy: of those not yet at the destination; bytes_copied: of those copied.
    requests: what was sent to S3, by kind, retries included.
    rules: the job's, by name. warnings: what looks odd about a source.
    images_per_identity: identities that keep by their number of images, 1000 standing for that and more.
    throughput: how many images were copied after how many seconds, in a bounded number of samples.
    overlaps: what each pair of sources shares.
    stopped: why the run was stopped before its end, so that all counts are what it had come to by then; else None.
    all_decided: whether every identity was decided about; if not, what was not listed yet is in no count.
    """

    command: str
    destination: str
    identities: int
    images: int
    single_source: int
    multi_source: int
    skipped: int
    skipped_too_few: int
    skipped_too_many: int
    duplicates: int
    dropped: int
    renamed: int
    copied: int
    already_present: int
    failed: int
    conflicts: int
    not_attempted: int
    changed: int
    ignored: dict[str, int]
    extra: int
    bytes: int
    bytes_copied: int
    bytes_to_copy: int
    requests: dict[str, int]
    seconds: float
    sources: list[SourceReport]
    failures: list[Failure]
    conflict_examples: list[str]
    extra_examples: list[str]
    recordio: list[str]
    images_per_identity: dict[int, int] = field(default_factory=dict)
    throughput: list[Sample] = field(default_factory=list)
    estimate: Estimate | None = None
    extra_reasons: dict[str, int] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    removed: int = 0
    removed_reasons: dict[str, int] = field(default_factory=dict)
    removed_examples: dict[str, list[str]] = field(default_factory=dict)
    not_removed: int = 0
    not_pruned: str | None = None
    stopped: str | None = None
    all_decided: bool = True
    overlaps: list[Shared] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every image of the plan is at the destination (of a plan: could be brought there).

        And whether all is gone that was to be removed. A run that was stopped does not know its whole plan.
        """
        left = self.not_attempted and self.estimate is None
        return self.stopped is None and not (self.failed or self.conflicts or self.not_removed or left)

    def to_json(self) -> dict[str, Any]:
        """The report as an object of JSON's types."""
        return {**asdict(self), "complete": self.complete}
