"""What an identity map may say, and how it is part of a job."""

import pytest

from streammerge.dataset.identity_map import Mapped, check_map
from streammerge.dataset.job import Job, make_job
from streammerge.errors import UsageError


def _job(*rows: Mapped) -> Job:
    job = make_job(["one=s3://data/one/", "two=s3://data/two/"], into="s3://data/out/", identity_map="map.csv")
    return Job(job.sources, job.destination, identity_map=job.identity_map, mapping=rows)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([("three", "a", "b")], "has a row for source 'three'; the sources are one, two"),
        ([("one", "a", "b"), ("one", "a", "c")], "maps 'a' of one both to 'b' and to 'c'"),
        ([("one", "a", "b"), ("one", "b", "c")], "maps 'a' of one to 'b', and that one to 'c'"),
        ([("one", "a", "b"), ("one", "b", "a")], "maps 'a' of one to 'b', and that one to 'a'"),
        ([("one", "a", "b"), ("one", "b", "")], "maps 'a' of one to 'b', and that one to ''"),
        ([("one", "a", "b/c")], "must not contain '/'"),
        ([("one", "a", ".a")], "ignored as hidden or junk"),
        ([("one", "a", "@eaDir")], "ignored as hidden or junk"),
        ([("one", "a", "..")], "nor be '.' or '..'"),
    ],
)
def test_what_makes_no_sense_is_refused(rows: list[tuple[str, str, str]], problem: str) -> None:
    """The message names the row."""
    with pytest.raises(UsageError) as caught:
        check_map([Mapped(*row) for row in rows], ["one", "two"])
    assert problem in str(caught.value)


def test_what_makes_sense() -> None:
    """Rows that change nothing, the same row twice, several that become one, names that another source has."""
    rows = [
        ("one", "a", "a"),
        ("one", "b", "c"),
        ("one", "b", "c"),
        ("two", "c", "a"),
        ("two", "d", ""),
        ("one", "e", "a"),
        ("one", ".F", ".f"),
    ]
    check_map([Mapped(*row) for row in rows], ["one", "two"])


def test_the_rows_decide_the_plan_and_the_file_does_not() -> None:
    """The journal of a job is found again wherever the file lies, in whatever order it is written."""
    one, two = Mapped("one", "a", "b"), Mapped("two", "a", "c")
    plain = make_job(["one=s3://data/one/", "two=s3://data/two/"], into="s3://data/out/")
    assert _job().fingerprint == plain.fingerprint
    assert _job(one, two).fingerprint == _job(two, one).fingerprint
    assert len({_job().fingerprint, _job(one).fingerprint, _job(one, two).fingerprint}) == 3
