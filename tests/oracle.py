"""What a merge must result in, worked out the naive way: everything listed by boto3, everything in memory.

It shares no code with streammerge, so that the same mistake would have to be made twice.
"""

import itertools
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class Object(NamedTuple):
    """An object as boto3 lists it."""

    bucket: str
    key: str
    size: int
    etag: str


class Source(NamedTuple):
    """A source: `pattern`, if given, has groups `identity` and `name`; otherwise the first folder is the identity.

    client: of its server, if that is another one than the destination's.
    """

    name: str
    bucket: str
    prefix: str
    pattern: str = r"(?P<identity>[^/]+)/(?P<name>.+)"
    client: Any = None

    @property
    def argument(self) -> str:
        """The source as the command line takes it."""
        return f"{self.name}=s3://{self.bucket}/{self.prefix}"


def walk(client: Any, bucket: str, prefix: str) -> Iterator[Object]:
    """All objects below a prefix, in byte order."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    entries = [entry for page in pages for entry in page.get("Contents", ())]
    for entry in sorted(entries, key=lambda entry: entry["Key"].encode()):
        yield Object(bucket, entry["Key"], entry["Size"], entry["ETag"])


def contents(client: Any, bucket: str, prefix: str) -> dict[str, tuple[int, str]]:
    """Size and ETag of all objects below a prefix, by the rest of their key."""
    return {found.key[len(prefix) :]: (found.size, found.etag) for found in walk(client, bucket, prefix)}


def oracle(
    client: Any, sources: Sequence[Source], *, min_images: int = 2, max_images: int = 1 << 30
) -> dict[str, Object]:
    """What must be at the destination: by key below its prefix, the object that it is a copy of."""
    kept: dict[str, dict[str, Object]] = defaultdict(dict)
    originals: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for source in sources:
        late = []
        for found in walk(source.client or client, source.bucket, source.prefix):
            match = re.fullmatch(source.pattern, found.key[len(source.prefix) :], re.DOTALL)
            if match is None or not found.size or not found.key.lower().endswith(_IMAGES):
                continue
            identity, name = match["identity"], match["name"]
            if name in kept[identity]:
                late.append((identity, name, found))
            else:
                kept[identity][name] = found
                originals[identity, name].append(found)
        for identity, name, found in late:
            if all((found.size, found.etag) != (other.size, other.etag) for other in originals[identity, name]):
                given = _free(name, source.name, kept[identity])
                kept[identity][given] = found
                originals[identity, name].append(found)
                originals[identity, given].append(found)
    return {
        f"{identity}/{name}": found
        for identity, images in kept.items()
        if min_images <= len(images) <= max_images
        for name, found in images.items()
    }


def _free(name: str, source: str, taken: dict[str, Object]) -> str:
    stem, extension = posixpath.splitext(name)
    numbers = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    return next(free for number in numbers if (free := f"{stem}_{source}{number}{extension}") not in taken)
