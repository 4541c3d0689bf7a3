"""Retries: how often, how long in between, and what is not tried again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.errors import ObjectError, ThrottledError, TransientError
from streammerge.transfer.backoff import RetryPolicy, with_retries

AT_ONCE = RetryPolicy(attempts=4, base=0)


class Flaky:
    """A call that fails with each of the errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_success_needs_one_call() -> None:
    """What succeeds is called once."""
    call = Flaky()
    assert await with_retries(call, AT_ONCE) == "done"
    assert call.calls == 1


async def test_tries_again_after_what_passes() -> None:
    """Transient errors are heard of and tried again, SlowDown among them."""
    errors = [TransientError("1"), ThrottledError("2"), TransientError("3")]
    call, heard = Flaky(*errors), list[TransientError]()
    assert await with_retries(call, AT_ONCE, heard.append) == "done"
    assert call.calls == 4
    assert heard == errors


async def test_gives_up_after_the_last_attempt() -> None:
    """The error of the last attempt is the one that is raised."""
    last = TransientError("4")
    call = Flaky(*(TransientError(str(number)) for number in range(3)), last, TransientError("never"))
    with pytest.raises(TransientError) as caught:
        await with_retries(call, AT_ONCE)
    assert caught.value is last
    assert call.calls == 4


async def test_one_attempt_is_one_call() -> None:
    """With a single attempt nothing is tried again."""
    call = Flaky(TransientError("1"))
    with pytest.raises(TransientError):
        await with_retries(call, RetryPolicy(attempts=1))
    assert call.calls == 1


@pytest.mark.parametrize("error", [ObjectError("gone"), ValueError("a bug")])
async def test_what_does_not_pass_is_raised_at_once(error: Exception) -> None:
    """Anything but a transient error ends the attempts."""
    call = Flaky(error, error)
    with pytest.raises(type(error)):
        await with_retries(call, AT_ONCE)
    assert call.calls == 1


async def test_waits_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the n-th failure it waits what belongs to n; not after the last."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("streammerge.transfer.backoff.asyncio.sleep", sleep)
    monkeypatch.setattr("streammerge.transfer.backoff.random.uniform", lambda _low, high: high)
    with pytest.raises(TransientError):
        await with_retries(Flaky(*[TransientError("x")] * 5), RetryPolicy(attempts=5, base=0.1, cap=0.7))
    assert waited == pytest.approx([0.2, 0.4, 0.7, 0.7])


@given(failed=st.integers(1, 1000), base=st.floats(0, 10), cap=st.floats(0, 60))
def test_the_wait_is_bounded(failed: int, base: float, cap: float) -> None:
    """Never negative, never above the cap nor the exponential bound."""
    wait = RetryPolicy(base=base, cap=cap).wait(failed)
    assert 0 <= wait <= cap
    assert wait <= base * 2.0**failed


def test_waits_are_spread() -> None:
    """Equal jitter: clients that failed together do not come back together."""
    waits = [RetryPolicy(base=1, cap=100).wait(3) for _ in range(200)]
    assert 4 <= min(waits) < 5
    assert 7 < max(waits) <= 8


def test_a_short_outage_is_outlasted() -> None:
    """However the dice fall, all attempts at a request are not used up within half a minute."""
    retries = RetryPolicy()
    assert all(sum(retries.wait(failed) for failed in range(1, retries.attempts)) > 32 for _ in range(200))


@pytest.mark.parametrize("failed", [1, 64, 1024, 5000])
def test_the_wait_is_finite_after_any_number_of_failures(failed: int) -> None:
    """No number of attempts makes the exponential backoff overflow, or wait beyond the cap."""
    wait = RetryPolicy(attempts=10_000, base=0.1, cap=20.0).wait(failed)
    assert math.isfinite(wait)
    assert 0 <= wait <= 20
