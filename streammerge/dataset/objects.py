"""Objects in S3: keys in UTF-8 byte order, prefixes, images and identities.

Strategy: Python orders `str` by code point and UTF-8 preserves that order, so keys are compared as `str` and
still stand in the byte order in which S3 lists them. Keys are never normalised: `//`, `..`, newlines and
decomposed accents are as good as any other character.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from streammerge.dataset.connection import COMMON, Connection
from streammerge.dataset.url_hints import meant_by
from streammerge.errors import UsageError

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
SURELY_SHORT = MAX_KEY_BYTES // 4  # characters of a key that has no more bytes, whatever they are
_SECONDS = len("2026-01-01T00:00:00")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
# An access point as `aws s3` takes it for a bucket, and what follows it
_ACCESS_POINT = re.compile(
    r"(arn:aws[a-z-]*:(?:s3|s3-outposts):[a-z0-9-]*:[0-9]{12}:"
    r"(?:outpost[/:][A-Za-z0-9-]{1,63}[/:])?accesspoint[/:][A-Za-z0-9.-]{1,63})(?:/(.*))?",
    re.DOTALL,
)
_WRITE = "write s3://bucket/prefix/"
_OBJECT_LAMBDA = ":s3-object-lambda:"
# Storage classes whose objects can only be read once they are restored:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")


class S3Object(NamedTuple):
    """One object as LIST or HEAD reports it. A tuple, because a run makes millions of them."""

    key: str
    size: int  # bytes
    etag: str  # without its quotes
    modified: str  # LastModified as the server wrote it, ISO 8601
    storage_class: str = ""  # as the server wrote it; empty if it did not


class Page(NamedTuple):
    """One page of a listing."""

    objects: list[S3Object]
    prefixes: list[str]  # CommonPrefixes, where a delimiter was asked for
    token: str | None  # continues the listing; None at its end

    @property
    def empty(self) -> bool:
        """Whether nothing is below the prefix of which this is the first page."""
        return not self.objects and not self.prefixes and self.token is None


class Image(NamedTuple):
    """An object and the file name that it has, or gets, below its identity."""

    object: S3Object
    name: str


class Identity(NamedTuple):
    """A complete identity: what each listing has of it, in byte order of key."""

    name: str
    members: list[list[Image]]  # one list a listing


@dataclass(frozen=True, slots=True)
class Location:
    """A prefix in a bucket, and how it is reached. `prefix` is empty (the whole bucket) or ends with `/`."""

    bucket: str
    prefix: str
    connection: Connection = COMMON

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def overlaps(self, other: "Location") -> bool:
        """Whether some key could lie in both, as far as that is known before anything is opened."""
        return self.connection.endpoint_url == other.connection.endpoint_url and self.has_keys_of(other)

    def has_keys_of(self, other: "Location") -> bool:
        """Whether some key could lie in both, if both are on one server."""
        return self.bucket == other.bucket and (
            self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        )


NOWHERE = Location("", "")  # the destination of a job that has none: a target is the path of an image


def parse_location(url: str) -> Location:
    """Read `s3://bucket/prefix`; a prefix gets the trailing `/` that it lacks, so `train` never matches `train2/`.

    Raises UsageError where the URL is not one of S3.
    """
    scheme, separator, rest = url.partition("://")
    bucket, prefix = _split(rest)
    if scheme != "s3" or not separator:
        meant = meant_by(url)
        raise UsageError(f"{url!r} is not an S3 URL" + (f". Did you mean {meant}?" if meant else f": {_WRITE}"))
    if _OBJECT_LAMBDA in bucket or bucket.endswith("--ol-s3"):
        raise UsageError(
            f"{url!r} is an Object Lambda access point: S3 cannot copy from one. Name the bucket or the access "
            "point behind it"
        )
    if bucket.startswith("arn:") and not is_arn(bucket):
        raise UsageError(f"{url!r} is not the ARN of an access point: {_WRITE} for a bucket")
    if not is_arn(bucket) and not _BUCKET.fullmatch(bucket):
        raise UsageError(f"{url!r} has no valid bucket name: {_WRITE}")
    if any("\ud800" <= character <= "\udfff" for character in prefix):  # how Python reads bytes that are no UTF-8
        raise UsageError(f"{url!r} is not valid UTF-8, as all S3 keys are")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return Location(bucket, prefix)


def _split(rest: str) -> tuple[str, str]:
    """Bucket, or the ARN of an access point, and prefix."""
    if found := _ACCESS_POINT.fullmatch(rest):
        return found[1], found[2] or ""
    bucket, _, prefix = rest.partition("/")
    return bucket, prefix


def is_arn(bucket: str) -> bool:
    """Whether a bucket is named by the ARN of an access point to it."""
    return _ACCESS_POINT.fullmatch(bucket) is not None


def is_plain_md5(etag: str) -> bool:
    """Whether an ETag has the form of an MD5: 32 hex digits in lower case, as `s3` reads them, and no `-` of parts.

    An object encrypted with KMS or SSE-C has such an ETag too, and there it is no MD5:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    return _PLAIN_MD5.fullmatch(etag) is not None


def to_the_second(modified: str) -> str:
    """A time as LIST writes it, without fractions of a second: HEAD reports none."""
    return modified[:_SECONDS]


def is_too_long(key: str) -> bool:
    """Whether S3 takes no such key."""
    return len(key) > SURELY_SHORT and len(key.encode()) > MAX_KEY_BYTES


def printable(key: str) -> str:
    """A key as one line of text: whatever a terminal might obey or hide is escaped."""
    return key if key.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in key)
