"""The backlog: what is left to do of a job, and how it becomes tasks. Pure: it neither waits nor sends.

Strategy: an idle worker gets its share of what is left. While there are fewer ranges than workers, one worker cuts
them into many, and returns those after a second. Identities that may have images in several ranges come last, once
everything is listed.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from streammerge.cluster.task import Done, Task
from streammerge.dataset.objects import Identity
from streammerge.listing.key_range import KeyRange
from streammerge.listing.listing import Listing
from streammerge.listing.merge_join import Join
from streammerge.planning.plan import CopyTask

T = TypeVar("T")
_ATTEMPTS = 3  # at a task
_SPREADING = 1.0  # seconds for a task that cuts ranges for others
_LEAST, _IDENTITIES, _COPIES = 64, 1_000, 2_000  # bounds of one task


class GivenUp(NamedTuple):
    """A task that is given up, and why its last attempt failed."""

    task: Task
    why: str

    def __str__(self) -> str:
        return f"{self.task}: {self.why}"


class Backlog:
    """What is left to do. ranges: how many a worker reads at once."""

    def __init__(self, listings: Sequence[Listing], ranges: int) -> None:
        self.shared: list[Identity] = []  # of which several ranges may have images
        self.held: list[Identity] = []  # that an identity map names
        self.given_up: list[GivenUp] = []
        self._ranges = ranges
        self._rests = [KeyRange(Join(listings, {})).rest]
        self._again = deque[Task]()  # whose workers were lost
        self._later = deque[Task]()  # that failed; what was wrong may have passed once the rest is done
        self._identities = deque[Identity]()
        self._copies = deque[CopyTask]()
        self._numbers = 0
        self._lost = False  # whether any task was lost; its ranges may continue in other tasks
        self._last = False  # all ranges are done

    @property
    def empty(self) -> bool:
        """Whether no task is waiting to be taken."""
        return not (self._rests or self._again or self._later or self._identities or self._copies)

    @property
    def begun(self) -> bool:
        """Whether any task was taken."""
        return self._numbers > 0

    @property
    def lacks(self) -> bool:
        """Whether a task was given up that may have images of identities that are complete only at the end."""
        return any(task.rests or (task.identities and not task.last) for task, _ in self.given_up)

    def take(self, others: int, workers: int = 1) -> Task | None:
        """A task for one of the workers, while `others` are idle too; None if nothing is left."""
        if self._again:
            return self._again.popleft()
        if self._copies:
            return self._task(copies=_some(self._copies, workers, _COPIES))
        are_few = len(self._rests) <= others
        if self._identities and (not self._rests or not are_few):
            return self._task(identities=_some(self._identities, workers, _IDENTITIES), last=self._last)
        if not self._rests:
            return self._later.popleft() if self._later else None
        self._rests.sort(key=lambda rest: rest.share, reverse=True)
        taken = self._rests[::workers][: self._ranges]
        self._rests = [rest for rest in self._rests if not any(rest is one for one in taken)]
        is_first, task = not self._numbers, self._task(rests=taken)
        if are_few or is_first:
            return replace(task, ranges=2 * max(workers, self._ranges), eager=True, seconds=_SPREADING)
        return task

    def _task(self, **content: Any) -> Task:
        self._numbers += 1
        return Task(self._numbers, lost=self._lost, ranges=self._ranges, **content)

    def add(self, done: Done) -> None:
        """Take back what a task has left undone."""
        self._rests += done.rests
        self._identities += done.complete
        self._copies += done.large
        self.shared += done.shared
        self.held += done.held

    def decide_last(self, identities: Iterable[Identity]) -> None:
        """Add the identities that were complete only once all ranges were done."""
        self._last = True
        self._identities += identities

    def put(self, task: Task) -> None:
        """Put back a task that has achieved nothing."""
        self._lost = True
        self._again.append(replace(task, lost=True))

    def again(self, task: Task, why: str = "its worker was lost", *, later: bool = False) -> None:
        """Put back a task for another attempt, or give it up after three. later: after all others."""
        self._lost = True
        if task.attempt == _ATTEMPTS:
            self.given_up.append(GivenUp(task, why))
        else:
            (self._later if later else self._again).append(replace(task, attempt=task.attempt + 1, lost=True))


def _some(queue: deque[T], workers: int, most: int) -> list[T]:
    """A worker's share of a queue."""
    return [queue.popleft() for _ in range(min(max(-(-len(queue) // workers), _LEAST), most, len(queue)))]
