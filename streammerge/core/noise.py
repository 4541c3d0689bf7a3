"""Label noise: the same content under different identities, of which at least one must be wrong.

Strategy: an identity comes whole and once, so each content that it holds is noted once, as 8 bytes (half of its MD5,
mixed with its size); a digest that is there twice belongs to two identities. That is all the memory it takes: 8 bytes
an image. Two contents are mistaken for one with a probability of one in ten million for a million images; the examples
are found by listing once more, for the digests chosen, and are compared in full.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby

from streammerge.core.join import EXAMPLES, Identity, Image
from streammerge.core.keys import is_plain_md5

_SHARES = 256  # the digests are sorted in so many shares, so that sorting needs little memory, too


class Noise:
    """Takes note of identities, then says which contents lie under several."""

    def __init__(self) -> None:
        self.incomparable = 0  # images whose ETag is no MD5, so that nothing can be said of them
        self._shares = [array("Q") for _ in range(_SHARES)]

    def note(self, identity: Identity) -> None:
        """Take note of what one identity holds."""
        digests = set()
        for image in _images(identity):
            if is_plain_md5(image.etag):
                digests.add(_digest(image))
            else:
                self.incomparable += 1
        for digest in digests:
            self._shares[digest % _SHARES].append(digest)

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Every digest that lies under several identities, and how many."""
        for share in self._shares:
            for digest, group in groupby(sorted(share)):
                count = sum(1 for _ in group)
                if count > 1:
                    yield digest, count


class Witnesses:
    """Finds the images behind some digests, in a second listing."""

    def __init__(self, digests: Sequence[int]) -> None:
        self._wanted = set(digests)
        self._found: dict[tuple[int, str], dict[str, tuple[int, str]]] = {}

    def look(self, identity: Identity) -> None:
        """Keep one image of each wanted content that the identity holds."""
        for source, images in enumerate(identity.members):
            for image in images:
                if is_plain_md5(image.etag) and _digest(image) in self._wanted:
                    identities = self._found.setdefault((image.size, image.etag), {})
                    if identity.name not in identities and len(identities) < EXAMPLES:
                        identities[identity.name] = (source, image.key)

    def examples(self) -> Iterator[list[tuple[str, int, str]]]:
        """Of each content found under several identities: identity, position of the source, and key, in order."""
        for _, identities in sorted(self._found.items()):
            if len(identities) > 1:
                yield sorted((name, source, key) for name, (source, key) in identities.items())


def _images(identity: Identity) -> Iterator[Image]:
    for images in identity.members:
        yield from images


def _digest(image: Image) -> int:
    return int(image.etag[:16], 16) ^ image.size
