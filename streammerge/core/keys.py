"""S3 keys and the places they live in: buckets, prefixes, URLs, UTF-8 byte order.

Strategy: Python orders `str` by code point and UTF-8 preserves that order, so keys are compared as `str` and
still stand in the byte order in which S3 lists them. Keys are never normalised: `//`, `..`, newlines and
decomposed accents are as good as any other character.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from streammerge.errors import UsageError

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")


class Listed(NamedTuple):
    """One object as LIST reports it. A tuple, because a run makes millions of them."""

    key: str
    size: int  # bytes
    etag: str  # without its quotes
    modified: str  # LastModified as the server wrote it, ISO 8601


class Page(NamedTuple):
    """One page of a listing."""

    objects: list[Listed]
    prefixes: list[str]  # CommonPrefixes, where a delimiter was asked for
    token: str | None  # to go on with; None at the end


@dataclass(frozen=True, slots=True)
class Location:
    """A prefix in a bucket. `prefix` is empty (the whole bucket) or ends with `/`."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def overlaps(self, other: "Location") -> bool:
        """Whether some key could lie in both."""
        return self.bucket == other.bucket and (
            self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        )


def parse_location(url: str) -> Location:
    """Read `s3://bucket/prefix`; a prefix gets the trailing `/` that it lacks, so `train` never matches `train2/`.

    Raises UsageError where the URL is not one of S3.
    """
    scheme, separator, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not separator:
        raise UsageError(f"{url!r} is not an S3 URL: write s3://bucket/prefix/")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(f"{url!r} has no valid bucket name: write s3://bucket/prefix/")
    if any("\ud800" <= character <= "\udfff" for character in prefix):  # how Python reads bytes that are no UTF-8
        raise UsageError(f"{url!r} is not UTF-8, and every key of S3 is")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return Location(bucket, prefix)


def is_plain_md5(etag: str) -> bool:
    """Whether an ETag has the form of an MD5: 32 hex digits, no `-` of a multipart upload.

    An object encrypted with KMS or SSE-C has such an ETag too, and there it is no MD5:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    return _PLAIN_MD5.fullmatch(etag) is not None


def printable(key: str) -> str:
    """A key as one line of text: whatever a terminal might obey or hide is escaped."""
    return key if key.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in key)
