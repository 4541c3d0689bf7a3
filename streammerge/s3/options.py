"""How to talk to S3: settings that never change what a job results in."""

from dataclasses import dataclass
from typing import Literal

from streammerge.errors import UsageError

ListingOrder = Literal["auto", "sorted", "any"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to talk to S3; none of it changes what a job results in.

    concurrency: requests in flight at most. attempts: tries of one request. timeout: seconds for one request.
    multipart_threshold, part_size: bytes; above the threshold an object is copied in parts
    (5 GiB is S3's bound for one CopyObject).
    listing_order: whether keys come in UTF-8 byte order (`sorted`), or may not (`any`); `auto` trusts Amazon alone.
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

    def __post_init__(self) -> None:
        """Raises UsageError where a number makes no sense."""
        if self.concurrency < 1 or self.attempts < 1:
            raise UsageError("--concurrency and --attempts must be at least 1")
        if not self.timeout > 0:
            raise UsageError("--timeout must be more than 0 seconds")
        if self.multipart_threshold < 0 or self.part_size < 1:
            raise UsageError("--multipart-threshold must not be negative, and --part-size at least 1 byte")
