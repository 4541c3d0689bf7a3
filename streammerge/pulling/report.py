"""The report of a pull: its fields, whose names are stable."""

from dataclasses import asdict, dataclass, field
from typing import Any

from streammerge.planning.failures import Failure
from streammerge.planning.report import SourceReport
from streammerge.pulling.paths import Refused
from streammerge.report.described import Described
from streammerge.report.description import Description
from streammerge.report.gallery import Gallery

EXAMPLES = 20


@dataclass(slots=True, kw_only=True)
class PullReport(Described):
    """The outcome of a pull. Counts are of images unless the name says otherwise.

    identities, images, bytes: what is in the directory now; smallest, largest: the fewest and the most images of an
    identity there.
    images = pulled + already_present, without failed and refused. wanted: images that were to be pulled.
    sample: the number of identities in the sample, out of all_identities; None for all.
    refused: objects whose names must not become files. ignored: objects that are not images in a folder, by reason.
    unplanned: files in the directory that are not at the prefix; junk: those of them that ImageFolder loads though they
    are AppleDouble files, hidden, or in a cache or trash folder. recordio: RecordIO files found there;
    recordio_renamed: the new names of those of them that were renamed; recordio_removed: those that were removed.
    classes: folders in the directory, which ImageFolder will number.
    thumbnails: the pictures that the page shows, as they are in the directory; None if none were asked for.
    url: of the prefix; empty where a job was pulled. Then sources: what was found there; rules: the job's, by name;
    skipped: identities outside --min-images and --max-images; duplicates, renamed: images.
    warnings: what is unusual about the prefix or the job's sources, and what ImageFolder will load that was not pulled.
    stopped: why the run ended early; else None. Then `images`, `pulled`, `already_present` and `failed` are what it had
    reached, and counts that are only made at the end of a run are 0.
    """

    url: str
    directory: str
    sample: int | None = None
    all_identities: int = 0
    identities: int = 0
    images: int = 0
    bytes: int = 0
    smallest: int = 0
    largest: int = 0
    classes: int = 0
    wanted: int = 0
    pulled: int = 0
    bytes_pulled: int = 0
    already_present: int = 0
    failed: int = 0
    refused: int = 0
    unplanned: int = 0
    junk: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    recordio: list[str] = field(default_factory=list)
    recordio_renamed: dict[str, str] = field(default_factory=dict)
    recordio_removed: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    failures_by_code: dict[str, int] = field(default_factory=dict)
    refusals: list[Refused] = field(default_factory=list)
    unplanned_examples: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str | None = None
    sources: list[SourceReport] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    skipped: int = 0
    duplicates: int = 0
    renamed: int = 0
    warnings: list[str] = field(default_factory=list)
    thumbnails: Gallery | None = None

    @property
    def average(self) -> float:
        """Images per identity."""
        return round(self.images / self.identities, 3) if self.identities else 0.0

    @property
    def images_per_second(self) -> float:
        """Pulled, on average."""
        return round(self.pulled / self.seconds, 3) if self.seconds else 0.0

    @property
    def complete(self) -> bool:
        """Whether everything that was to be pulled is in the directory."""
        return self.stopped is None and not self.failed and not self.refused

    def fail(self, failure: Failure) -> None:
        """Count an image that was not pulled."""
        self.failed += 1
        self.failures_by_code[failure.code] = self.failures_by_code.get(failure.code, 0) + 1
        if self.failures_by_code[failure.code] <= EXAMPLES:
            self.failures.append(failure)

    def refuse(self, refused: Refused) -> None:
        """Count an object that must not become a file."""
        self.refused += 1
        if len(self.refusals) < EXAMPLES:
            self.refusals.append(refused)

    def describe(self) -> Description:
        """All that the report says."""
        from streammerge.pulling.report_lines import describe  # noqa: PLC0415 - it needs this module

        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The report as an object of JSON's types."""
        refusals = [refused._asdict() for refused in self.refusals]
        return {
            "command": "pull",
            **asdict(self),
            "refusals": refusals,
            "thumbnails": self.thumbnails.to_json() if self.thumbnails else None,
            "images_per_identity": self.average,
            "images_per_second": self.images_per_second,
            "complete": self.complete,
        }
