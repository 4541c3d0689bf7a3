"""The join: several listings of one key range in, complete identities out.

Strategy: a listing in UTF-8 byte order has passed an identity once it has reached a key at or after `identity + "0"`,
since `0` follows `/` and all keys of the identity begin with `identity + "/"`. The frontier is the least key that
every listing has reached; what lies before it is complete and leaves the index, so that the index holds no more than
the pages that are open. A listing that promises no order, or whose layout does not keep it, holds the frontier at the
very beginning until it is closed: then everything is indexed and complete at once. One algorithm serves both.

`identity + "0"` sorts as `identity + "/"` does, for no identity contains `/`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
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

    def set_aside(self, reason: str, key: str) -> None:
        """Count a key that takes no part."""
        self.reasons[reason] += 1
        if self.reasons[reason] <= EXAMPLES:
            self.examples.setdefault(reason, []).append(key)


@dataclass(slots=True)
class Listing:
    """One prefix as it takes part in the join.

    ordered: keys come in byte order, and a key that does not is an error.
    images_only: a source, of which only images count; at the destination every object does.
    """

    prefix: str
    census: Census
    layout: Layout = FOLDER
    ordered: bool = True
    images_only: bool = True
    reached: str | None = None  # the last key below the prefix
    closed: bool = False

    @property
    def joinable(self) -> bool:
        """Whether identities come in order, so that they are complete before the listing is closed."""
        return self.ordered and self.layout.sorted


class Join:
    """Feed it pages, take complete identities."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self.listings = listings
        self._index: dict[str, list[list[Image]]] = {}

    def feed(self, position: int, page: Sequence[Listed]) -> None:
        """Index one page of a listing.

        Raises RunError on a key out of order in a listing that promised order.
        """
        listing = self.listings[position]
        skip, place, census = len(listing.prefix), listing.layout.place, listing.census
        ordered, images_only = listing.ordered, listing.images_only
        reached, open_identity, images = listing.reached, None, list[Image]()
        census.objects += len(page)
        for key, size, etag, modified in page:
            below = key[skip:]
            if ordered:
                if reached is not None and below <= reached:
                    raise _out_of_order(listing.prefix, reached, below)
                reached = below
            reason = not_an_image(below, size) if images_only else None
            placed = reason or place(below)
            if isinstance(placed, str):
                census.set_aside(placed, key)
                continue
            identity, name = placed
            if identity != open_identity:
                open_identity = identity
                images = self._members(identity)[position]
            images.append(Image(key, size, etag, modified, name))
        listing.reached = reached

    def _members(self, identity: str) -> list[list[Image]]:
        members = self._index.get(identity)
        if members is None:
            members = self._index[identity] = [[] for _ in self.listings]
        return members

    def close(self, position: int) -> None:
        """Say that a listing has come to its end."""
        self.listings[position].closed = True

    def behind(self) -> list[int]:
        """The listings that must be read next for the frontier to move: none once all are closed."""
        frontier = self._frontier()
        return [
            position
            for position, listing in enumerate(self.listings)
            if not listing.closed and (not listing.joinable or (listing.reached or "") == frontier)
        ]

    def _frontier(self) -> str | None:
        """The least key that every listing has reached; None for beyond all keys."""
        reached = (
            (listing.reached or "") if listing.joinable else "" for listing in self.listings if not listing.closed
        )
        return min(reached, default=None)

    def complete(self) -> list[Identity]:
        """Take the identities that every listing has passed, in byte order of `identity + "/"`."""
        frontier = self._frontier()
        names = [name for name in self._index if frontier is None or name + "0" <= frontier]
        names.sort(key=lambda name: name + "/")
        return [Identity(name, self._settled(self._index.pop(name))) for name in names]

    def _settled(self, members: list[list[Image]]) -> list[list[Image]]:
        for position, images in enumerate(members):
            if len(images) > 1 and not self.listings[position].joinable:
                # by key, and each key once: a store without order may repeat one across pages
                members[position] = sorted({image.key: image for image in images}.values())
        return members


def _out_of_order(prefix: str, reached: str, below: str) -> RunError:
    return RunError(
        f"the store lists {printable(prefix + below)!r} after {printable(prefix + reached)!r}: that is not UTF-8 byte "
        "order, so identities cannot be settled while listing goes on. Run again with --listing-order any, which "
        "reads every listing to its end first"
    )
