"""Counts what prefixes hold, identity by identity, as the merge join completes them.

Strategy: only counts are kept of an identity, and 8 bytes that identify its twins, so memory hardly grows with the data
set. `name_images` decides what is kept, as it does for a merge. How many images an identity has after duplicates are
resolved does not depend on --min-images, so one count serves every threshold.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Self

from streammerge.dataset.counters import EXAMPLES, ListingCounters
from streammerge.dataset.histogram import CAP, quartiles
from streammerge.dataset.objects import Identity, Image, S3Object, is_plain_md5
from streammerge.dataset.recordio import RECORDIO_NAMES
from streammerge.dataset.source import Source
from streammerge.images.choice import Choice
from streammerge.inspection.report import Keeps, Overlap, PrefixReport, Together
from streammerge.listing.depth import Depth, in_one_line, looks_shallow
from streammerge.planning.collisions import name_images
from streammerge.planning.labels import SharedLabels
from streammerge.planning.twins import Twins

THRESHOLDS = (1, 2, 3, 4, 5)  # of --min-images
_UNPLACED = ("not in a folder", "no identity", "pattern mismatch")  # why an image is ignored that is one
_SIDE_BY_SIDE = 4  # images shown of one content, or name
_KINDS = 50  # of other files, counted apart at most


@dataclass(slots=True)
class DetailedCounters(ListingCounters):
    """Counters that also note how deep images lie that have no place, RecordIO files, and kinds of other files."""

    prefix: str = field(kw_only=True)
    depths: Counter[int] = field(default_factory=Counter)  # images by the number of folders above them, 2 for more
    recordio: list[str] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)  # objects that are no images, by extension

    def ignore(self, reason: str, key: str) -> None:
        """Count a key that takes no part."""
        ListingCounters.ignore(self, reason, key)
        below = key[len(self.prefix) :]
        if reason in _UNPLACED:
            self.depths[min(below.count("/"), 2)] += 1
        elif reason == "not an image":
            if below in RECORDIO_NAMES:
                self.recordio.append(key)
            name = below.rpartition("/")[2]
            stem, dot, extension = name.rpartition(".")
            kind = dot + extension.lower() if stem else dot and name  # .DS_Store has no extension; it is a name
            self._other_file(kind, 1)

    def _other_file(self, kind: str, count: int) -> None:
        self.other_files[kind if kind in self.other_files or len(self.other_files) < _KINDS else "other"] += count

    def __iadd__(self, other: Self) -> Self:
        ListingCounters.__iadd__(self, other)
        self.depths.update(other.depths)
        self.recordio += other.recordio
        for kind, count in other.other_files.items():
            self._other_file(kind, count)
        return self


@dataclass(slots=True)
class _Holding:
    """What one prefix holds, so far."""

    bytes: int = 0
    histogram: Counter[int] = field(default_factory=Counter)
    most: int = 0
    depths: Counter[int] = field(default_factory=Counter)

    def add(self, images: Sequence[Image], prefix: str) -> None:
        self.bytes += sum(image.object.size for image in images)
        self.histogram[min(len(images), CAP)] += 1
        self.most = max(self.most, len(images))
        start = len(prefix)
        for image in images:
            self.depths[min(image.object.key.count("/", start), 2)] += 1

    def __iadd__(self, other: Self) -> Self:
        self.bytes += other.bytes
        self.histogram.update(other.histogram)
        self.most = max(self.most, other.most)
        self.depths.update(other.depths)
        return self


@dataclass(slots=True)
class Survey:
    """The counts of an inspection while it goes on."""

    sources: Sequence[Source]
    thumbnails: int = 0  # identities to choose for pictures
    choice: Choice = field(init=False)
    listing_counters: list[DetailedCounters] = field(init=False)
    identities: int = 0
    shared: int = 0
    renamed: int = 0
    kept: Counter[int] = field(default_factory=Counter)  # identities by images that a merge would keep of them
    joint: Counter[int] = field(default_factory=Counter)  # identities that reach a threshold only by several sources
    labels: SharedLabels = field(init=False)
    twins: Twins = field(default_factory=Twins)
    _depths: list[Depth] = field(init=False)
    _holdings: list[_Holding] = field(init=False)
    _overlaps: dict[tuple[int, int], Counter[str]] = field(init=False)
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.listing_counters = [DetailedCounters(prefix=source.location.prefix) for source in self.sources]
        self.choice = Choice(self.sources, self.thumbnails)
        self.labels = SharedLabels(self.sources)
        self._depths = [Depth() for _ in self.sources]
        self._holdings = [_Holding() for _ in self.sources]
        self._overlaps = {pair: Counter() for pair in combinations(range(len(self.sources)), 2)}
        self._names = [source.name for source in self.sources]

    def add(self, identity: Identity) -> None:
        """Count one complete identity; its members are what each source has of it."""
        members = identity.members
        present = [position for position, images in enumerate(members) if images]
        for position in present:
            self._holdings[position].add(members[position], self.sources[position].location.prefix)
            self._depths[position].note(members[position], len(self.sources[position].location.prefix))
        named = name_images(members, self._names)
        self.identities += 1
        self.twins.add(identity.name)
        self.kept[named.images] += 1
        self.renamed += named.renamed
        if len(present) > 1:
            self.shared += 1
            self.labels.add(identity)
            most = max(len(images) for images in members)
            self.joint.update(n for n in THRESHOLDS if most < n <= named.images)
            for one, other in combinations(present, 2):
                self._overlaps[one, other].update(_overlap(members[one], members[other]))
        self.choice.note(identity, named)

    def __iadd__(self, other: Self) -> Self:
        """Count what was counted of another part of the same prefixes."""
        self.identities += other.identities
        self.shared += other.shared
        self.renamed += other.renamed
        self.kept.update(other.kept)
        self.joint.update(other.joint)
        self.labels += other.labels
        self.twins += other.twins
        self.choice += other.choice
        of_sources: list[tuple[list[Any], list[Any]]] = [
            (self.listing_counters, other.listing_counters),
            (self._depths, other._depths),
            (self._holdings, other._holdings),
        ]
        for mine, theirs in of_sources:
            for position, more in enumerate(theirs):
                mine[position] += more
        for pair, counts in other._overlaps.items():
            self._overlaps[pair].update(counts)
        return self

    def picture(self, kind: str, places: Sequence[tuple[str, int, S3Object]]) -> None:
        """Show images of several identities side by side, each with the position of its source."""
        self.choice.pair(
            kind,
            ", ".join(identity for identity, _, _ in places[:_SIDE_BY_SIDE]),
            [self.choice.shown(position, found) for _, position, found in places[:_SIDE_BY_SIDE]],
        )

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
            _prefix_report(source, counters, holding, proposed=proposal)
            for source, counters, holding, proposal in zip(
                self.sources, self.listing_counters, self._holdings, proposed, strict=True
            )
        ]

    def shallow(self) -> list[str | None]:
        """Of each prefix that is one folder too shallow, why a merge will refuse it."""
        problems = map(looks_shallow, self.sources, self._depths)
        return [problem and f"merge will stop: {in_one_line(problem)}" for problem in problems]

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
    return {(image.object.size, image.object.etag) for image in images if is_plain_md5(image.object.etag)}


def _named_contents(images: Sequence[Image]) -> set[tuple[str, int, str]]:
    return {(name, found.size, found.etag) for found, name in images if is_plain_md5(found.etag)}


def _prefix_report(source: Source, counters: DetailedCounters, holding: _Holding, *, proposed: bool) -> PrefixReport:
    depths = holding.depths + counters.depths
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
        objects=counters.objects,
        identities=identities,
        images=counters.images,
        bytes=holding.bytes,
        single_image_identities=holding.histogram[1],
        images_per_identity=dict(sorted(holding.histogram.items())),
        quartiles=quartiles(holding.histogram),
        mean=round(counters.images / identities, 2) if identities else 0.0,
        most=holding.most,
        ignored=dict(sorted(counters.reasons.items())),
        examples=dict(sorted(counters.examples.items())),
        zero_byte_images=counters.reasons["empty file"],
        recordio=sorted(counters.recordio),
        archived=dict(sorted(counters.archived.items())),
        other_files=dict(sorted(counters.other_files.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]),
    )


def _layout_found(depths: Counter[int]) -> str:
    if not depths.total():
        return "no images"
    if not depths[0]:
        return "nested" if depths[2] else "folder"
    return "mixed" if depths[1] or depths[2] else "flat"
