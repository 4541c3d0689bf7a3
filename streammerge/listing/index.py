"""A compact in-memory index of a whole listing, for listings that cannot be joined while they are read.

Strategy: each image is one `bytes` of about 150, and all are sorted once the listing has come to its end, so that an
identity is a run of them and is decoded when it is taken. Fields are parted by NUL, which sorts before everything
else, so that records come in order of identity, key and time. A key may hold a NUL, too, in theory: what it is written
as keeps the order.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from streammerge.dataset.objects import Image, S3Object
from streammerge.listing.listing import Listing


class Index:
    """The images of a whole listing. Add its pages, then seal it; after that identities come out in order."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._records: list[bytes] = []
        self._repeated = set[str]()  # keys that were listed twice, as far as was read

    def add(self, objects: Sequence[S3Object]) -> None:
        """Take in one page."""
        listing, skip, append = self._listing, len(self._listing.prefix), self._records.append
        namespace = _escaped(listing.namespace)
        for identity, ((key, size, etag, modified, storage_class), name) in listing.place(objects):
            below = key[skip:]
            if "\0" in below or "\1" in below:
                identity, below, name = _escaped(identity), _escaped(below), _escaped(name)  # noqa: PLW2901
            append(f"{namespace}{identity}\0{below}\0{modified}\0{name}\0{size}\0{etag}\0{storage_class}".encode())

    def seal(self) -> None:
        """Put in order what there is: the listing has come to its end."""
        self._records.sort()

    def borders(self, low: str, high: str | None, *, every: int) -> list[str]:
        """The identity of every nth image from `low` up to `high`."""
        records = self._records[self._start(low) : None if high is None else self._start(high) : every]
        return [_unescaped(record[: record.index(0)].decode()) for record in records]

    def _start(self, identity: str) -> int:
        return bisect_left(self._records, _escaped(identity).encode())

    def identities(self, low: str, high: str | None = None) -> Iterator[tuple[str, list[Image]]]:
        """Every identity from `low` up to `high`, in byte order of name, with its images in byte order of key.

        A key that was listed twice, as by a store without order, counts once, as the newer of the two.
        """
        records, prefix, counters = self._records, self._listing.prefix, self._listing.counters
        end = len(records) if high is None else self._start(high)
        open_identity, images = None, dict[str, Image]()
        for number in range(self._start(low), end):
            identity, below, modified, name, size, etag, storage_class = records[number].decode().split("\0")
            if identity != open_identity:
                if open_identity is not None:
                    yield _unescaped(open_identity), list(images.values())
                open_identity, images = identity, {}
            key = below
            if "\1" in below:
                key, name = _unescaped(below), _unescaped(name)
            if below in images and key not in self._repeated:
                self._repeated.add(key)
                counters.objects -= 1
            images[below] = Image(S3Object(prefix + key, int(size), etag, modified, storage_class), name)
        if open_identity is not None:
            yield _unescaped(open_identity), list(images.values())


def _escaped(text: str) -> str:
    """Without NUL, and in the same order as it was."""
    return text.replace("\1", "\1\2").replace("\0", "\1\1")


def _unescaped(text: str) -> str:
    return text.replace("\1\1", "\0").replace("\1\2", "\1")
