"""Pruning: recorded before it is done, counted as it went, and never beyond what was agreed to."""

import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest
from samples import a_job, identity

from streammerge.dataset.counters import EXAMPLES
from streammerge.dataset.objects import Location
from streammerge.errors import DeniedError, StreamMergeError, UsageError
from streammerge.merging.pruning import check_prunable, prune
from streammerge.merging.unplanned_keys import UnplannedKeys
from streammerge.planning.counters import Counters
from streammerge.planning.plan import decide
from streammerge.planning.report_of_counters import make_report
from streammerge.planning.unplanned import Unplanned

if TYPE_CHECKING:
    from streammerge.journal.journal import Journal


class Bucket:
    """Removes objects, save those that are locked, and records what was told before."""

    def __init__(self, *locked: str) -> None:
        self._locked = locked
        self.told: list[tuple[str, list[str]]] = []

    async def removing(self, targets: list[str]) -> None:
        """As a journal."""
        self.told.append(("recorded", list(targets)))

    async def remove(self, location: Location, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """As a store."""
        assert all(key.startswith(location.prefix) for key in keys)
        self.told.append(("removed", list(keys)))
        return {key: DeniedError("it is locked", code="AccessDenied") for key in keys if key in self._locked}


def counters_of(count: int) -> Counters:
    """A run that found so many objects of no source."""
    counters = Counters(a_job())
    for listed in counters.sources:
        listed.objects = 1
    counters.unplanned.gather(UnplannedKeys())
    for number in range(count):
        counters.unplanned.add(f"out/gone/{number}.jpg", "no source")
    return counters


def gathered(counters: Counters) -> dict[str, str]:
    """The reason by key of all that was gathered."""
    keys = counters.unplanned.keys
    return {} if keys is None else {key: reason for batch in keys.batches(1) for key, reason in batch.items()}


async def agree(_: Unplanned) -> bool:
    """Yes."""
    return True


async def refuse(_: Unplanned) -> bool:
    """No."""
    return False


async def test_each_batch_is_recorded_before_it_is_removed() -> None:
    """By thousands, each key once."""
    bucket, counters = Bucket(), counters_of(2500)
    await prune(bucket, counters, agree, cast("Journal", bucket))
    assert [(what, len(keys)) for what, keys in bucket.told] == [
        *(("recorded", 1000), ("removed", 1000)) * 2,
        *(("recorded", 500), ("removed", 500)),
    ]
    assert len({key for what, keys in bucket.told for key in keys if what == "removed"}) == 2500
    assert (counters.removed.total, counters.to_remove, counters.unplanned.total, counters.unplanned.some()) == (
        2500,
        2500,
        0,
        [],
    )


async def test_what_cannot_be_removed_stays_counted() -> None:
    """With the reason, and the run is not complete."""
    bucket, counters = Bucket("out/gone/1.jpg"), counters_of(3)
    await prune(bucket, counters, agree, None)
    assert (counters.removed.total, counters.to_remove, counters.unplanned.by_reason()) == (2, 3, {"no source": 1})
    assert counters.unplanned.some() == ["out/gone/1.jpg"]
    assert (counters.removed.by_reason(), counters.removed.some()) == (
        {"no source": 2},
        ["out/gone/0.jpg", "out/gone/2.jpg"],
    )
    assert [(failure.key, failure.code, failure.reason) for failure in counters.failures.examples] == [
        ("out/gone/1.jpg", "AccessDenied", "it is locked")
    ]


async def test_nothing_without_a_yes() -> None:
    """Nor is anything recorded; where there is nothing to remove, nobody is asked."""
    bucket, counters = Bucket(), counters_of(3)
    await prune(bucket, counters, refuse, cast("Journal", bucket))
    asked: list[Unplanned] = []

    async def ask(unplanned: Unplanned) -> bool:
        asked.append(unplanned)
        return True

    await prune(bucket, counters_of(0), ask, cast("Journal", bucket))
    assert (bucket.told, asked, counters.removed.total, counters.to_remove, counters.unplanned.total) == (
        [],
        [],
        0,
        0,
        3,
    )
    assert counters.not_pruned == "not confirmed"


async def test_nothing_while_the_merge_is_not_right() -> None:
    """With a conflict or a failure nobody is asked, and the report says what is waited for."""
    bucket, counters = Bucket(), counters_of(3)
    counters.conflicts, counters.failed, counters.planned = 2, 1, 1

    async def never(_: Unplanned) -> bool:
        raise AssertionError

    await prune(bucket, counters, never, None)
    report = make_report(counters, "merge", requests={}, seconds=1)
    said = "not removed because of 2 conflicts, 1 failure"
    assert (report.not_pruned, report.removed, report.unplanned, bucket.told) == (said, 0, 3, [])
    assert f"  Unplanned:     3 ({said})" in str(report).split("\n")


def test_whole_bucket_is_refused() -> None:
    """Whatever else is in it would be lost."""
    check_prunable(a_job())
    job = a_job()
    whole = type(job)(job.sources[:1], Location("elsewhere", ""))
    with pytest.raises(UsageError, match="needs a destination with a prefix"):
        check_prunable(whole)


@pytest.mark.parametrize("gathering", [False, True])
def test_extras_of_a_decision_that_was_withdrawn(*, gathering: bool) -> None:
    """They count no longer; keys are kept only where they were asked for."""
    counters = Counters(a_job())
    if gathering:
        counters.unplanned.gather(UnplannedKeys())
    decision = decide(identity("id", {"a.jpg": "1", "b.jpg": "2"}, {}, {"z.jpg": "3"}), counters.job)
    counters.decided(decision)
    assert counters.unplanned.by_reason() == {"not in the plan of its identity": 1}
    assert gathered(counters) == ({"out/id/z.jpg": "not in the plan of its identity"} if gathering else {})
    counters.withdrawn(decision)
    assert (counters.unplanned.total, counters.unplanned.by_reason(), counters.unplanned.some()) == (0, {}, [])
    assert gathered(counters) == {}


def test_some_are_few() -> None:
    """However many there are, of however many reasons."""
    unplanned = Unplanned(Location("data", "out/"))
    for number in range(3 * EXAMPLES):
        unplanned.add(f"out/{number}", str(number % 2))
    assert len(unplanned.some()) == EXAMPLES
    assert unplanned.total == 3 * EXAMPLES


_MILLIONS = """
import resource, sys
from streammerge.dataset.objects import Location
from streammerge.merging.unplanned_keys import UnplannedKeys
from streammerge.planning.unplanned import Unplanned
count, before = int(sys.argv[1]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with UnplannedKeys() as keys:
    unplanned = Unplanned(Location("bucket", "out/"))
    unplanned.gather(keys)
    for number in range(count):
        unplanned.add(f"out/identity-{number // 4:08}/image-{number:08}.jpg", "no source")
    removed = 0
    for batch in keys.batches(1000):
        for key, reason in batch.items():
            unplanned.withdraw(key, reason)
            removed += 1
    assert (removed, unplanned.total) == (count, 0)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("count", [200_000, pytest.param(5_000_000, marks=pytest.mark.full)])
def test_millions_of_unplanned_objects_take_no_memory(count: int) -> None:
    """--prune keeps their keys on disk; beyond a cache of 16 MB and the examples nothing grows."""
    done = subprocess.run(
        [sys.executable, "-c", _MILLIONS, str(count)], capture_output=True, text=True, timeout=600, check=True
    )
    assert int(done.stdout) < 40  # MB
