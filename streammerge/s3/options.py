"""How to talk to S3: settings that never change which images a job results in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from streammerge.errors import UsageError

_ACCOUNT = re.compile(
    r"[0-9]{12}"
)  # https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
_AMAZON = re.compile(r"\.amazonaws\.com(\.cn)?$")
READ_WHOLE = 256 * 1024  # bytes of an object that GET reads at once; it is there in the time for one request
ListingOrder = Literal["auto", "sorted", "any"]
Encryption = Literal["AES256", "aws:kms", "aws:kms:dsse"]
Acl = Literal["private", "bucket-owner-full-control", "bucket-owner-read", "authenticated-read", "public-read"]
Tags = Literal["copy", "drop"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to talk to S3; none of it changes which images a job results in.

    concurrency: requests in flight at most. attempts: tries of one request. timeout: seconds for one request.
    max_failures: objects that may fail before the run is stopped; None for any number.
    multipart_threshold, part_size: bytes; above the threshold an object is copied in parts
    (5 GiB is S3's bound for one CopyObject).
    listing_order: whether keys come in UTF-8 byte order (`sorted`), or may not (`any`); `auto` trusts Amazon alone.
    storage_class, encryption, kms_key, acl: what the copies get, in S3's terms; None for the bucket's defaults.
    tags: whether an object's tags travel with it. requester_pays: who asks pays, where the buckets' owner will not.
    bucket_owner: the account that the destination must belong to.
    """

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    concurrency: int = 1024
    attempts: int = 10
    timeout: float = 60.0
    multipart_threshold: int = 5 * 1024**3
    part_size: int = 512 * 1024**2
    listing_order: ListingOrder = "auto"
    max_failures: int | None = None
    storage_class: str | None = None
    encryption: Encryption | None = None
    kms_key: str | None = None
    acl: Acl | None = None
    tags: Tags = "copy"
    requester_pays: bool = False
    bucket_owner: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError where a value makes no sense."""
        if self.concurrency < 1 or self.attempts < 1:
            raise UsageError("--concurrency and --attempts must be at least 1")
        if not self.timeout > 0:
            raise UsageError("--timeout must be more than 0 seconds")
        if self.multipart_threshold < 0 or self.part_size < 1:
            raise UsageError("--multipart-threshold must not be negative, and --part-size at least 1 byte")
        if self.max_failures is not None and self.max_failures < 0:
            raise UsageError("--max-failures must not be negative")
        if self.bucket_owner is not None and not _ACCOUNT.fullmatch(self.bucket_owner):
            raise UsageError(f"--bucket-owner {self.bucket_owner!r} is no account: its id has 12 digits")
        if self.kms_key and not (self.encryption or "").startswith("aws:kms"):
            raise UsageError("--kms-key needs --encryption aws:kms")

    @property
    def payer(self) -> dict[str, str]:
        """What every request of botocore's says of who pays."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}

    @property
    def payer_headers(self) -> Mapping[str, str]:
        """The same as headers."""
        return {"x-amz-request-payer": "requester"} if self.requester_pays else {}

    @property
    def created(self) -> dict[str, str]:
        """What botocore is told of an object that is made, by the names of its parameters."""
        asked = {
            "StorageClass": self.storage_class,
            "ServerSideEncryption": self.encryption,
            "SSEKMSKeyId": self.kms_key,
            "ACL": self.acl,
            "ExpectedBucketOwner": self.bucket_owner,
        }
        return self.payer | {name: value for name, value in asked.items() if value is not None}

    @property
    def copy_headers(self) -> Mapping[str, str]:
        """The same as the headers of CopyObject."""
        asked = {
            "x-amz-storage-class": self.storage_class,
            "x-amz-server-side-encryption": self.encryption,
            "x-amz-server-side-encryption-aws-kms-key-id": self.kms_key,
            "x-amz-acl": self.acl,
            "x-amz-expected-bucket-owner": self.bucket_owner,
            "x-amz-tagging-directive": "REPLACE" if self.tags == "drop" else None,
            "x-amz-request-payer": "requester" if self.requester_pays else None,
        }
        return {name: value for name, value in asked.items() if value is not None}


def is_amazon(host: str) -> bool:
    """Whether a host name, without its port, is one of Amazon's."""
    return _AMAZON.search(host) is not None
