"""Estimates the cost and the duration of a job from the number of its requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
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
                f"--price {text!r}: unknown kind of request; the kinds are {', '.join(prices)}, as in --price "
                "copy=0.0055"
            )
        try:
            prices[kind] = float(price)
        except ValueError:
            raise UsageError(f"--price {text!r}: write USD per 1,000 requests, as in --price copy=0.0055") from None
        if not 0 <= prices[kind] < float("inf"):
            raise UsageError(f"--price {text!r}: a price must be a finite number, 0 or more")
    return prices


def cost_of(requests: Mapping[str, int]) -> float:
    """What requests cost at the built-in prices, in USD, without data transfer; those that delete are free."""
    return sum(count * PRICES.get(kind, 0.0) for kind, count in requests.items()) / 1000


def estimate(
    copies: int, *, concurrency: int, prices: Mapping[str, float], max_rate: float | None = None, relays: int = 0
) -> Estimate:
    """Estimate the copies of a plan, running `concurrency` at a time, of which at most `max_rate` start in a second.

    relays: of the copies, those that take a GET and a PUT each instead of a COPY.
    """
    requests = (copies + relays) / copies if copies else 1.0  # for each
    rate = min(COPIES_PER_SECOND, concurrency / COPY_SECONDS, (max_rate or inf) / requests)
    as_of = PRICES_AS_OF if prices == PRICES else "given"
    usd = (copies - relays) * prices["copy"] + relays * (prices["get"] + prices["put"])
    return Estimate(usd / 1000, copies / rate, rate, as_of)
