"""The backlog: everybody gets a share, and what is lost again and again is given up."""

from copy import copy

from streammerge.cluster.backlog import Backlog
from streammerge.cluster.task import Done
from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.objects import Identity
from streammerge.listing.listing import Listing


def _backlog() -> Backlog:
    return Backlog([Listing("x/", ListingCounters())], ranges=4)


def _identities(number: int) -> list[Identity]:
    return [Identity(str(position), [[]]) for position in range(number)]


def test_the_first_task_is_short() -> None:
    """It cuts the key space into ranges for all workers, and nothing else can be done meanwhile."""
    backlog = _backlog()
    task = backlog.take(others=3, workers=4)
    assert task is not None
    assert task.eager
    assert task.ranges >= 4
    assert task.seconds < 5
    assert backlog.take(others=2, workers=4) is None
    assert backlog.empty


def test_what_is_left_is_shared() -> None:
    """Ranges and identities that come back are divided by the number of workers."""
    backlog = _backlog()
    first = backlog.take(others=3, workers=4)
    assert first is not None
    backlog.add(Done(rests=list(first.rests) * 8, complete=_identities(4_000)))
    tasks = [backlog.take(others=3 - number, workers=4) for number in range(4)]
    assert [len(task.identities) for task in tasks if task] == [1_000, 750, 563, 422]
    while (task := backlog.take(others=0, workers=4)) and task.identities:
        pass
    assert task is not None
    assert len(task.rests) == 2


def test_a_task_that_is_lost_is_done_again_and_then_given_up() -> None:
    """After three attempts; whatever follows may find copies that a lost worker has made."""
    backlog = _backlog()
    task = backlog.take(others=0)
    attempts = []
    while task is not None:
        attempts.append((task.number, task.attempt, task.lost))
        backlog.again(task)
        task = backlog.take(others=0)
    assert attempts == [(1, 1, False), (1, 2, True), (1, 3, True)]
    assert list(map(str, backlog.given_up)) == ["task 1 (keys from '' to 'the end'): its worker was lost"]
    backlog.decide_last(_identities(1))
    last = backlog.take(others=0)
    assert last is not None
    assert last.lost
    assert last.last


def test_a_task_that_failed_is_done_after_all_others() -> None:
    """What was wrong may be over by then, and its worker is not the first to try again."""
    backlog = _backlog()
    first = backlog.take(others=0)
    assert first is not None
    backlog.add(Done(rests=[copy(rest) for rest in first.rests for _ in range(8)]))
    failed = backlog.take(others=0)
    assert failed is not None
    backlog.again(failed, "no route to S3", later=True)
    others = backlog.take(others=0)
    assert others is not None
    assert others.number != failed.number
    again = backlog.take(others=0)
    assert again is not None
    assert (again.number, again.attempt, again.lost) == (failed.number, 2, True)
    assert backlog.empty
