"""Failures by code: none hides another."""

from streammerge.dataset.counters import EXAMPLES
from streammerge.planning.failures import Failure, Failures


def _failed(failures: Failures, code: str, number: int) -> None:
    failures.count(code)
    failures.example(Failure(f"{code} {number}", f"to {code} {number}", code, "no"))


def test_a_rare_code_is_not_hidden() -> None:
    """It is counted, and its first example comes among the first."""
    failures = Failures()
    for number in range(480):
        _failed(failures, "InvalidObjectState", number)
    _failed(failures, "AccessDenied", 0)
    assert failures.codes == {"InvalidObjectState": 480, "AccessDenied": 1}
    first, second, third, *_ = (failure.code for failure in failures.examples)
    assert (first, second, third) == ("InvalidObjectState", "AccessDenied", "InvalidObjectState")
    assert len(failures.examples) == EXAMPLES


def test_what_is_withdrawn_is_forgotten() -> None:
    """Neither its count nor its example stays."""
    failures = Failures()
    _failed(failures, "AccessDenied", 0)
    failures.count("AccessDenied", -1)
    failures.forget({"to AccessDenied 0"})
    assert (failures.codes, failures.examples) == ({}, [])


def test_a_server_that_makes_up_codes() -> None:
    """They are told apart up to a bound."""
    failures = Failures()
    for number in range(10_000):
        _failed(failures, f"Code{number}", number)
    assert sum(failures.codes.values()) == 10_000
    assert len(failures.codes) == len(failures.examples) == 51
