"""Images of one identity that a merge connects: equal ones of which one is kept, different ones of one name."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from streammerge.dataset.objects import Identity, S3Object, is_plain_md5
from streammerge.planning.collisions import Named

Confused = Literal["renamed", "dropped", "duplicate"]


class Pair(NamedTuple):
    """An image that is kept and one that is confused with it, each with the position of its source.

    name: of the other one, if it is kept under a new name.
    """

    kind: Confused
    one: tuple[int, S3Object]
    other: tuple[int, S3Object]
    name: str = ""


def pairs_of(identity: Identity, named: Named) -> Iterator[Pair]:
    """The pairs of an identity; without the images that a cap omits."""
    if not (named.renamed or named.dropped or named.duplicates):
        return
    kept = [(source, image) for source, images in enumerate(named.kept) for image in images]
    name_of = {(source, image.object.key): image.name for source, image in kept}
    by_name = {image.name: (source, image.object) for source, image in kept}
    by_content = {
        (image.object.size, image.object.etag): (source, image.object)
        for source, image in reversed(kept)
        if is_plain_md5(image.object.etag)
    }
    for source, images in enumerate(identity.members[: len(named.kept)]):
        for image in images:
            name = name_of.get((source, image.object.key))
            same = by_content.get((image.object.size, image.object.etag))
            other = by_name.get(image.name)
            if name is None and same is not None:
                yield Pair("duplicate", same, (source, image.object))
            elif name is None and other is not None:
                yield Pair("dropped", other, (source, image.object))
            elif name is not None and name != image.name and other is not None:
                yield Pair("renamed", other, (source, image.object), name)
