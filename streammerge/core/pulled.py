"""The report of a pull: its numbers, and the same as text."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from streammerge.core.keys import printable
from streammerge.core.local import Refused
from streammerge.core.rendering import counted, first_failures, human_bytes, human_time
from streammerge.core.report import Failure

_RULE = "=" * 60
_SHOWN = 5  # examples in the text; the JSON has more
EXAMPLES = 20


@dataclass(slots=True, kw_only=True)
class PullReport:
    """The outcome of a pull. Counts are of images unless the name says otherwise.

    identities, images, bytes: what is in the directory of what was asked for; smallest, largest: the fewest and the
    most images of an identity there.
    images = pulled + already_present; failed and refused are not among them. wanted: what was asked for.
    sample: how many identities were drawn, of all_identities; None for all.
    refused: objects whose names must not become files. ignored: objects that are no images, by reason.
    extra: files in the directory that are not at the prefix. recordio: names found there, recordio_removed: of these.
    classes: folders in the directory, which ImageFolder will number.
    stopped: why the run was stopped before its end; else None. If it was, `images`, `pulled`, `already_present` and
    `failed` are what it had come to by then, and what is counted at the end of a run alone is 0.
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
    extra: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    recordio: list[str] = field(default_factory=list)
    recordio_removed: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    extra_examples: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str | None = None

    @property
    def average(self) -> float:
        """Images of an identity."""
        return self.images / self.identities if self.identities else 0.0

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for is in the directory."""
        return self.stopped is None and not self.failed and not self.refused

    def fail(self, failure: Failure) -> None:
        """Count an image that was not pulled."""
        self.failed += 1
        if len(self.failures) < EXAMPLES:
            self.failures.append(failure)

    def refuse(self, refused: Refused) -> None:
        """Count an object that must not become a file."""
        self.refused += 1
        if len(self.refusals) < EXAMPLES:
            self.refusals.append(refused)

    def to_json(self) -> dict[str, Any]:
        """The report as an object of JSON's types."""
        refusals = [refused._asdict() for refused in self.refusals]
        more = {"images_per_identity": round(self.average, 3), "complete": self.complete}
        return {"command": "pull", **asdict(self), "refusals": refusals, **more}


def render_pull(report: PullReport) -> str:
    """The report as text, for people."""
    title = "PULL COMPLETE" if report.complete else "PULL INCOMPLETE"
    drawn = f", a sample of {report.all_identities:,}" if report.sample is not None else ""
    rate = f", {report.pulled / report.seconds:,.0f} images a second" if report.pulled and report.seconds else ""
    lines = [
        _RULE,
        title,
        _RULE,
        f"Identities: {report.identities:,}{drawn}",
        f"Images: {report.images:,} ({human_bytes(report.bytes)})",
        f"Images per identity: {report.average:,.1f} on average, {report.smallest:,} to {report.largest:,}",
        "",
        f"From:          {report.url}",
        f"Into:          {report.directory}",
        f"Pulled:        {report.pulled:,} ({human_bytes(report.bytes_pulled)})",
        f"Already there: {report.already_present:,}",
        f"Failed:        {report.failed:,}",
        f"Took:          {human_time(report.seconds)}{rate}",
        f"Ignored:       {sum(report.ignored.values()):,} objects that are no images in a folder",
    ]
    lines += [f"  {count:,} {reason}" for reason, count in report.ignored.items()]
    return "\n".join(lines + _trouble(report) + _others(report))


def pulled_so_far(report: PullReport) -> str:
    """How far a run came that was stopped before its end, in a line, and why some images failed."""
    if not report.wanted:
        return "Nothing was pulled yet: the prefix and the directory were still being listed"
    there = f"{report.images:,} of {counted(report.wanted, 'image')} are there"
    pulled = f"{report.pulled:,} pulled ({human_bytes(report.bytes_pulled)})"
    line = f"{there}: {pulled}, {report.already_present:,} already there; {report.failed:,} failed"
    return "\n".join([line, *first_failures(report.failures, report.failed, report.stopped)])


def _trouble(report: PullReport) -> list[str]:
    lines = []
    if report.refused:
        lines.append(f"Refused:       {report.refused:,} whose names must not become files here")
        lines += _some((f"{printable(key)}: {reason}" for key, reason in report.refusals), report.refused)
    if report.failed:
        lines.append("Failures:")
        lines += _some((f"{printable(each.key)}: {each.reason}" for each in report.failures), report.failed)
        lines.append("What was pulled stays: run the same command again to try the rest.")
    return lines


def _others(report: PullReport) -> list[str]:
    lines = []
    if report.extra:
        lines.append(f"Extra:         {counted(report.extra, 'file')} not at the prefix; left alone")
        lines += _some((printable(path) for path in report.extra_examples), report.extra)
    if report.classes > report.identities:
        lines += [
            f"Warning:       ImageFolder will number {report.classes:,} folders of {report.directory},",
            f"               {report.classes - report.identities:,} more than were asked for",
        ]
    kept = [name for name in report.recordio if name not in report.recordio_removed]
    if kept:
        lines += [
            f"Warning:       {', '.join(kept)} in the directory: a trainer that finds RecordIO",
            "               files reads them instead of the folders",
        ]
    return lines


def _some(examples: Iterable[str], count: int) -> list[str]:
    lines = [f"  {example}" for example, _ in zip(examples, range(_SHOWN), strict=False)]
    return lines if count <= _SHOWN else [*lines, f"  … and {count - _SHOWN:,} more"]
