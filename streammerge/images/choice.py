"""Chooses the images of a page: identities from every bar of the histogram, and pairs of equal names or contents.

Strategy: identities and pairs are sampled by digests, a bounded number for each bar and each kind of pair. So memory is
bounded, and the same data gives the same pictures in whatever order it is listed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple, Self

from streammerge.dataset.histogram import CAP, bars, edge_below, quartiles
from streammerge.dataset.objects import Identity, Image, Location, S3Object
from streammerge.dataset.sample import Sample
from streammerge.dataset.source import Source
from streammerge.planning.collisions import Named
from streammerge.planning.pairs import Pair, pairs_of
from streammerge.planning.plan import KEPT, Decision

MOST = 200  # identities
_PER_IDENTITY = 4  # images
_TITLES = {
    "renamed": "Renamed: another image has the name",
    "dropped": "Dropped: another image has the name",
    "duplicate": "Duplicates: counted once",
}
_PAIRS = 12  # of each kind


class Shown(NamedTuple):
    """An image to show: where it is, and what its source is called."""

    source: str
    location: Location
    object: S3Object


class Row(NamedTuple):
    """Images to show side by side. images: how many the identity has, 0 of a pair."""

    identity: str
    images: int
    shown: tuple[Shown, ...]


class Choice:
    """Chooses while identities come. size: how many identities to show; 0 for no pictures at all."""

    def __init__(self, sources: Sequence[Source], size: int) -> None:
        self.size = size
        self._sources = [*sources]
        self._histogram = Counter[int]()
        self._bars = defaultdict[int, Sample[Row]](partial(Sample, size))
        self._largest: Row | None = None
        self._pairs = defaultdict[str, Sample[Row]](partial(Sample, _PAIRS))

    def decided(self, decision: Decision, destination: Location) -> None:
        """Consider an identity that a merge keeps, and what is in the way at the destination."""
        if not self.size or decision.verdict != KEPT:
            return
        self.note(decision.identity, decision.named)
        for task, found, _ in decision.conflicts:
            pair = [self.shown(task.source, task.object), Shown("destination", destination, found)]
            self.pair("In the way at the destination", decision.identity.name, pair)

    def note(self, identity: Identity, named: Named) -> None:
        """Consider an identity, and the images in it that names or contents connect."""
        if not self.size or not named.images:
            return
        self._histogram[min(named.images, CAP)] += 1

        def row() -> Row:
            return Row(identity.name, named.images, tuple(self._some(named.kept)))

        self._bars[edge_below(named.images)].offer(identity.name, row)
        best = self._largest
        if best is None or (named.images, best.identity) > (best.images, identity.name):
            self._largest = row()
        for pair in pairs_of(identity, named):
            self._note_pair(identity.name, pair)

    def _note_pair(self, identity: str, pair: Pair) -> None:
        self.pair(_TITLES[pair.kind], identity, [self.shown(*pair.one), self.shown(*pair.other)])

    def pair(self, kind: str, identity: str, shown: Sequence[Shown]) -> None:
        """Consider images to show side by side; identity: what they have in common, as a heading."""
        if not self.size:
            return
        key = "\n".join(f"{each.location} {each.object.key}" for each in shown)
        self._pairs[kind].add(key, Row(identity, 0, tuple(shown)))

    def chosen(self) -> Iterator[tuple[str, list[Row]]]:
        """What to show: a heading, and the rows below it."""
        for kind, pairs in sorted(self._pairs.items()):
            yield kind, list(pairs)
        if self._largest is None:
            return
        found = bars(self._histogram)[::-1]
        rows = [[row for row in self._bars[bar.low] if row.identity != self._largest.identity] for bar in found]
        rows[0].insert(0, self._largest)
        median = edge_below(quartiles(self._histogram).median)
        shares = _shares([len(of_bar) for of_bar in rows], self.size)
        for number, (bar, of_bar, share) in enumerate(zip(found, rows, shares, strict=True)):
            what = "image" if bar.label == "1" else "images"
            notes = ["the largest"] * (not number) + ["the median"] * (bar.low == median)
            notes += ["the smallest"] * (number == len(found) - 1 > 0)
            if share:
                title = f"Identities with {bar.label} {what}" + (f": {', '.join(notes)}" if notes else "")
                yield title, sorted(of_bar[:share], key=lambda row: -row.images)

    def __iadd__(self, other: Self) -> Self:
        """Choose from what another has chosen of other identities, too."""
        self._histogram.update(other._histogram)
        for bar, rows in other._bars.items():
            self._bars[bar] += rows
        for kind, pairs in other._pairs.items():
            self._pairs[kind] += pairs
        best, largest = self._largest, other._largest
        if largest is not None and (best is None or (largest.images, best.identity) > (best.images, largest.identity)):
            self._largest = largest
        return self

    def _some(self, members: Sequence[Sequence[Image]]) -> Iterator[Shown]:
        """Some images of an identity, of each of its sources in turn."""
        deepest = max(map(len, members))
        each = ((source, images[n]) for n in range(deepest) for source, images in enumerate(members) if n < len(images))
        for (source, image), _ in zip(each, range(_PER_IDENTITY), strict=False):
            yield self.shown(source, image.object)

    def shown(self, source: int, found: S3Object) -> Shown:
        """An object of the source at a position."""
        found_in = self._sources[source]
        return Shown(found_in.name, found_in.location, found)


def _shares(available: Sequence[int], size: int) -> list[int]:
    """How many to take of each, `size` in all if there are as many, as evenly as can be; of the first one at least."""
    shares, left = [0] * len(available), size
    order = sorted(range(len(available)), key=lambda number: (size < len(available) and number > 0, available[number]))
    for done, number in enumerate(order):
        shares[number] = min(available[number], -(-left // (len(available) - done)))
        left -= shares[number]
    return shares
