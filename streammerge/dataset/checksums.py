"""The checksums that S3 stores of an object's content, and what those of two objects prove.

A checksum of the full object depends on its bytes alone. A composite one is made of those of the parts of a multipart
upload, so it depends on where the parts end, too: CRC64NVME is always of the full object; CRC32 and CRC32C are either;
SHA-1 and SHA-256 of a multipart upload are composite:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from collections.abc import Mapping
from typing import NamedTuple

_ALWAYS_FULL = "crc64nvme"


class Checksums(NamedTuple):
    """Stored checksums, in base 64, by algorithm as headers name it: crc64nvme, crc32, crc32c, sha1, sha256."""

    full: Mapping[str, str]
    composite: Mapping[str, str]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.full or self.composite)

    def proves(self, other: "Checksums") -> bool | None:
        """Whether two objects of equal size have the same content; None where no checksum of both tells."""
        return _alike(self.full, other.full)

    def proves_parts(self, other: "Checksums") -> bool | None:
        """The same of two objects whose parts are of the same sizes."""
        return _alike(self.composite, other.composite)


NO_CHECKSUMS = Checksums({}, {})


def checksums_of(values: Mapping[str, str], kind: str = "", *, in_parts: bool = False) -> Checksums:
    """The checksums of one object.

    values: by algorithm, in base 64. A composite one ends with `-` and the number of parts, but some stores omit that,
    and some say FULL_OBJECT of the copy of one; so either mark makes it composite.
    kind: FULL_OBJECT, COMPOSITE, or empty where the store does not say. in_parts: the object was uploaded in parts, so
    that what has no mark at all may be either, and counts as composite.
    """
    unmarked = in_parts and not kind
    composite = {
        name: value
        for name, value in values.items()
        if kind == "COMPOSITE" or "-" in value or (unmarked and name != _ALWAYS_FULL)
    }
    return Checksums({name: value for name, value in values.items() if name not in composite}, composite)


def _alike(mine: Mapping[str, str], others: Mapping[str, str]) -> bool | None:
    shared = mine.keys() & others.keys()
    return all(mine[name] == others[name] for name in shared) if shared else None
