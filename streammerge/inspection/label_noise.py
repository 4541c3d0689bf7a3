"""Label noise: the same content under different identities, at least one of which must be wrong.

Strategy: each identity is complete and comes once, so each content in it is noted once, as 8 bytes (half of its MD5,
mixed with its size). A digest that occurs twice therefore belongs to two identities. Memory is 8 bytes per image. For a
million images, the probability that two contents are taken for one is one in ten million; examples are found in a
second listing, by their digests, and compared in full.
"""

from collections.abc import Iterator, Sequence

from streammerge.dataset.counters import EXAMPLES
from streammerge.dataset.objects import Identity, Image, S3Object, is_plain_md5
from streammerge.planning.repeats import Repeats


class Noise:
    """Collects digests of contents, then finds those that lie under several identities."""

    def __init__(self) -> None:
        self.incomparable = 0  # images whose ETag is no MD5, so that nothing can be said of them
        self._digests = Repeats()

    def note(self, identity: Identity) -> None:
        """Take note of what one identity holds."""
        digests = set()
        for image in _images(identity):
            if is_plain_md5(image.object.etag):
                digests.add(_digest(image))
            else:
                self.incomparable += 1
        for digest in digests:
            self._digests.add(digest)

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Every digest that lies under several identities, and how many."""
        return self._digests.repeated()


class Witnesses:
    """Finds the images behind some digests, in a second listing."""

    def __init__(self, digests: Sequence[int]) -> None:
        self._wanted = set(digests)
        self._found: dict[tuple[int, str], dict[str, tuple[int, S3Object]]] = {}

    def look(self, identity: Identity) -> None:
        """Keep one image of each wanted content that the identity holds."""
        for source, images in enumerate(identity.members):
            for image in images:
                if is_plain_md5(image.object.etag) and _digest(image) in self._wanted:
                    identities = self._found.setdefault((image.object.size, image.object.etag), {})
                    if identity.name not in identities and len(identities) < EXAMPLES:
                        identities[identity.name] = (source, image.object)

    def examples(self) -> Iterator[list[tuple[str, int, S3Object]]]:
        """Of each content found under several identities: identity, position of the source, and object, in order."""
        for _, identities in sorted(self._found.items()):
            if len(identities) > 1:
                yield sorted((name, source, found) for name, (source, found) in identities.items())


def _images(identity: Identity) -> Iterator[Image]:
    for images in identity.members:
        yield from images


def _digest(image: Image) -> int:
    return int(image.object.etag[:16], 16) ^ image.object.size
