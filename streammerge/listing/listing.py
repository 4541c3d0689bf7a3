"""One prefix in the join: how its keys map to identities, and how they compare with keys of other listings.

Strategy: identities of all listings share one key space, in which a listing's position is namespace + key below its
prefix. A namespace is a constant before every identity of a source; it is no part of the keys in S3, so that a border
is translated before it is compared with them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.ignored import are_images, is_folder_marker, not_an_image
from streammerge.dataset.junk import junk, may_have_junk
from streammerge.dataset.layout import FOLDER, Layout, split_folders
from streammerge.dataset.objects import ARCHIVED, Image, S3Object


@dataclass(frozen=True, slots=True)
class Listing:
    """A source or the destination.

    ordered: the store lists in UTF-8 byte order. images_only: a source, of which only images count; at the destination
    every object does, but for folder markers. namespace: stands before every identity.
    skip_archived: images that must be restored before they can be read are ignored.
    corrupt: the ETags of images that are ignored, by key; with another ETag they are not.
    """

    prefix: str
    counters: ListingCounters
    layout: Layout = FOLDER
    ordered: bool = True
    images_only: bool = True
    namespace: str = ""
    skip_archived: bool = False
    corrupt: Mapping[str, str] = field(default_factory=dict)

    @property
    def joinable(self) -> bool:
        """Whether it can be joined while it is read: in order, and with a tail that tells when an identity is over."""
        return self.ordered and self.layout.tail is not None

    def place(self, objects: Sequence[S3Object]) -> Iterable[tuple[str, Image]]:
        """Each image with its identity, without the namespace; what is no image, or has none, is counted as ignored."""
        self.counters.objects += len(objects)
        if not objects:
            return ()
        keys, sizes, _, _, classes = zip(*objects, strict=True)
        skip = len(self.prefix)
        belows = [key[skip:] for key in keys]
        with_junk = self.images_only and not self.layout.filter.hidden and may_have_junk(keys)
        with_archived = self.images_only and not ARCHIVED.isdisjoint(classes)
        if not (with_junk or with_archived or self.corrupt or self.layout.filter) and self.layout.is_folder:
            are_right = are_images(belows, sizes) if self.images_only else all(sizes)  # what has a size is no marker
            if are_right and (folders := split_folders(belows)):  # as nearly every page is
                identities, names = folders
                return zip(identities, map(Image, objects, names), strict=True)
        return self._place_each(objects, belows, with_junk=with_junk, with_archived=with_archived)

    def _place_each(
        self, objects: Sequence[S3Object], belows: Sequence[str], *, with_junk: bool, with_archived: bool
    ) -> Iterator[tuple[str, Image]]:
        place, counters, images_only, corrupt = self.layout.place, self.counters, self.images_only, self.corrupt
        for item, below in zip(objects, belows, strict=True):
            if images_only:
                placed = not_an_image(below, item[1]) or (with_junk and junk(below)) or place(below)
            else:
                placed = "folder marker" if is_folder_marker(below, item[1]) else place(below)
            if isinstance(placed, str):
                counters.ignore(placed, item[0])
                continue
            if corrupt and item[2] == corrupt.get(item[0]):
                counters.ignore("corrupt", item[0])
                continue
            if with_archived and item[4] in ARCHIVED:
                counters.archived[item[4]] += 1
                if self.skip_archived:
                    counters.ignore("archived", item[0])
                    continue
            yield placed[0], Image(item, placed[1])

    def position(self, key: str) -> str:
        """Where a key lies in the key space of all listings."""
        return self.namespace + key[len(self.prefix) :]

    def key_at(self, position: str) -> str | None:
        """The key that lies at a position: those after it lie beyond. "" where all do, None where none does."""
        if position.startswith(self.namespace):
            return self.prefix + position[len(self.namespace) :] if position else ""
        return "" if position < self.namespace else None

    def name(self, position: str) -> str:
        """What seems to be the identity at a position of this listing: all up to the first tail."""
        end = self._tail_in(position)
        return position if end < 0 else position[:end]

    def straddles(self, border: str) -> bool:
        """Whether keys of one identity may lie on both sides of a border: those that begin with it and the tail."""
        return border.startswith(self.namespace) and self._tail_in(border) >= 0

    def _tail_in(self, position: str) -> int:
        tail, first = self.layout.tail, len(self.namespace) + 1  # an identity has a character at least
        return -1 if tail is None else position.find(tail, first)
