"""The survey: what some prefixes hold, counted identity by identity as the join hands them over.

Strategy: nothing is kept of an identity but counts, so memory does not grow with the data set. What a merge would keep
is asked of `naming`, which decides it for the merge, too: an identity's images after duplicates do not depend on
--min-images, so that one count of them answers for every threshold.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from streammerge.core.histogram import CAP, quartiles
from streammerge.core.inspected import Keeps, Overlap, PrefixReport, Together
from streammerge.core.job import Source
from streammerge.core.join import EXAMPLES, Census, Identity, Image
from streammerge.core.keys import is_plain_md5
from streammerge.core.layout import RECORDIO_NAMES
from streammerge.core.naming import name_images

THRESHOLDS = (1, 2, 3, 4, 5)  # of --min-images
_UNPLACED = ("not in a folder", "no identity", "pattern mismatch")  # why an image is ignored that is one
_KINDS = 50  # of stray files, counted apart at most


@dataclass(slots=True)
class Sighted(Census):
    """A census that also notes how deep images lie that have no place, RecordIO files, and kinds of stray files."""

    prefix: str = field(kw_only=True)
    depths: Counter[int] = field(default_factory=Counter)  # images by the number of folders above them, 2 for more
    recordio: list[str] = field(default_factory=list)
    strays: Counter[str] = field(default_factory=Counter)  # objects that are no images, by extension

    def set_aside(self, reason: str, key: str) -> None:
        """Count a key that takes no part."""
        Census.set_aside(self, reason, key)
        below = key[len(self.prefix) :]
        if reason in _UNPLACED:
            self.depths[min(below.count("/"), 2)] += 1
        elif reason == "not an image":
            if below in RECORDIO_NAMES:
                self.recordio.append(key)
            name = below.rpartition("/")[2]
            stem, dot, extension = name.rpartition(".")
            kind = dot + extension.lower() if stem else dot and name  # .DS_Store has no extension; it is a name
            self.strays[kind if kind in self.strays or len(self.strays) < _KINDS else "other"] += 1


@dataclass(slots=True)
class _Holding:
    """What one prefix holds, so far."""

    bytes: int = 0
    histogram: Counter[int] = field(default_factory=Counter)
    most: int = 0
    depths: Counter[int] = field(default_factory=Counter)

    def add(self, images: Sequence[Image], prefix: str) -> None:
        self.bytes += sum(image.size for image in images)
        self.histogram[min(len(images), CAP)] += 1
        self.most = max(self.most, len(images))
        start = len(prefix)
        for image in images:
            self.depths[min(image.key.count("/", start), 2)] += 1


@dataclass(slots=True)
class Survey:
    """The counts of an inspection while it goes on."""

    sources: Sequence[Source]
    censuses: list[Sighted] = field(init=False)
    identities: int = 0
    shared: int = 0
    renamed: int = 0
    kept: Counter[int] = field(default_factory=Counter)  # identities by images that a merge would keep of them
    joint: Counter[int] = field(default_factory=Counter)  # identities that reach a threshold only by several sources
    _holdings: list[_Holding] = field(init=False)
    _overlaps: dict[tuple[int, int], Counter[str]] = field(init=False)
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.censuses = [Sighted(prefix=source.location.prefix) for source in self.sources]
        self._holdings = [_Holding() for _ in self.sources]
        self._overlaps = {pair: Counter() for pair in combinations(range(len(self.sources)), 2)}
        self._names = [source.name for source in self.sources]

    def add(self, identity: Identity) -> None:
        """Count one complete identity; its members are what each source has of it."""
        members = identity.members
        present = [position for position, images in enumerate(members) if images]
        for position in present:
            self._holdings[position].add(members[position], self.sources[position].location.prefix)
        named = name_images(members, self._names)
        self.identities += 1
        self.kept[len(named.kept)] += 1
        self.renamed += sum(kept.name is not kept.image.name for kept in named.kept)
        if len(present) > 1:
            self.shared += 1
            most = max(len(images) for images in members)
            self.joint.update(n for n in THRESHOLDS if most < n <= len(named.kept))
            for one, other in combinations(present, 2):
                self._overlaps[one, other].update(_overlap(members[one], members[other]))

    def keeps(self) -> list[Keeps]:
        """What a merge would keep at each threshold."""
        return [
            Keeps(
                n,
                sum(count for images, count in self.kept.items() if images >= n),
                sum(count * images for images, count in self.kept.items() if images >= n),
                self.joint[n],
            )
            for n in THRESHOLDS
        ]

    def prefixes(self, *, proposed: Sequence[bool]) -> list[PrefixReport]:
        """What each prefix holds; `proposed` says of each whether its layout is our own proposal."""
        return [
            _prefix_report(source, census, holding, proposed=proposal)
            for source, census, holding, proposal in zip(
                self.sources, self.censuses, self._holdings, proposed, strict=True
            )
        ]

    def together(self) -> Together:
        """What the prefixes have in common."""
        pairs = [
            Overlap(
                self._names[one],
                self._names[other],
                identities=counts["identities"],
                same_name=counts["same_name"],
                same_content=counts["same_content"],
                same_name_and_content=counts["same_name_and_content"],
            )
            for (one, other), counts in self._overlaps.items()
        ]
        return Together(self.identities, self.shared, self.renamed, pairs)


def _overlap(one: Sequence[Image], other: Sequence[Image]) -> dict[str, int]:
    return {
        "identities": 1,
        "same_name": len({image.name for image in one} & {image.name for image in other}),
        "same_content": len(_contents(one) & _contents(other)),
        "same_name_and_content": len(_named_contents(one) & _named_contents(other)),
    }


def _contents(images: Sequence[Image]) -> set[tuple[int, str]]:
    return {(image.size, image.etag) for image in images if is_plain_md5(image.etag)}


def _named_contents(images: Sequence[Image]) -> set[tuple[str, int, str]]:
    return {(image.name, image.size, image.etag) for image in images if is_plain_md5(image.etag)}


def _prefix_report(source: Source, census: Sighted, holding: _Holding, *, proposed: bool) -> PrefixReport:
    depths = holding.depths + census.depths
    identities = holding.histogram.total()
    return PrefixReport(
        name=source.name,
        url=str(source.location),
        layout=str(source.layout),
        layout_proposed=proposed,
        layout_found=_layout_found(depths),
        loose=depths[0],
        in_folders=depths[1],
        nested=depths[2],
        objects=census.objects,
        identities=identities,
        images=census.images,
        bytes=holding.bytes,
        single_image_identities=holding.histogram[1],
        images_per_identity=dict(sorted(holding.histogram.items())),
        quartiles=quartiles(holding.histogram),
        mean=round(census.images / identities, 2) if identities else 0.0,
        most=holding.most,
        ignored=dict(sorted(census.reasons.items())),
        examples=dict(sorted(census.examples.items())),
        zero_byte_images=census.reasons["empty file"],
        recordio=sorted(census.recordio),
        strays=dict(sorted(census.strays.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]),
    )


def _layout_found(depths: Counter[int]) -> str:
    if not depths.total():
        return "no images"
    if not depths[0]:
        return "nested" if depths[2] else "folder"
    return "mixed" if depths[1] or depths[2] else "flat"
