"""Names at the destination: which images of an identity are kept, and under which name.

Strategy: sources are settled in the order given, each against itself and those before it only. Of one source, the
images whose name is free take it first, in byte order of key; then the others, in the same order, are either a
duplicate of an image kept under the same original name, or renamed to `stem_<source>.ext`, `stem_<source>_2.ext`, …
So the outcome depends on the objects alone, and a source added at the end renames nothing.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streammerge.core.job import Collisions, Duplicates
from streammerge.core.join import Image
from streammerge.core.keys import is_plain_md5, printable
from streammerge.errors import RunError


class Kept(NamedTuple):
    """An image that is kept: which source's (its position), and the name that it gets."""

    image: Image
    source: int
    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """What became of the images of one identity. Their sum is all images that went in."""

    kept: list[Kept]
    duplicates: int = 0
    dropped: int = 0  # lost a collision under `first`


def name_images(
    members: Sequence[Sequence[Image]],
    source_names: Sequence[str],
    *,
    duplicates: Duplicates = "name",
    collisions: Collisions = "rename",
) -> Named:
    """Settle the images of one identity; `members` has one sequence a source, in byte order of key.

    Raises RunError on a collision where collisions are an error.
    """
    occupied = [source for source, images in enumerate(members) if images]
    if duplicates != "content" and len(occupied) == 1:
        (source,) = occupied
        images = members[source]
        if len({image.name for image in images}) == len(images):  # what nearly every identity is
            return Named([Kept(image, source, image.name) for image in images])
    desk = _Desk(source_names, duplicates, collisions)
    for source in occupied:
        desk.settle(source, members[source])
    return Named(desk.kept, desk.duplicates, desk.dropped)


class _Desk:
    """The state of settling one identity."""

    def __init__(self, source_names: Sequence[str], duplicates: Duplicates, collisions: Collisions) -> None:
        self.kept: list[Kept] = []
        self.duplicates = 0
        self.dropped = 0
        self._source_names = source_names
        self._mode = duplicates
        self._collisions = collisions
        self._taken: set[str] = set()
        self._marks: set[tuple[str, int, str]] = set()  # of the images kept

    def settle(self, source: int, images: Iterable[Image]) -> None:
        colliding = []
        for image in images:
            if self._is_duplicate(image):
                self.duplicates += 1
            elif image.name in self._taken:
                colliding.append(image)
            else:
                self._keep(image, source, image.name)
        for image in colliding:
            self._settle_collision(image, source)

    def _is_duplicate(self, image: Image) -> bool:
        return self._mode != "none" and is_plain_md5(image.etag) and self._mark(image) in self._marks

    def _mark(self, image: Image) -> tuple[str, int, str]:
        """What a duplicate shares with the image that is kept."""
        return image.name if self._mode == "name" else "", image.size, image.etag

    def _settle_collision(self, image: Image, source: int) -> None:
        if self._is_duplicate(image):  # of one that was renamed since
            self.duplicates += 1
        elif self._collisions == "rename":
            self._keep(image, source, self._free_name(image.name, self._source_names[source]))
        elif self._collisions == "first":
            self.dropped += 1
        else:
            raise RunError(
                f"{printable(image.key)!r} of source {self._source_names[source]} collides with another image "
                f"named {printable(image.name)!r} of the same identity. --collisions rename keeps both, first keeps "
                "one; plan finds collisions before anything is copied"
            )

    def _keep(self, image: Image, source: int, name: str) -> None:
        self.kept.append(Kept(image, source, name))
        self._taken.add(name)
        self._marks.add(self._mark(image))

    def _free_name(self, name: str, source_name: str) -> str:
        folder, slash, last = name.rpartition("/")
        stem, dot, extension = last.rpartition(".")
        base = f"{folder}{slash}{stem if dot else last}_{source_name}"
        ending = dot + extension if dot else ""
        if base + ending not in self._taken:
            return base + ending
        return next(
            candidate for number in itertools.count(2) if (candidate := f"{base}_{number}{ending}") not in self._taken
        )
