"""What `status` tells of failures: counted by code, the newest named, in bounded memory."""

import io
import tracemalloc
from collections.abc import Iterator

from samples import copy, etag_of

from streammerge.journal import format as records
from streammerge.journal.summary import summarize
from streammerge.planning.outcomes import Made

BEGAN = records.began("this job", "a into b", "run", 1.0)


def failed(number: int, code: str, at: float = 2.0) -> bytes:
    """A copy that was given up."""
    return records.failed(copy(f"out/id/{number}"), "one", code, f"no {number}", at)


def made(number: int) -> bytes:
    """The same copy, made."""
    return records.copied(copy(f"out/id/{number}"), "one", Made(etag_of("x")), 3.0)


def test_what_was_made_since_does_not_fail_any_more() -> None:
    """The newest record of a target counts; of each code the newest failures are named, newest first."""
    lines = [BEGAN, made(0), *(failed(number, "SlowDown") for number in range(100))]
    lines += [*map(made, range(40)), failed(0, "Denied,"), failed(99, "Denied,", 5.0)]
    told = summarize(io.BytesIO(b"".join(lines)), "the journal")
    assert (told.failed, told.failures_by_code, told.copied) == (61, {"SlowDown": 59, "Denied,": 2}, 41)
    names = [failure.target.rpartition("/")[2] for failure in told.failures]
    assert names == ["99", "0", *map(str, range(98, 78, -1))]
    assert [failure.code for failure in told.failures[:3]] == ["Denied,", "Denied,", "SlowDown"]
    assert told.last == 5.0
    assert told.to_json()["failures"][0]["reason"] == "no 99"


def test_any_number_of_codes() -> None:
    """A server that makes up a code for each is no reason to keep them all."""
    lines = [BEGAN, *(failed(number, f"Code{number}") for number in range(300))]
    told = summarize(io.BytesIO(b"".join(lines)), "the journal")
    assert (told.failed, len(told.failures_by_code)) == (300, 51)
    assert told.failures_by_code["other"] == 250


def test_many_failures_take_little_memory() -> None:
    """They were kept whole: 1.4 kB for each."""

    class Journal(io.BytesIO):
        """A journal that is made while it is read."""

        def __iter__(self) -> Iterator[bytes]:
            yield BEGAN
            for number in range(30_000):
                yield failed(number, "SlowDown")

    tracemalloc.start()
    try:
        assert summarize(Journal(), "the journal").failed == 30_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
