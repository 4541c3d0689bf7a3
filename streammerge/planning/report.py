"""The report of a merge or a plan: its fields, whose names are stable."""

from dataclasses import asdict, dataclass, field
from typing import Any

from streammerge.dataset.histogram import quartiles
from streammerge.errors import unwrap
from streammerge.planning.cost import Estimate, cost_of
from streammerge.planning.examples import Example
from streammerge.planning.failures import Failure
from streammerge.planning.throughput import Sample
from streammerge.report.described import Described
from streammerge.report.description import Description
from streammerge.report.gallery import Gallery

INTERRUPTED = "interrupted"  # why a run was stopped, if it was cancelled


def why_stopped(error: BaseException) -> str:
    """Why a run was stopped, from its error, or from the most relevant error of a group."""
    return str(unwrap(error)) or INTERRUPTED


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source held. objects = images + ignored.

    transfer: how its objects get to the destination, `server-side`, or by `relay` through this machine; to_relay and
    bytes_to_relay: planned copies that go so.
    kept_identities, kept_images: what is kept of it; gained_identities: of these, those that would have too few images
    without it.
    """

    name: str
    url: str
    layout: str
    objects: int
    images: int
    ignored: dict[str, int]
    examples: dict[str, list[str]]  # some ignored keys of each reason
    transfer: str = "server-side"
    to_relay: int = 0
    bytes_to_relay: int = 0
    kept_identities: int = 0
    kept_images: int = 0
    gained_identities: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """An identity, and how many images of it are kept."""

    identity: str
    images: int


@dataclass(frozen=True, slots=True)
class Shared:
    """How many kept identities two sources share."""

    one: str
    other: str
    identities: int


@dataclass(frozen=True, slots=True)
class Report(Described):
    """The outcome of a merge or a plan. Counts are of images unless the name says otherwise.

    identities = single_source + multi_source: identities kept, by whether one or several sources have images of them.
    images = copied + already_present + failed + conflicts + not_attempted; without duplicates and dropped.
    skipped: identities below --min-images or above --max-images.
    duplicates: images that equal one already kept; dropped: those that --collisions first omits; renamed: those that
    were renamed because of a collision. capped: those that --cap-images omits.
    identity_map: how many of the identities in the map were renamed, dropped or found in no source.
    twins: identities of the sources whose names differ from another one's only in spelling; with more than 262,144
    identities, those in a sample.
    too_long: failed images whose key at the destination would be longer than S3 allows.
    changed: identities that were re-evaluated because a source object changed after it was listed.
    ignored: objects of the sources that are not images or have no place in the layout, by reason.
    unplanned: objects at the destination that are not in the plan, by reason in `unplanned_reasons`; folder_markers:
    empty objects there that only represent a folder, which are left alone.
    foreign: whether the unplanned objects belong to a data set that is not in the journal of this job.
    removed: unplanned objects that --prune removed (no longer counted in `unplanned`), by reason in `removed_reasons`,
    with some keys of each reason in `removed_examples`; not_removed: those that could not be removed.
    not_pruned: why --prune removed nothing; None if it removed something or was not asked to.
    bytes: of all images kept; bytes_to_copy: of those not yet at the destination; bytes_copied: of those copied, and
    of these bytes_relayed through this machine.
    archived: all objects of the sources that must be restored before they can be read, by storage class;
    archived_to_copy: those that the plan copies.
    requests: requests sent to S3, by kind, retries included.
    rules: the job's, by name. warnings: what is unusual about a source.
    images_per_identity: identities kept by their number of images; 1000 stands for 1000 or more.
    throughput: images copied after a number of seconds, in at most 240 samples.
    overlaps: the identities that each pair of sources shares.
    stopped: why the run ended early, with the counts that it had reached; else None.
    examples: of images that were `renamed`, `dropped`, or counted once (`duplicate`), of identities that are `capped`,
    or skipped for a reason. largest: the identities with the most images.
    requests_usd: what the requests cost at the built-in prices, without data transfer.
    thumbnails: the pictures that the page shows; None if none were asked for.
    all_decided: whether every identity was planned; if not, no count includes the objects not listed yet.
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
    unplanned: int
    bytes: int
    bytes_copied: int
    bytes_to_copy: int
    requests: dict[str, int]
    seconds: float
    sources: list[SourceReport]
    failures: list[Failure]  # examples, of each code
    conflict_examples: list[str]
    unplanned_examples: list[str]
    recordio: list[str]
    failures_by_code: dict[str, int] = field(default_factory=dict)
    images_per_identity: dict[int, int] = field(default_factory=dict)
    throughput: list[Sample] = field(default_factory=list)
    estimate: Estimate | None = None
    unplanned_reasons: dict[str, int] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    too_long: int = 0
    foreign: bool = False
    removed: int = 0
    removed_reasons: dict[str, int] = field(default_factory=dict)
    removed_examples: dict[str, list[str]] = field(default_factory=dict)
    not_removed: int = 0
    not_pruned: str | None = None
    stopped: str | None = None
    all_decided: bool = True
    overlaps: list[Shared] = field(default_factory=list)
    folder_markers: int = 0
    archived: dict[str, int] = field(default_factory=dict)
    archived_to_copy: int = 0
    capped: int = 0
    bytes_relayed: int = 0
    identity_map: dict[str, int] = field(default_factory=dict)
    thumbnails: Gallery | None = None
    examples: dict[str, list[Example]] = field(default_factory=dict)
    largest: list[Size] = field(default_factory=list)
    twins: int = 0

    @property
    def is_plan(self) -> bool:
        """Whether nothing was to be copied: the report of `plan`."""
        return self.estimate is not None

    @property
    def complete(self) -> bool:
        """Whether every image of the plan is at the destination (of a plan: could be copied there).

        And whether everything that was to be removed is gone. A run that was stopped does not know its whole plan.
        """
        left = self.not_attempted and not self.is_plan
        return self.stopped is None and not (self.failed or self.conflicts or self.not_removed or left)

    @property
    def mean_images_per_identity(self) -> float:
        """Of the identities kept."""
        return round(self.images / self.identities, 6) if self.identities else 0.0

    @property
    def copies_per_second(self) -> float:
        """On average while copying, without the time that --prune waited for an answer."""
        copying = self.throughput[-1].seconds if self.throughput else self.seconds
        return round(self.copied / copying, 3) if copying else 0.0

    @property
    def requests_usd(self) -> float:
        """What the requests cost at the built-in prices, in USD."""
        return round(cost_of(self.requests), 6)

    def describe(self) -> Description:
        """All that the report says."""
        from streammerge.planning.report_lines import describe  # noqa: PLC0415 - it needs this module

        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The report as an object of JSON's types."""
        return {
            **asdict(self),
            "thumbnails": self.thumbnails.to_json() if self.thumbnails else None,
            "examples": {
                kind: [example._asdict() for example in examples]
                for kind, examples in self.examples.items()
                if examples
            },
            "quartiles": list(quartiles(self.images_per_identity)),
            "requests_usd": self.requests_usd,
            "complete": self.complete,
            "mean_images_per_identity": self.mean_images_per_identity,
            "copies_per_second": self.copies_per_second,
        }
