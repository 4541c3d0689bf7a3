"""What a job will cost and how long it will take, from the number of its requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from streammerge.errors import UsageError

PRICES_AS_OF = "2026-01"
# USD per 1,000 requests, S3 Standard in us-east-1: https://aws.amazon.com/s3/pricing/
PRICES: Mapping[str, float] = MappingProxyType(
    {"copy": 0.005, "list": 0.005, "put": 0.005, "head": 0.0004, "get": 0.0004}
)

# What Amazon sustains on one partitioned prefix, and what one copy of a small object takes:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
COPIES_PER_SECOND = 3500
COPY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost in USD and duration in seconds of what is still to do; the listing is already paid."""

    usd: float
    seconds: float
    copies_per_second: float
    prices_as_of: str


def parse_prices(texts: Sequence[str]) -> dict[str, float]:
    """Read `KIND=USD` (per 1,000 requests) over the table of known prices.

    Raises UsageError on an unknown kind or what is no price.
    """
    prices = dict(PRICES)
    for text in texts:
        kind, _, price = text.partition("=")
        if kind not in prices:
            raise UsageError(
                f"--price {text!r}: the kinds of request are {', '.join(prices)}, as in --price copy=0.0055"
            )
        try:
            prices[kind] = float(price)
        except ValueError:
            raise UsageError(f"--price {text!r}: write USD per 1,000 requests, as in --price copy=0.0055") from None
        if not 0 <= prices[kind] < float("inf"):
            raise UsageError(f"--price {text!r}: a price is zero or more")
    return prices


def estimate(copies: int, *, concurrency: int, prices: Mapping[str, float]) -> Estimate:
    """Estimate the copies of a plan, running `concurrency` at a time."""
    rate = min(COPIES_PER_SECOND, concurrency / COPY_SECONDS)
    as_of = PRICES_AS_OF if prices == PRICES else "given"
    return Estimate(copies * prices["copy"] / 1000, copies / rate, rate, as_of)
