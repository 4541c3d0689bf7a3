"""Collisions: which images of an identity are kept, and under which names.

Strategy: sources are settled in the order given, each against itself and those before it only. Of one source, the
images whose name is free take it first, in byte order of key; then the others, in the same order, are renamed to
`stem_<source>.ext`, `stem_<source>_2.ext`, … An image is a duplicate if an equal one is kept that had the same name, or
that was given it: so a merged set that is merged with its own sources again adds nothing. The outcome depends on the
objects alone, and a source added at the end renames nothing.

What is at the destination can count as the first source. It keeps its names, and an image that is there under the name
that it has, or gets, is that one: so to append a source twice adds nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from streammerge.dataset.ignored import not_an_image
from streammerge.dataset.job import Collisions, Duplicates
from streammerge.dataset.objects import Image, S3Object, is_plain_md5, printable
from streammerge.errors import RunError

IsThere = Callable[[int, Image, str, S3Object], bool]  # whether a source's image, so named, is what the destination has


def _never(*_: object) -> bool:
    return False


class Named(NamedTuple):
    """What became of the images of one identity: images, duplicates, dropped and capped are all that went in."""

    kept: Sequence[Sequence[Image]]  # one sequence a source, each image under the name that it gets; last, `existing`
    images: int  # how many are kept
    renamed: int = 0  # of these
    duplicates: int = 0
    dropped: int = 0  # lost a collision under `first`
    capped: int = 0  # omitted, since the identity has enough


def name_images(
    members: Sequence[Sequence[Image]],
    source_names: Sequence[str],
    *,
    duplicates: Duplicates = "name",
    collisions: Collisions = "rename",
    existing: Sequence[Image] = (),
    is_there: IsThere = _never,
) -> Named:
    """Settle the images of one identity; `members` has one sequence a source, in byte order of key.

    existing: what is at the destination, if it counts as the first source; is_there: tells which of it a source's
    images are. Raises RunError on a collision where collisions are an error.
    """
    named = None if existing else as_named(members, duplicates)
    if named is not None:
        return named
    desk = _Desk(source_names, duplicates, collisions, existing, is_there)
    kept = [desk.settle(source, images) for source, images in enumerate(members)]
    if existing:
        kept.append(desk.of_no_source())
    return Named(kept, sum(map(len, kept)), desk.renamed, desk.duplicates, desk.dropped)


def as_named(members: Sequence[Sequence[Image]], duplicates: Duplicates) -> Named | None:
    """What becomes of images none of which shares its name with another; None if names alone do not tell."""
    names = [image[1] for images in members for image in images]
    all_differ = len(set(names)) == len(names)
    return Named(members, len(names)) if all_differ and duplicates != "content" else None


class _Desk:
    """The state of settling one identity."""

    def __init__(
        self,
        source_names: Sequence[str],
        duplicates: Duplicates,
        collisions: Collisions,
        existing: Sequence[Image] = (),
        is_there: IsThere = _never,
    ) -> None:
        self.taken: set[str] = set()  # names
        self.renamed = 0
        self.duplicates = 0
        self.dropped = 0
        self._source_names = source_names
        self._mode = duplicates
        self._collisions = collisions
        self._marks: set[tuple[str, int, str]] = set()  # of the images kept
        self._numbers: dict[str, int] = {}  # the least that may be free, by name without it
        self._existing = {image.name: image for image in existing}  # of no source, as far as is known
        self._is_there = is_there
        for image in existing:
            self._keep(image, image.name)

    def settle(self, source: int, images: Iterable[Image]) -> list[Image]:
        """The images of one source that are kept."""
        kept: list[Image] = []
        colliding = []
        for image in images:
            if self._claims(source, image, image.name):
                kept.append(self._keep(image, image.name))
            elif self._is_duplicate(image):
                self.duplicates += 1
            elif image.name in self.taken:
                colliding.append(image)
            else:
                kept.append(self._keep(image, image.name))
        return kept + [settled for image in colliding if (settled := self._settle_collision(image, source))]

    def of_no_source(self) -> list[Image]:
        """The images at the destination that are none of a source's."""
        return [image for image in self._existing.values() if not not_an_image(image.name, image.object.size)]

    def _claims(self, source: int, image: Image, name: str) -> bool:
        """Whether an image is the one that the destination has under a name, which then is no other's."""
        found = self._existing.get(name)
        if found is None or not self._is_there(source, image, name, found.object):
            return False
        del self._existing[name]
        return True

    def _is_duplicate(self, image: Image) -> bool:
        return self._mode != "none" and is_plain_md5(image.object.etag) and self._mark(image, image.name) in self._marks

    def _mark(self, image: Image, name: str) -> tuple[str, int, str]:
        """What a duplicate shares with an image that is kept under a name."""
        return name if self._mode == "name" else "", image.object.size, image.object.etag

    def _settle_collision(self, image: Image, source: int) -> Image | None:
        if self._is_duplicate(image):  # of one that was renamed since
            self.duplicates += 1
            return None
        if self._collisions == "rename":
            self.renamed += 1
            return self._keep(image, self._new_name(image, source))
        if self._collisions == "first":
            self.dropped += 1
            return None
        raise RunError(
            f"{printable(image.object.key)!r} of source {self._source_names[source]} collides with another image "
            f"named {printable(image.name)!r} of the same identity. --collisions rename keeps both, first keeps "
            "one; `plan --collisions rename` counts all of them"
        )

    def _keep(self, image: Image, name: str) -> Image:
        self.taken.add(name)
        self._marks.add(self._mark(image, image.name))
        if name is image.name:
            return image
        self._marks.add(self._mark(image, name))
        return Image(image.object, name)

    def _new_name(self, image: Image, source: int) -> str:
        """A name that is free, or under which the destination has the image."""
        folder, slash, last = image.name.rpartition("/")
        stem, dot, extension = last.rpartition(".")
        base = f"{folder}{slash}{stem if dot else last}_{self._source_names[source]}"
        ending = dot + extension if dot else ""
        number = 1 if self._existing else self._numbers.get(base + ending, 1)
        while (name := f"{base}_{number}{ending}" if number > 1 else base + ending) in self.taken:
            if self._claims(source, image, name):
                return name
            number += 1
        self._numbers[base + ending] = number + 1
        return name
