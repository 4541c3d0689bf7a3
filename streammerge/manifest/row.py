"""A row of the manifest: its columns, in their order."""

from typing import NamedTuple


class Row(NamedTuple):
    """What the manifest says of an image."""

    key: str
    identity: str
    label: int
    source: str
    size: int  # bytes
    etag: str
    path: str  # below the directory that it is pulled into
