"""The window against simulated stores of every kind, and what must hold whatever the answers."""

from math import inf
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limiter_simulation import Client, Run, Store, steady, together

from streammerge.transfer.limiter import Limiter
from streammerge.transfer.pace import SLACK
from streammerge.transfer.rate import SLOWEST

KINDS = pytest.mark.parametrize("queueing", [False, True], ids=["bucket", "queue"])
HIGH = 16384  # a ceiling that is never in the way


def back_at(run: Run, limit: float, since: float) -> float:
    """Seconds from `since` until 90 % of the limit were served in a whole second."""
    return next(
        (step / 4 for step in range(80) if run.rate(since + step / 4, since + step / 4 + 1) >= 0.9 * limit), inf
    )


@KINDS
@pytest.mark.parametrize("latency", [0.001, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("limit", [50, 500, 3500, 10000])
def test_finds_the_knee(limit: int, latency: float, *, queueing: bool) -> None:
    """Any limit at any latency is used after ten seconds, without many refusals or a window far beyond the knee."""
    run = Client(Store(steady(limit), latency, queueing=queueing), Limiter(ceiling=HIGH)).run(14)
    assert run.rate(10, 14) >= 0.85 * limit
    assert run.refusals(5, 14) <= (0.1 if limit < 100 else 0.03 if limit < 1000 else 0.02 if latency > 0.1 else 0.01)
    assert run.limiter.size <= 3 * limit * latency + 16


def test_a_hard_limit_is_used_with_few_refusals() -> None:
    """The bar: 100,000 copies at 100 ms and 3,500 a second, 95 % of the limit after the ramp, 1 % refused at most."""
    run = Client(Store(steady(3500), 0.1), Limiter(), copies=100_000).run(60)
    assert len(run.served) == 100_000
    assert back_at(run, 3500, 0) <= 2
    assert run.rate(10, run.served[-1] - 1) >= 0.95 * 3500
    assert run.refusals() <= 0.0075  # the bar is 0.01


@KINDS
@pytest.mark.parametrize("latency", [0.02, 0.1, 0.3])
def test_follows_a_limit_that_halves_then_doubles(latency: float, *, queueing: bool) -> None:
    """Within ten seconds of either change 90 % of the new limit is served again, and stays so."""
    store = Store(lambda now: 1750 if 10 <= now < 22 else 3500, latency, queueing=queueing)
    run = Client(store, Limiter()).run(34)
    assert back_at(run, 1750, 10) <= 10
    assert back_at(run, 3500, 22) <= 10
    assert run.rate(20, 22) >= 0.9 * 1750
    assert run.rate(32, 34) >= 0.9 * 3500
    assert run.refusals(12, 22) <= 0.02


def test_a_limit_that_halves_is_seen_within_a_round_trip() -> None:
    """Refusals come faster than answers: the reaction does not wait for the round's end."""
    run = Client(Store(lambda now: 1750 if now >= 10 else 3500, 0.3), Limiter()).run(12)
    assert len([at for at in run.refused if at >= 10]) <= 300


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize(("burst", "most"), [(0.1, 0.01), (1.0, 0.02), (3.0, 0.02)])
@pytest.mark.parametrize("seed", [1])
def test_a_bucket_of_any_depth(burst: float, most: float, seed: int, *, late: bool) -> None:
    """The bar: 3,500/s at 100 ms with jitter; what a bucket has saved up, and when it refuses, do not matter."""
    store = Store(steady(3500), 0.1, burst=burst, spread=0.35, refuses_late=late, random=Random(seed))
    run = Client(store, Limiter(), copies=100_000).run(60)
    assert run.rate(10, run.served[-1] - 1) >= 0.95 * 3500
    assert run.refusals() <= most


@pytest.mark.parametrize("body", [0.02, 1.0])
def test_large_bodies_do_not_keep_it_small(body: float) -> None:
    """What their first bytes are waited for decides: as many are in flight as may be, unless that rises."""
    run = Client(Store(steady(1e9), 0.1), Limiter(ceiling=256), body=body).run(12)
    assert run.rate(7, 12) >= 0.9 * 256 / (0.1 + body)


@KINDS
@pytest.mark.parametrize("limit", [50, 500])
def test_large_bodies_at_a_limit(limit: int, *, queueing: bool) -> None:
    """It is used though bodies take ten times as long as their first bytes, with few refusals."""
    run = Client(Store(steady(limit), 0.1, queueing=queueing), Limiter(ceiling=HIGH), body=1.0).run(30)
    assert run.rate(20, 30) >= 0.85 * limit
    assert run.refusals(10, 30) <= 0.1
    assert run.limiter.size <= 4 * limit * 1.1 + 16


@pytest.mark.full
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("burst", [0.1, 1.0, 3.0])
def test_eight_share_a_limit(burst: float, *, late: bool) -> None:
    """Eight use all but a twentieth, each half of an equal share, and take the others' refusals for no noise.

    By chance one of them may fall behind for a while: half of the share is that of the middle one of three runs.
    """
    least = []
    for seed in range(3):
        store = Store(steady(3500), 0.1, burst=burst, spread=0.35, refuses_late=late, random=Random(seed))
        clients = [Client(store, Limiter(), network=0.005, _random=Random(8 * seed + n)) for n in range(8)]
        runs = together(clients, 40)
        rates = [run.rate(20, 40) for run in runs]
        assert sum(rates) >= 0.95 * 3500
        assert sum(run.refusals(5, 40) for run in runs) / 8 <= 0.025
        least.append(8 * min(rates) / sum(rates))
    assert min(least) >= 1 / 3
    assert median(least) >= 0.5


@KINDS
@pytest.mark.parametrize("errors", [0.01, 0.05])
@pytest.mark.parametrize("error_latency", [0.002, 1.0], ids=["fast", "timeout"])
def test_random_errors_do_not_slow_it_down(error_latency: float, errors: float, *, queueing: bool) -> None:
    """A few percent of errors, quick or by timeout, leave the limit in use."""
    store = Store(steady(1000), 0.1, queueing=queueing)
    run = Client(store, Limiter(), errors=errors, error_latency=error_latency).run(16)
    assert run.rate(8, 16) >= 0.85 * 1000


@KINDS
@pytest.mark.parametrize("refusals", [0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize(("limit", "latency", "used"), [(50, 0.1, 0.5), (500, 0.02, 0.8), (3500, 0.1, 0.8)])
def test_random_refusals_do_not_make_it_collapse(
    limit: int, latency: float, used: float, refusals: float, *, queueing: bool
) -> None:
    """Refusals that have nothing to do with load are told from a limit: asking for less spares none of them."""
    run = Client(Store(steady(limit), latency, queueing=queueing, refusals=refusals), Limiter()).run(35)
    assert run.rate(25, 35) >= used * limit


@KINDS
@pytest.mark.parametrize("refusals", [0.0, 0.02])
def test_a_slow_producer_is_not_taken_for_a_limit(refusals: float, *, queueing: bool) -> None:
    """400 copies a second are all made, and the window stays near the 40 in flight that they need."""
    store = Store(steady(3500), 0.1, queueing=queueing, refusals=refusals)
    run = Client(store, Limiter(), produced=400).run(15)
    assert run.rate(5, 15) >= 0.97 * 400
    assert run.largest(since=5) <= 4 * 40
    assert refusals or run.limiter.rate == inf


@pytest.mark.parametrize("latency", [0.001, 0.02, 0.1])
def test_a_client_at_its_own_limit_does_not_balloon(latency: float) -> None:
    """Where the client's CPU does 8,000 a second, more in flight would only wait in it."""
    run = Client(Store(steady(1e6), latency), Limiter(ceiling=HIGH), cpu=1 / 8000).run(10)
    assert run.rate(5, 10) >= 0.95 * 8000
    assert run.largest(since=5) <= 3 * 8000 * latency + 40
    assert run.limiter.rate == inf


@KINDS
def test_comes_back_after_an_outage(*, queueing: bool) -> None:
    """Three seconds of nothing but refusals cost ten more at most, and no storm of requests meanwhile."""
    store = Store(lambda now: 0 if 6 <= now < 9 else 3500, 0.1, queueing=queueing)
    run = Client(store, Limiter()).run(21)
    assert back_at(run, 3500, 9) <= 10
    assert len([at for at in run.refused if 7 <= at < 9]) <= 100


@KINDS
@pytest.mark.parametrize("outage", [0.1, 3.0])
@pytest.mark.parametrize(("limit", "noise"), [(200, 0.0), (1000, 0.0), (1000, 0.05)])
def test_does_not_stay_down_after_an_outage(limit: int, outage: float, noise: float, *, queueing: bool) -> None:
    """However long it was, and whether some are refused at random: most of the limit is in use again 15 s later."""
    store = Store(
        lambda now: 0 if 6 <= now < 6 + outage else limit, 0.1, queueing=queueing, refusals=noise, spread=0.35
    )
    run = Client(store, Limiter()).run(30)
    assert run.rate(6 + outage + 15, 30) >= 0.7 * limit


@pytest.mark.parametrize("late", [0.15, 0.3, 1.0])
def test_refusals_later_than_answers(late: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """They tell the limit as well: what was sent since the first refused one is known by when it was sent."""
    monkeypatch.setattr("limiter_simulation.REFUSAL_LATENCY", late)
    run = Client(Store(steady(1000), 0.1), Limiter()).run(30)
    assert run.rate(15, 30) >= 0.9 * 1000


def test_a_stall_is_over_within_seconds() -> None:
    """A store that answers nothing for three seconds is used as before soon after, not a minute later."""
    store = Store(steady(20_000), lambda now: 3.0 if 5 <= now < 5.2 else 0.05)
    run = Client(store, Limiter(ceiling=512)).run(20)
    assert run.rate(18, 20) >= 0.8 * run.rate(3, 5)


@KINDS
def test_a_latency_that_changes_for_good_is_not_queueing(*, queueing: bool) -> None:
    """Latency five times as high needs five times as many in flight, and gets them."""
    store = Store(steady(2000), lambda now: 0.02 if now < 6 else 0.1, queueing=queueing)
    run = Client(store, Limiter()).run(16)
    assert run.rate(3, 6) >= 0.9 * 2000
    assert run.rate(14, 16) >= 0.9 * 2000


def test_the_default_ceiling_serves_s3_from_afar() -> None:
    """3,500 a second at 300 ms need more than a thousand in flight."""
    run = Client(Store(steady(3500), 0.3), Limiter()).run(14)
    assert run.rate(8, 14) >= 0.95 * 3500


def test_nothing_is_paced_before_the_first_refusal() -> None:
    """A start is never put off while the store has refused nothing."""
    limiter = Limiter()
    for step in range(1000):
        limiter.answered(step * 0.001, 0.1, throttled=False, in_flight=16)
        assert limiter.start_at(step * 0.001) == step * 0.001
    assert limiter.rate == inf


def test_grows_only_while_full() -> None:
    """Answers that come while most slots are free are no reason for more slots; else their number doubles at most."""
    idle, full = Limiter(), Limiter()
    for step in range(1, 50):
        idle.answered(step * 0.001, 0.1, throttled=False, in_flight=8)
        full.answered(step * 0.001, 0.1, throttled=False, in_flight=full.size)
    assert idle.size == 16
    assert 16 < full.size <= 16 + 49


def refused(limiter: Limiter, now: float, latency: float, times: int) -> None:
    """Let a limiter hear of many refusals at once."""
    for step in range(times):
        limiter.answered(now + step * 0.00001, latency, throttled=True, in_flight=200 - step)


def test_a_burst_of_refusals_is_one_reaction() -> None:
    """Refusals of requests that were sent before the limiter reacted change nothing more."""
    limiter = Limiter()
    for step in range(1, 200):
        limiter.answered(step * 0.001, 0.1, throttled=False, in_flight=limiter.size)
    refused(limiter, 0.2, 0.003, 60)
    paced = limiter.rate
    refused(limiter, 0.2006, 0.003, 140)
    assert limiter.rate == paced < inf


def test_the_pace_is_kept() -> None:
    """Starts are spaced by the rate; after a pause no more than the slack is made up for."""
    limiter = Limiter()
    refused(limiter, 0.01, 0.01, 20)
    first = [limiter.start_at(0.1) for _ in range(200)]
    assert first[-1] - first[-10] == pytest.approx(9 / limiter.rate)
    later = [limiter.start_at(60.0) for _ in range(200)]
    assert later[-1] == pytest.approx(60.0 + 199 / limiter.rate - SLACK)


@pytest.mark.parametrize("bounds", [(16, 8, 1), (2, 8, 4), (1, 8, 0)])
def test_refuses_bounds_that_contradict(bounds: tuple[int, int, int]) -> None:
    """A window that could never hold its own bounds is not made."""
    start, ceiling, floor = bounds
    with pytest.raises(ValueError, match="1 <= floor <= start <= ceiling"):
        Limiter(start=start, ceiling=ceiling, floor=floor)


ANSWERS = st.lists(
    st.tuples(
        st.floats(0, 0.2),  # since the answer before
        st.floats(0, 30),  # latency
        st.booleans(),
        st.integers(1, 300),
    ),
    min_size=50,
    max_size=150,
)


@given(answers=ANSWERS, bounds=st.lists(st.integers(1, 200), min_size=3, max_size=3).map(sorted))
def test_bounds_hold_whatever_the_answers(answers: list[tuple[float, float, bool, int]], bounds: list[int]) -> None:
    """Size and pace keep to their bounds, starts are never in the past nor out of order, no answer stops all."""
    floor, start, ceiling = bounds
    limiter = Limiter(start=start, ceiling=ceiling, floor=floor)
    now = before = 1000.0
    for gap, latency, throttled, in_flight in answers:
        now += gap
        rate = limiter.rate
        limiter.answered(now, latency, throttled=throttled, in_flight=in_flight)
        assert floor <= limiter.size <= ceiling
        assert limiter.rate >= max(SLOWEST, rate / 8 if rate < inf else SLOWEST)
        at = limiter.start_at(now)
        assert at >= now
        assert at >= before
        before = at
