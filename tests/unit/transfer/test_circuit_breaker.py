"""The circuit breaker: what stops a run, and what is the failure of single objects."""

import pytest

from streammerge.errors import DeniedError, IncompleteError, ObjectError, S3Error, TransientError, UsageError
from streammerge.transfer.circuit_breaker import SAMPLE, CircuitBreaker

GIVEN_UP = TransientError("copy 'a.jpg': no answer")
DENIED = DeniedError("copy 'b.jpg': AccessDenied", status=403)


def in_doubt(error: S3Error = GIVEN_UP, times: int = 64) -> CircuitBreaker:
    """A breaker that has seen so many fail in a row that it doubts."""
    breaker = CircuitBreaker(4, advise=lambda error: "It needs s3:GetObject" if error.status == 403 else "")
    for _ in range(times):
        assert not breaker.doubtful
        breaker.settled(error)
    assert breaker.doubtful
    return breaker


def draw(breaker: CircuitBreaker, *drawn: S3Error | None) -> None:
    """A random sample of the plan."""
    with breaker.drawing():
        for each in drawn:
            breaker.settled(each)


@pytest.mark.parametrize("other", [None, ObjectError("too long")])
def test_a_doubt_of_s3_is_many_in_a_row(other: S3Error | None) -> None:
    """A success, or a refusal, in between: then S3 is at work."""
    breaker = in_doubt()
    breaker.settled(other)
    assert not breaker.doubtful


def test_an_outage_is_a_sample_that_fails() -> None:
    """However many fail in a row, they may lie together; as many that were drawn at random do not."""
    breaker = in_doubt()
    for _ in range(5000):
        breaker.settled(GIVEN_UP)
    with pytest.raises(IncompleteError, match=r"the last 5,320 objects.* after 4 attempts.* last one: copy 'a.jpg'"):
        draw(breaker, *[GIVEN_UP] * SAMPLE)


def test_a_small_sample_that_fails_is_an_outage_once_there_is_no_more() -> None:
    """All the rest of the plan has failed then."""
    with pytest.raises(IncompleteError, match="the last 67 objects"):
        draw(in_doubt(), *[GIVEN_UP] * 3)


def test_where_few_can_be_had_more_fail_in_a_row_by_chance() -> None:
    """Where one of 100 succeeds, 1,000 others in a row are nothing, and 2,000 are a failure of S3."""
    one_of_100 = [None, *[GIVEN_UP] * 99] * 10
    draw(in_doubt(), *one_of_100, *[GIVEN_UP] * 1000)
    with pytest.raises(IncompleteError):
        draw(in_doubt(), *one_of_100, *[GIVEN_UP] * 2000)


def test_denials_without_a_success_are_a_missing_permission() -> None:
    """After some hundreds, drawn at random, or at the end if there are fewer objects; the first one is quoted."""
    with pytest.raises(UsageError, match=r"access denied: copy 'b.jpg': AccessDenied\. It needs s3:GetObject"):
        draw(in_doubt(DENIED, 128), *[DENIED] * SAMPLE)
    few = CircuitBreaker(4)
    few.settled(DENIED)
    with pytest.raises(UsageError, match="access denied"):
        few.ended()


def test_refusals_of_any_code_without_a_success_stop_the_run() -> None:
    """A bucket without ACLs, a key that is disabled: what holds for every object need not be a denial."""
    refused = ObjectError("copy 'c.jpg': AccessControlListNotSupported")
    with pytest.raises(UsageError, match=r"S3 refuses every object, the first one with: copy 'c.jpg': AccessControl"):
        draw(in_doubt(refused, 128), *[refused] * SAMPLE)


@pytest.mark.parametrize("evidence", ["succeeded", "present"])
def test_denials_beside_anything_else_are_of_single_objects(evidence: str) -> None:
    """Some objects may not be read; the others are copied."""
    breaker = CircuitBreaker(4)
    if evidence == "present":
        breaker.works()
    else:
        breaker.settled(None)
    for _ in range(1000):
        breaker.settled(DENIED)
        assert not breaker.doubtful
    breaker.ended()


def test_more_failures_than_may_be_stop_the_run() -> None:
    """At the first one too many, whatever succeeded."""
    breaker = CircuitBreaker(4, max_failures=2)
    for error in (None, DENIED, None, DENIED):
        breaker.settled(error)
    with pytest.raises(IncompleteError, match="3 objects failed, more than --max-failures allows"):
        breaker.settled(DENIED)


def test_nothing_at_all_is_no_failure() -> None:
    """A run without objects ends well."""
    CircuitBreaker(4, max_failures=0).ended()


def test_few_refusals_stop_a_run_where_it_is_known_what_to_change() -> None:
    """A run of two objects that ends with advice; without any, its report has the failures."""
    refused = ObjectError("copy 'c.jpg': NoAcls", code="NoAcls", status=400)
    known = CircuitBreaker(4, advise=lambda error: f"Omit --acl ({error.code})")
    unknown = CircuitBreaker(4)
    for breaker in (known, unknown):
        breaker.settled(refused)
        breaker.settled(refused)
    unknown.ended()
    with pytest.raises(UsageError, match=r"the first one with: copy 'c.jpg': NoAcls\. Omit --acl \(NoAcls"):
        known.ended()
