"""What a job costs and how long it takes."""

import pytest

from streammerge.errors import UsageError
from streammerge.planning.cost import COPIES_PER_SECOND, PRICES, PRICES_AS_OF, estimate, parse_prices


def test_a_million_copies() -> None:
    """1.4 million copies cost seven dollars and are bounded by what one prefix takes."""
    cost = estimate(1_400_000, concurrency=1024, prices=PRICES)
    assert cost.usd == pytest.approx(7.0)
    assert cost.seconds == pytest.approx(400)
    assert cost.copies_per_second == COPIES_PER_SECOND
    assert cost.prices_as_of == PRICES_AS_OF


def test_few_at_a_time_take_longer() -> None:
    """Below what the prefix takes, the requests in flight bound the rate: each takes 100 ms."""
    cost = estimate(1000, concurrency=10, prices=PRICES)
    assert cost.copies_per_second == pytest.approx(100)
    assert cost.seconds == pytest.approx(10)


def test_a_bound_on_the_rate_bounds_the_estimate() -> None:
    """Copies take as long as --max-rate makes them."""
    cost = estimate(1000, concurrency=1024, prices=PRICES, max_rate=50)
    assert cost.copies_per_second == pytest.approx(50)
    assert cost.seconds == pytest.approx(20)


def test_nothing_to_copy_costs_nothing() -> None:
    """A finished merge costs nothing more."""
    cost = estimate(0, concurrency=1, prices=PRICES)
    assert (cost.usd, cost.seconds) == (0, 0)


def test_prices_of_ones_own() -> None:
    """A price that is given replaces the known one, the others stay, and the estimate says so."""
    prices = parse_prices(["copy=0.0055", "head=0"])
    assert prices == {**PRICES, "copy": 0.0055, "head": 0}
    cost = estimate(2000, concurrency=1, prices=prices)
    assert cost.usd == pytest.approx(0.011)
    assert cost.prices_as_of == "given"


def test_no_prices_given() -> None:
    """Without a word the known prices hold, as of their date."""
    assert estimate(1, concurrency=1, prices=parse_prices([])).prices_as_of == PRICES_AS_OF


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("delete=1", "unknown kind of request; the kinds are copy, list, put, head, get"),
        ("copy", "write USD per 1,000 requests"),
        ("copy=", "write USD per 1,000 requests"),
        ("copy=cheap", "write USD per 1,000 requests"),
        ("copy=-0.01", "a price must be a finite number, 0 or more"),
        ("copy=inf", "a price must be a finite number, 0 or more"),
        ("copy=nan", "a price must be a finite number, 0 or more"),
        ("", "the kinds are"),
    ],
)
def test_refuses_what_is_no_price(text: str, problem: str) -> None:
    """A price that cannot be meant is refused, quoted as it was given."""
    with pytest.raises(UsageError) as caught:
        parse_prices([text])
    assert problem in str(caught.value)
    assert f"--price {text!r}" in str(caught.value)


def test_relays_take_two_requests_each() -> None:
    """A GET and a PUT instead of a COPY; both count for --max-rate."""
    cost = estimate(1000, relays=400, concurrency=1024, prices=PRICES)
    assert cost.usd == pytest.approx((600 * 0.005 + 400 * (0.005 + 0.0004)) / 1000)
    assert cost.copies_per_second == COPIES_PER_SECOND
    bound = estimate(1000, relays=1000, concurrency=1024, prices=PRICES, max_rate=100)
    assert bound.copies_per_second == pytest.approx(50)
