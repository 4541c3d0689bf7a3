"""What an inspection has found, as a value with stable field names that text, JSON and page are read from."""

from dataclasses import asdict, dataclass
from typing import Any

from streammerge.core.histogram import Quartiles


@dataclass(frozen=True, slots=True)
class PrefixReport:
    """What one prefix holds. objects = images + ignored.

    layout: what identities were counted by; layout_proposed: it is a proposal, made because the prefix is flat.
    layout_found: `folder`, `nested` (some images lie deeper than one folder), `flat` (none lies in a folder), `mixed`
    (some do, some do not), or `no images`; loose, in_folders and nested count the images of each kind, those included
    that have no place in the layout.
    images_per_identity: identities by their number of images, 1000 standing for that and more; most: the largest.
    ignored: objects by the reason why they do not count; zero_byte_images are among them.
    recordio: keys of RecordIO files at the root; strays: objects that are no images, by extension.
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
    strays: dict[str, int]


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
    """All prefixes as one: distinct identities, those in several prefixes, images a merge would have to rename."""

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
    """One place of a content that lies in several."""

    identity: str
    source: str
    key: str


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """Contents (size and MD5) that lie under several identities.

    contents: how many there are; placements: under how many identities they lie, summed up;
    incomparable: images whose ETag is no MD5, of which nothing is known.
    """

    contents: int
    placements: int
    incomparable: int
    examples: list[list[Placement]]


@dataclass(frozen=True, slots=True)
class InspectionReport:
    """The outcome of an inspection. noise is None unless it was asked for."""

    prefixes: list[PrefixReport]
    together: Together
    keeps: list[Keeps]
    noise: NoiseReport | None
    warnings: list[str]
    requests: dict[str, int]
    seconds: float
    command: str = "inspect"

    def to_json(self) -> dict[str, Any]:
        """The report as an object of JSON's types."""
        found = asdict(self)
        for prefix in found["prefixes"]:
            prefix["quartiles"] = list(prefix["quartiles"])
        return found
