"""The report of an inspection: its fields, whose names are stable."""

from dataclasses import asdict, dataclass, field
from typing import Any

from streammerge.dataset.histogram import Quartiles
from streammerge.planning.twins import Spelling
from streammerge.report.described import Described
from streammerge.report.description import Description
from streammerge.report.gallery import Gallery


@dataclass(frozen=True, slots=True)
class PrefixReport:
    """What one prefix holds. objects = images + ignored.

    layout: the layout used to count identities; layout_proposed: it was inferred, because the prefix is flat.
    layout_found: `folder`, `nested` (some images are deeper than one folder), `flat` (none is in a folder), `mixed`
    (some are, some are not), or `no images`; loose, in_folders and nested count the images of each kind, including
    those that do not fit the layout.
    images_per_identity: identities by their number of images; 1000 stands for 1000 or more; most: of the largest.
    ignored: objects by the reason why they do not count, zero_byte_images among them.
    recordio: keys of RecordIO files at the root; other_files: objects that are not images, by extension.
    archived: images that must be restored before they can be read, by storage class.
    """

    name: str
    url: str
    layout: str
    layout_proposed: bool
    layout_found: str
    loose: int
    in_folders: int
    nested: int
    objects: int
    identities: int
    images: int
    bytes: int
    single_image_identities: int
    images_per_identity: dict[int, int]
    quartiles: Quartiles
    mean: float
    most: int
    ignored: dict[str, int]
    examples: dict[str, list[str]]  # some ignored keys of each reason
    zero_byte_images: int
    recordio: list[str]
    other_files: dict[str, int]
    archived: dict[str, int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two prefixes have in common. Images are compared within an identity.

    same_name: file names that both have; same_content: contents that both have (size and MD5), under whatever name;
    same_name_and_content: both at once, which a merge counts as one image.
    """

    one: str
    other: str
    identities: int
    same_name: int
    same_content: int
    same_name_and_content: int


@dataclass(frozen=True, slots=True)
class Together:
    """All prefixes as one: distinct identities, those in multiple prefixes, images that a merge would rename."""

    identities: int
    shared_identities: int
    renamed: int
    overlaps: list[Overlap]


@dataclass(frozen=True, slots=True)
class Keeps:
    """What a merge at --min-images would keep; only_together: identities that no prefix alone has enough images of."""

    min_images: int
    identities: int
    images: int
    only_together: int


@dataclass(frozen=True, slots=True)
class Placement:
    """One place of a content that is in several."""

    identity: str
    source: str
    key: str


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """Contents (size and MD5) found under several identities.

    contents: how many there are; placements: the identities that each is found under, summed up;
    incomparable: images whose ETag is not an MD5, about which nothing is known.
    """

    contents: int
    placements: int
    incomparable: int
    examples: list[list[Placement]]


@dataclass(frozen=True, slots=True)
class TwinsReport:
    """Identities whose names differ in spelling alone: so many that have so many names between them."""

    identities: int
    names: int
    examples: list[list[Spelling]]


@dataclass(frozen=True, slots=True)
class CorruptImage:
    """An image that loaders stumble on: the kind of its problem, and what more can be said of it."""

    source: str
    key: str
    problem: str
    detail: str


@dataclass(frozen=True, slots=True)
class DecodingReport:
    """What decoding found. images = those that were decoded, bytes of them; corrupt: how many of them have a problem.

    problems: these by kind; examples: up to 20 of each kind. unread: images that could not be read, of which nothing is
    known; unread_examples: why, by key.
    """

    images: int
    bytes: int
    corrupt: int
    problems: dict[str, int]
    examples: list[CorruptImage]
    unread: int
    unread_examples: dict[str, str]
    images_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class InspectionReport(Described):
    """The outcome of an inspection. decoding, noise and thumbnails are None unless they were asked for."""

    prefixes: list[PrefixReport]
    together: Together
    keeps: list[Keeps]
    noise: NoiseReport | None
    warnings: list[str]
    requests: dict[str, int]
    seconds: float
    command: str = "inspect"
    decoding: DecodingReport | None = None
    thumbnails: Gallery | None = None
    twins: TwinsReport = field(default_factory=lambda: TwinsReport(0, 0, []))

    def describe(self) -> Description:
        """All that the report says."""
        from streammerge.inspection.report_lines import describe  # noqa: PLC0415 - it needs this module

        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The report as an object of JSON's types."""
        found = asdict(self)
        for prefix in found["prefixes"]:
            prefix["quartiles"] = list(prefix["quartiles"])
        found["thumbnails"] = self.thumbnails.to_json() if self.thumbnails else None
        return found
