"""The join: several listings of one key range in, complete identities out.

Strategy: a listing in UTF-8 byte order has passed an identity once it has reached a key at or after `identity + "0"`,
since `0` follows `/` and all keys of the identity begin with `identity + "/"`. The frontier is the least key that
every listing has reached; what lies before it is complete and leaves the index, so that the index holds no more than
the pages that are open. `identity + "0"` sorts as `identity + "/"` does, for no identity contains `/`.

A listing that promises no order, or whose layout does not keep it, is read to its end first, into an `Index`; the
join takes from it what the frontier passes. If all are such, there is no frontier, and everything is complete at once.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import lt
from typing import NamedTuple

from streammerge.core.keys import Listed, printable
from streammerge.core.layout import FOLDER, Layout, not_an_image
from streammerge.errors import RunError

EXAMPLES = 20  # keys kept of each kind of trouble


class Image(NamedTuple):
    """A listed object and the file name that its layout gives it below its identity."""

    key: str
    size: int  # bytes
    etag: str
    modified: str
    name: str


class Identity(NamedTuple):
    """A complete identity: what each listing has of it, in byte order of key."""

    name: str
    members: list[list[Image]]  # one list a listing


@dataclass(slots=True)
class Census:
    """What a prefix was seen to hold: all objects, and by reason those that take no part in the join."""

    objects: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)  # some keys of each reason

    @property
    def images(self) -> int:
        """How many take part."""
        return self.objects - self.reasons.total()

    def set_aside(self, reason: str, key: str) -> None:
        """Count a key that takes no part."""
        self.reasons[reason] += 1
        if self.reasons[reason] <= EXAMPLES:
            self.examples.setdefault(reason, []).append(key)


@dataclass(frozen=True, slots=True)
class Listing:
    """One prefix as it takes part in the join.

    ordered: the store promises byte order. images_only: a source, of which only images count; at the destination
    every object does.
    """

    prefix: str
    census: Census
    layout: Layout = FOLDER
    ordered: bool = True
    images_only: bool = True

    @property
    def joinable(self) -> bool:
        """Whether identities come in order, so that they can be joined while the listing is read."""
        return self.ordered and self.layout.sorted

    def place(self, objects: Sequence[Listed]) -> Iterator[tuple[str, Image]]:
        """Each image with its identity; what is none, or has none, is counted and set aside."""
        skip, place, census, images_only = len(self.prefix), self.layout.place, self.census, self.images_only
        census.objects += len(objects)
        for key, size, etag, modified in objects:
            below = key[skip:]
            placed = (not_an_image(below, size) if images_only else None) or place(below)
            if isinstance(placed, str):
                census.set_aside(placed, key)
            else:
                yield placed[0], Image(key, size, etag, modified, placed[1])


class Index:
    """A whole listing, by identity, for listings that cannot be joined while they are read."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._images: dict[str, dict[str, Image]] = {}
        self.borders: list[str] = []  # identity + "0", in order, once sealed

    def add(self, objects: Sequence[Listed]) -> None:
        """Take in one page; a key that comes twice (a store without order may repeat one) counts once."""
        for identity, image in self._listing.place(objects):
            images = self._images.setdefault(identity, {})
            self._listing.census.objects -= image.key in images
            images[image.key] = image

    def seal(self) -> None:
        """Say that the listing has come to its end."""
        self.borders = sorted(identity + "0" for identity in self._images)

    def take(self, identity: str) -> list[Image]:
        """Remove an identity and return its images in byte order of key."""
        return sorted(self._images.pop(identity, {}).values())


class Join:
    """The join over one key range `(low, high]`: feed it pages, take complete identities.

    indexes: by position, the listings that were read whole; they are not fed.
    closed: positions of listings known to have nothing in the range.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        indexes: Mapping[int, Index],
        *,
        low: str = "",
        high: str | None = None,
        closed: Iterable[int] = (),
    ) -> None:
        self.high = high  # may come down while the range is read, never below what any listing has reached
        self._listings = listings
        self._indexes = indexes
        self.furthest = low  # the last key that any listing has reached
        elsewhere = {*indexes, *closed}
        self._open = {n: low for n in range(len(listings)) if n not in elsewhere}
        self._next = {n: bisect_right(index.borders, low) for n, index in indexes.items()}  # identity to take
        self._members: dict[str, list[list[Image]]] = {}

    @property
    def closed(self) -> set[int]:
        """Positions of the listings that have nothing more in the range."""
        return {n for n in range(len(self._listings)) if n not in self._indexes and n not in self._open}

    def behind(self) -> list[int]:
        """The listings that must be read on for the frontier to move: none once all are closed."""
        frontier = min(self._open.values(), default=None)
        return [n for n, reached in self._open.items() if reached == frontier]

    def feed(self, position: int, objects: Sequence[Listed], *, last: bool) -> None:
        """Index the next page of a listing, as far as it lies in the range; `last` if no other page follows.

        Raises RunError on a key that is out of order.
        """
        listing = self._listings[position]
        reached = self._open[position]
        keys = [item[0] for item in objects]
        _check_order(listing.prefix, reached, keys)
        inside = len(keys) if self.high is None else bisect_right(keys, listing.prefix + self.high)
        if inside:
            self._open[position] = keys[inside - 1][len(listing.prefix) :]
            self.furthest = max(self.furthest, self._open[position])
        if last or inside < len(keys):
            del self._open[position]
        open_identity, images = None, list[Image]()
        for identity, image in listing.place(objects[:inside] if inside < len(keys) else objects):
            if identity != open_identity:
                open_identity, images = identity, self._of(identity)[position]
            images.append(image)

    def _of(self, identity: str) -> list[list[Image]]:
        members = self._members.get(identity)
        if members is None:
            members = self._members[identity] = [[] for _ in self._listings]
        return members

    def complete(self) -> list[Identity]:
        """Take the identities that every listing has passed, in byte order of `identity + "/"`."""
        frontier = min(self._open.values(), default=self.high)
        for position, index in self._indexes.items():
            end = len(index.borders) if frontier is None else bisect_right(index.borders, frontier)
            for border in index.borders[self._next[position] : end]:
                self._of(border[:-1])[position] = index.take(border[:-1])
            self._next[position] = end
        names = [name for name in self._members if frontier is None or name + "0" <= frontier]
        names.sort(key=lambda name: name + "/")
        return [Identity(name, self._members.pop(name)) for name in names]


def _check_order(prefix: str, reached: str, keys: Sequence[str]) -> None:
    if all(map(lt, keys, islice(keys, 1, None))) and (not keys or not reached or keys[0] > prefix + reached):
        return
    pairs = zip([prefix + reached, *keys], keys, strict=False)
    before, after = next((before, after) for before, after in pairs if after <= before)
    raise RunError(
        f"the store lists {printable(after)!r} after {printable(before)!r}: that is not UTF-8 byte order, so "
        "identities cannot be settled while listing goes on. Run again with --listing-order any, which reads every "
        "listing to its end first"
    )
