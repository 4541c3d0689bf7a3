"""Pruning: recorded before it is done, counted as it went, and never beyond what was agreed to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest
from samples import a_job, identity

from streammerge.core.extras import Extras
from streammerge.core.join import EXAMPLES, Census
from streammerge.core.keys import Location
from streammerge.core.plan import decide
from streammerge.core.rendering import render
from streammerge.core.tally import Tally
from streammerge.errors import DeniedError, StreamMergeError, UsageError
from streammerge.pruning import check_prunable, prune

if TYPE_CHECKING:
    from streammerge.journal import Journal


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


def tally_of(count: int) -> Tally:
    """A run that found so many objects of no source."""
    tally = Tally(a_job())
    tally.extras.gather()
    for number in range(count):
        tally.extras.add(f"out/gone/{number}.jpg", "no source")
    return tally


async def agree(_: Extras) -> bool:
    """Yes."""
    return True


async def refuse(_: Extras) -> bool:
    """No."""
    return False


async def test_each_batch_is_recorded_before_it_is_removed() -> None:
    """By thousands, each key once."""
    bucket, tally = Bucket(), tally_of(2500)
    await prune(bucket, tally, agree, cast("Journal", bucket))
    assert [(what, len(keys)) for what, keys in bucket.told] == [
        *(("recorded", 1000), ("removed", 1000)) * 2,
        *(("recorded", 500), ("removed", 500)),
    ]
    assert len({key for what, keys in bucket.told for key in keys if what == "removed"}) == 2500
    assert (tally.removed.total, tally.to_remove, tally.extras.total, tally.extras.some()) == (2500, 2500, 0, [])


async def test_what_cannot_be_removed_stays_counted() -> None:
    """With the reason, and the run is not complete."""
    bucket, tally = Bucket("out/gone/1.jpg"), tally_of(3)
    await prune(bucket, tally, agree, None)
    assert (tally.removed.total, tally.to_remove, tally.extras.by_reason()) == (2, 3, {"no source": 1})
    assert tally.extras.some() == ["out/gone/1.jpg"]
    assert (tally.removed.by_reason(), tally.removed.some()) == (
        {"no source": 2},
        ["out/gone/0.jpg", "out/gone/2.jpg"],
    )
    assert [(failure.key, failure.code, failure.reason) for failure in tally.failures] == [
        ("out/gone/1.jpg", "AccessDenied", "it is locked")
    ]


async def test_nothing_without_a_yes() -> None:
    """Nor is anything recorded; where there is nothing to remove, nobody is asked."""
    bucket, tally = Bucket(), tally_of(3)
    await prune(bucket, tally, refuse, cast("Journal", bucket))
    asked: list[Extras] = []

    async def ask(extras: Extras) -> bool:
        asked.append(extras)
        return True

    await prune(bucket, tally_of(0), ask, cast("Journal", bucket))
    assert (bucket.told, asked, tally.removed.total, tally.to_remove, tally.extras.total) == ([], [], 0, 0, 3)
    assert tally.not_pruned == "not confirmed"


async def test_nothing_while_the_merge_is_not_right() -> None:
    """With a conflict or a failure nobody is asked, and the report says what is waited for."""
    bucket, tally = Bucket(), tally_of(3)
    tally.conflicts, tally.failed, tally.planned = 2, 1, 1

    async def never(_: Extras) -> bool:
        raise AssertionError

    await prune(bucket, tally, never, None)
    report = tally.report("merge", [Census() for _ in tally.job.sources], requests={}, seconds=1)
    said = "2 conflicts, 1 failure: --prune waits for a run without any"
    assert (report.not_pruned, report.removed, report.extra, bucket.told) == (said, 0, 3, [])
    lines = render(report).split("\n")
    assert f"Not removed:   3 ({said})" in lines
    assert "Extra:         3 at the destination outside the plan" in lines


def test_whole_bucket_is_refused() -> None:
    """Whatever else is in it would be lost."""
    check_prunable(a_job())
    job = a_job()
    whole = type(job)(job.sources[:1], Location("elsewhere", ""))
    with pytest.raises(UsageError, match="below a prefix only"):
        check_prunable(whole)


@pytest.mark.parametrize("gathering", [False, True])
def test_extras_of_a_decision_that_was_withdrawn(*, gathering: bool) -> None:
    """They count no longer; keys are kept only where they were asked for."""
    tally = Tally(a_job())
    if gathering:
        tally.extras.gather()
    decision = decide(identity("id", {"a.jpg": "1", "b.jpg": "2"}, {}, {"z.jpg": "3"}), tally.job)
    tally.decided(decision)
    assert tally.extras.by_reason() == {"not in the plan of its identity": 1}
    assert tally.extras.keys == ({"out/id/z.jpg": "not in the plan of its identity"} if gathering else None)
    tally.withdrawn(decision)
    assert (tally.extras.total, tally.extras.by_reason(), tally.extras.some()) == (0, {}, [])
    assert tally.extras.keys == ({} if gathering else None)


def test_some_are_few() -> None:
    """However many there are, of however many reasons."""
    extras = Extras(Location("data", "out/"))
    for number in range(3 * EXAMPLES):
        extras.add(f"out/{number}", str(number % 2))
    assert len(extras.some()) == EXAMPLES
    assert extras.total == 3 * EXAMPLES
