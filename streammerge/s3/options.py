"""Options: how to reach S3 and how to copy. They never change which images a job results in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from streammerge.dataset.connection import Connection
from streammerge.errors import UsageError
from streammerge.settings import Section, check_settings, setting, settings_of, settings_values

_ACCOUNT = re.compile(
    r"[0-9]{12}"
)  # https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
READ_WHOLE = 16 * 1024**2  # bytes of an object that GET reads at once; a larger one is read in parts of that size
ListingOrder = Literal["auto", "sorted", "any"]
Encryption = Literal["AES256", "aws:kms", "aws:kms:dsse"]
Acl = Literal["private", "bucket-owner-full-control", "bucket-owner-read", "authenticated-read", "public-read"]
Tags = Literal["copy", "drop"]
Transfer = Literal["auto", "server-side", "relay"]


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """How to reach S3 and how to copy; no option changes which images a job results in.

    timeout: seconds. max_rate: requests a second, None for no bound. multipart_threshold, part_size: bytes; 5 GiB is
    S3's bound for one CopyObject. max_failures: None for any number. storage_class, encryption, kms_key, acl: in S3's
    terms, None for the bucket's defaults. Raises UsageError where a value makes no sense.
    """

    endpoint_url: str | None = setting(
        None, "The S3 server, if it is not Amazon's.", section=Section.CONNECTION, metavar="URL"
    )
    region: str | None = setting(
        None, "Region of the buckets; detected if omitted.", section=Section.CONNECTION, metavar="NAME"
    )
    profile: str | None = setting(None, "Profile of ~/.aws/config to use.", section=Section.CONNECTION, metavar="NAME")
    requester_pays: bool = setting(False, "Pay for the requests to requester-pays buckets.", section=Section.CONNECTION)
    bucket_owner: str | None = setting(
        None,
        "Copy only if the destination belongs to this account.",
        section=Section.CONNECTION,
        metavar="ACCOUNT",
        only=("merge",),
    )
    storage_class: str | None = setting(
        None,
        "Storage class for copies, such as INTELLIGENT_TIERING.",
        section=Section.COPIES,
        metavar="CLASS",
        only=("merge",),
    )
    encryption: Encryption | None = setting(
        None, "Encryption for copies, if not the bucket's default.", section=Section.COPIES, only=("merge",)
    )
    kms_key: str | None = setting(
        None,
        "KMS key to encrypt copies with; needs --encryption aws:kms.",
        section=Section.COPIES,
        metavar="ID",
        only=("merge",),
    )
    acl: Acl | None = setting(
        None,
        f"Canned ACL for copies, if not the bucket's default: {', '.join(get_args(Acl))}.",
        section=Section.COPIES,
        metavar="ACL",
        only=("merge",),
    )
    tags: Tags = setting(
        "copy",
        "Whether to copy tags, which needs extra permissions.",
        section=Section.COPIES,
        only=("merge",),
    )
    transfer: Transfer = setting(
        "auto",
        "How objects get to the destination: copied by S3 ('server-side'), or through this machine's memory ('relay'). "
        "'auto' relays the sources that are on another server than the destination, or need another profile.",
        section=Section.COPIES,
        only=("merge", "plan"),
    )
    memory: int = setting(
        256 * 1024**2,
        "Memory for objects that are relayed.",
        section=Section.PERFORMANCE,
        metavar="SIZE",
        at_least=16 * 1024**2,
        only=("merge",),
        is_size=True,
    )
    concurrency: int = setting(
        1024, "Maximum number of requests in flight.", section=Section.PERFORMANCE, metavar="N", at_least=1
    )
    max_rate: float | None = setting(
        None,
        "Maximum number of requests per second, of all kinds; otherwise only S3 limits them.",
        section=Section.PERFORMANCE,
        metavar="N",
        above=0,
    )
    attempts: int = setting(10, "Maximum attempts per request.", section=Section.PERFORMANCE, metavar="N", at_least=1)
    timeout: float = setting(
        60.0, "Seconds allowed for each request.", section=Section.PERFORMANCE, metavar="SECONDS", above=0
    )
    max_failures: int | None = setting(
        None,
        "Stop once more than N objects have failed.",
        section=Section.PERFORMANCE,
        metavar="N",
        at_least=0,
        only=("merge",),
    )
    listing_order: ListingOrder = setting(
        "auto",
        "Whether the store lists keys in UTF-8 byte order. 'auto' relies on it for known stores; 'any' reads every "
        "listing completely before planning anything, and needs memory for all of it.",
        section=Section.PERFORMANCE,
    )
    multipart_threshold: int = setting(
        5 * 1024**3,
        "Copy objects above this size in parts. Bytes, or with a unit: 5GiB, 500MB.",
        section=Section.PERFORMANCE,
        metavar="SIZE",
        at_least=0,
        only=("merge",),
        is_size=True,
    )
    part_size: int = setting(
        512 * 1024**2,
        "Size of each part; at least 5 MiB on Amazon.",
        section=Section.PERFORMANCE,
        metavar="SIZE",
        at_least=1,
        only=("merge",),
        is_size=True,
    )

    def __repr__(self) -> str:
        """Only what is not the default, so that signatures in `help()` stay short."""
        values = ((declared.name, getattr(self, declared.name), declared.default) for declared in settings_of(Options))
        return f"Options({', '.join(f'{name}={value!r}' for name, value, default in values if value != default)})"

    def __post_init__(self) -> None:
        check_settings(self)
        if self.bucket_owner is not None and not _ACCOUNT.fullmatch(self.bucket_owner):
            raise UsageError(f"--bucket-owner {self.bucket_owner!r} is no account: its id has 12 digits")
        if self.kms_key and not (self.encryption or "").startswith("aws:kms"):
            raise UsageError("--kms-key needs --encryption aws:kms")

    @property
    def connection(self) -> Connection:
        """How whatever has no connection of its own is reached."""
        return Connection(self.endpoint_url, self.region, self.profile, self.requester_pays)

    def reaching(self, connection: Connection) -> "Options":
        """The same, for what has a connection of its own."""
        return replace(self, **settings_values(connection.over(self.connection)))

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
    def put_headers(self) -> dict[str, str]:
        """The same as the headers of PutObject."""
        asked = {
            "x-amz-storage-class": self.storage_class,
            "x-amz-server-side-encryption": self.encryption,
            "x-amz-server-side-encryption-aws-kms-key-id": self.kms_key,
            "x-amz-acl": self.acl,
            "x-amz-expected-bucket-owner": self.bucket_owner,
            "x-amz-request-payer": "requester" if self.requester_pays else None,
        }
        return {name: value for name, value in asked.items() if value is not None}

    @property
    def copy_headers(self) -> Mapping[str, str]:
        """The same as the headers of CopyObject."""
        return self.put_headers | ({"x-amz-tagging-directive": "REPLACE"} if self.tags == "drop" else {})
