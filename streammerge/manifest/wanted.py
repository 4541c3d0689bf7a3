"""An image to have on disk, and a file found there."""

import hashlib
from datetime import datetime
from typing import NamedTuple

from streammerge.dataset.objects import S3Object


class Wanted(NamedTuple):
    """An image to have on disk, as `identity/name` below the directory.

    object: in S3; its key is its own, whatever the path. place: position of the location that it is in.
    """

    object: S3Object
    identity: str
    name: str
    place: int = 0

    @property
    def time(self) -> int | None:
        """When the object was written, in milliseconds since the epoch; None if the server does not say."""
        try:
            return round(datetime.fromisoformat(self.object.modified).timestamp() * 1000)
        except ValueError:
            return None

    @property
    def path(self) -> str:
        """Where it goes, below the directory."""
        return f"{self.identity}/{self.name}"


class Found(NamedTuple):
    """A file in the directory; `identity` is its topmost folder, or empty."""

    identity: str
    name: str
    size: int  # bytes; -1 of what is no regular file
    written: int  # milliseconds since the epoch


def lot(identity: str) -> bytes:
    """An identity's rank in a sample: effectively random, and the same every time."""
    return hashlib.md5(identity.encode(), usedforsecurity=False).digest()
