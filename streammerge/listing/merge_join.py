"""The merge join: several listings of one key range in, complete identities out.

Strategy: every key of identity X begins with X + the tail of its listing's layout (`/` for folders), so a listing in
UTF-8 byte order has passed X once it has reached X + succ(tail), which is the tail with its last character raised by
one. X is complete once the listing that lags furthest behind has passed it by the greatest succ of all listings: that
is one comparison, and identities come in byte order of X + this succ, wherever pages end. What is pending beyond the
open pages are names that the cursor begins with, at most as many as a key is long.

A border must contain no listing's tail after the first character of an identity, so that no identity of one listing
lies on both of its sides. With different tails, one that is a proper prefix of the border may still have keys of one
listing before it and of another behind it (`ab/` < `ab1` < `ab_face.png`). Such identities are not complete when their
range is: they are united with what other ranges have of them.

A range can be cut anywhere beyond the listing that lags furthest behind. What the others have read beyond the border
already moves to the far half with them. The state of a join is a value (`Reached`), from which another join continues,
in another process if need be: listings continue behind the last key that was read, so nothing is listed twice.

A listing that cannot be joined while it is read is read to its end first, into an `Index`, and the join takes from it
what lies before the others' cursors. Once there are no others, it takes a block at a time, or small slices from all
over the index in turn: then what comes early is evidence of all, however long a block of objects fails.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain, islice
from operator import lt
from typing import NamedTuple, Self

from streammerge.dataset.objects import Identity, Image, S3Object, printable
from streammerge.errors import RunError
from streammerge.listing.index import Index
from streammerge.listing.listing import Listing

_BLOCK = 1000  # images taken from indexes at a time,
_SLICE = 16  # and so many of each index where they are scattered
_GOLDEN = (5**0.5 - 1) / 2  # strides of the golden section spread evenly over any number of slices


class Reached(NamedTuple):
    """The progress of a join over a key range.

    cursors: for each listing that has not ended, the position of its last key that was read. members: by name, what
    the listings have of the identities that are not complete.
    """

    low: str
    high: str | None
    cursors: dict[int, str]
    members: dict[str, list[list[Image]]]


class Join:
    """The join over one key range, the positions behind `low` up to `high`: feed it pages, take complete identities.

    indexes: by number of the listing, those that were read whole; they are not fed.
    closed: listings known to have nothing in the range. scattered: take what only indexes have from all over them.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        indexes: Mapping[int, Index],
        *,
        low: str = "",
        high: str | None = None,
        closed: Iterable[int] = (),
        scattered: bool = False,
    ) -> None:
        self.low = low
        self.high = high
        self._listings = listings
        self._indexes = indexes
        self._scattered = scattered
        elsewhere = {*indexes, *closed}
        self._cursors = {
            n: low for n, listing in enumerate(listings) if n not in elsewhere and listing.key_at(low) is not None
        }
        self._indexed = merge(*(_numbered(n, index, low) for n, index in indexes.items()), key=lambda item: item[0])
        self._next_indexed = next(self._indexed, None)
        self._members: dict[str, list[list[Image]]] = {}
        tails = {listing.layout.tail for listing in listings} - {None}
        self._beyond = max((_succ(tail) for tail in tails if tail), default="\0")
        self._may_be_shared = len(tails) > 1 or bool(indexes)
        self._shared = self._prefixes_of_borders()

    @classmethod
    def resumed(cls, listings: Sequence[Listing], reached: Reached) -> Self:
        """A join that continues where another one was; all listings are read in order."""
        low, high, cursors, members = reached
        join = cls(listings, {}, low=low, high=high)
        join._cursors, join._members = dict(cursors), members
        return join

    @property
    def reached(self) -> Reached:
        """Its progress; do not use the join after this."""
        return Reached(self.low, self.high, self._cursors, self._members)

    def behind(self) -> list[int]:
        """The listings that must be read on, since all others are ahead of them: none once all have ended."""
        cursor = min(self._cursors.values(), default=None)
        return [n for n, reached in self._cursors.items() if reached == cursor]

    @property
    def open(self) -> int:
        """How many listings have not ended."""
        return len(self._cursors)

    @property
    def holds_images(self) -> bool:
        """Whether there are images that were not taken yet."""
        return bool(self._members)

    def start_of(self, number: int) -> str:
        """The key after which a listing continues in this range; "" for its first key."""
        return self._listings[number].key_at(self._cursors[number]) or ""

    def feed(self, number: int, objects: Sequence[S3Object], *, last: bool) -> None:
        """Take in the next page of a listing, as far as it lies in the range; `last` if no other page follows.

        Raises RunError on a key that is out of order.
        """
        listing = self._listings[number]
        keys = [item[0] for item in objects]
        _check_order(listing.key_at(self._cursors[number]) or "", keys)
        end = None if self.high is None else listing.key_at(self.high)
        inside = len(keys) if end is None else bisect_right(keys, end)
        if inside:
            self._cursors[number] = listing.position(keys[inside - 1])
        if last or inside < len(keys):
            del self._cursors[number]
        open_identity, images = None, list[Image]()
        for identity, image in listing.place(objects[:inside] if inside < len(keys) else objects):
            if identity != open_identity:
                open_identity, images = identity, self._of(listing.namespace + identity)[number]
            images.append(image)

    def _of(self, identity: str) -> list[list[Image]]:
        members = self._members.get(identity)
        if members is None:
            members = self._members[identity] = [[] for _ in self._listings]
        return members

    def complete(self) -> Iterator[Identity]:
        """Take what is complete; unless scattered, in byte order of name + the greatest succ of a tail."""
        return chain.from_iterable(self._complete())

    def _complete(self) -> Iterator[list[Identity]]:
        cursor = min(self._cursors.values(), default=None)
        if cursor is None and self._scattered:
            yield from self._slices()
        limit = self.high if cursor is None else cursor
        while (paused := self._take_indexed(limit)) is not None:
            yield self._passed(paused)
        yield self._passed(cursor)

    def _take_indexed(self, limit: str | None) -> str | None:
        """Take what lies before a limit from the indexes, a block at most: the name that comes next, None if none does.

        An identity that is a prefix of a border belongs to the range in which its bare name lies.
        """
        taken = 0
        while (ahead := self._next_indexed) is not None and (limit is None or ahead[0] < limit):
            if taken >= _BLOCK:
                return ahead[0]
            name, number, images = ahead
            self._of(name)[number] = images
            taken += len(images)
            self._next_indexed = next(self._indexed, None)
        return None

    def _slices(self) -> Iterator[list[Identity]]:
        """Take what only the indexes have left, but for identities that may lie on both sides of a border."""
        if self._next_indexed is None:
            return
        reached, self._next_indexed = self._next_indexed[0], None
        inner = {name for index in self._indexes.values() for name in index.borders(reached, self.high, every=_SLICE)}
        borders = sorted({reached, *inner})
        slices = enumerate(zip(borders, [*borders[1:], self.high], strict=True))
        for _, (low, high) in sorted(slices, key=lambda each: each[0] * _GOLDEN % 1):
            found = set[str]()
            for number, index in self._indexes.items():
                for name, images in index.identities(low, high):
                    self._of(name)[number] = images
                    found.add(name)
            yield [Identity(name, self._members.pop(name)) for name in sorted(found - self._shared)]

    def _passed(self, cursor: str | None) -> list[Identity]:
        beyond, members = self._beyond, self._members
        ends = [name + beyond for name in members]
        if cursor is not None:
            ends = [end for end in ends if end <= cursor]
        ends.sort()
        names = [end[: -len(beyond)] for end in ends]
        if self._shared:
            names = [name for name in names if name not in self._shared]
        return [Identity(name, members.pop(name)) for name in names]

    def shared(self) -> list[Identity]:
        """What remains once all listings have ended: identities that other ranges may have more of."""
        return [Identity(name, members) for name, members in self._members.items()]

    def may_be_cut_at(self, border: str) -> bool:
        """Whether a border lies in what is still to be read, and no listing has an identity on both of its sides."""
        return (
            min(self._cursors.values(), default=border) < border
            and (self.high is None or border < self.high)
            and not any(listing.straddles(border) for listing in self._listings)
        )

    def cut(self, border: str) -> "Join":
        """End at a border, where this range may be cut, and leave what lies beyond to the join that is returned."""
        closed = {n for n in range(len(self._listings)) if n not in self._cursors}
        far = Join(self._listings, self._indexes, low=border, high=self.high, closed=closed, scattered=self._scattered)
        for n, reached in list(self._cursors.items()):
            if reached >= border:
                far._cursors[n] = reached
                del self._cursors[n]
        self.high = border
        self._shared = self._prefixes_of_borders()
        far._members = self._read_beyond(border)
        return far

    def _read_beyond(self, border: str) -> dict[str, list[list[Image]]]:
        """Take what the listings have read beyond a border already."""
        tails = [(n, listing.layout.tail) for n, listing in enumerate(self._listings) if n not in self._indexes]
        found: dict[str, list[list[Image]]] = {}
        for name in [name for name in self._members if name + self._beyond > border]:
            members = self._members[name]
            for n, tail in tails:
                if tail and members[n] and name + tail > border:
                    found.setdefault(name, [[] for _ in members])[n] = members[n]
                    members[n] = []
            if not any(members):
                del self._members[name]
        return found

    def name_of_least(self) -> str:
        """What seems to be the identity at the last key of the listing that lags furthest behind."""
        least = min(self._cursors.values())
        return min((listing.name(least) for listing in self._listings), key=len)

    def _prefixes_of_borders(self) -> set[str]:
        borders = [self.low, self.high or ""] if self._may_be_shared else []
        return {border[:length] for border in borders for length in range(1, len(border))}


def unite(shared: Iterable[Identity]) -> list[Identity]:
    """Make one of each identity of which several ranges have a part, images in byte order of key."""
    united: dict[str, list[list[Image]]] = {}
    for name, members in shared:
        known = united.setdefault(name, [[] for _ in members])
        for images, more in zip(known, members, strict=True):
            images.extend(more)
    return [Identity(name, [sorted(images) for images in united[name]]) for name in sorted(united)]


def _numbered(number: int, index: Index, low: str) -> Iterator[tuple[str, int, list[Image]]]:
    return ((name, number, images) for name, images in index.identities(low))


def _succ(tail: str) -> str:
    """The least string after all that begin with a tail."""
    return tail[:-1] + chr(ord(tail[-1]) + 1)


def _check_order(before: str, keys: Sequence[str]) -> None:
    if all(map(lt, keys, islice(keys, 1, None))) and (not keys or keys[0] > before):
        return
    earlier, later = next((a, b) for a, b in zip([before, *keys], keys, strict=False) if b <= a)
    raise RunError(
        f"the store lists {printable(later)!r} after {printable(earlier)!r}: this is not UTF-8 byte order, so "
        "identities cannot be joined during listing. Run again with --listing-order any, which reads every listing to "
        "its end first"
    )
