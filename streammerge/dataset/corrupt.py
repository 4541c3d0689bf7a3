"""Corrupt images: a merge leaves these objects out as long as their ETags are unchanged."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Corrupt(NamedTuple):
    """An object that was found corrupt. With another ETag it is another image, and counts again."""

    bucket: str
    key: str
    etag: str


def etags_in(bucket: str, corrupt: Iterable[Corrupt]) -> Mapping[str, str]:
    """The ETags of the corrupt objects of a bucket, by key."""
    return {item.key: item.etag for item in corrupt if item.bucket == bucket}
