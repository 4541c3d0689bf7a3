"""What is unusual about a result: said in the same order whatever order identities came in."""

from collections import Counter
from itertools import permutations

from streammerge.dataset.job import make_job
from streammerge.merging.result_warnings import result_warnings
from streammerge.planning.counters import Counters


def test_warnings_of_names_that_cannot_be_files_come_in_one_order() -> None:
    """Several ranges are read at once, so which reason is met first is chance."""
    counters = Counters(make_job(["s3://bucket/one/"], "s3://bucket/out/"))
    said = set()
    for reasons in permutations(["a NUL character in its name", "an empty name ('//') in its path"]):
        counters.unfit = Counter(dict.fromkeys(reasons, 1))
        said.add(tuple(result_warnings(counters.job, counters)))
    assert len(said) == 1
