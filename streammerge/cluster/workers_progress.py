"""The progress of all workers of a cluster, shown as that of one run."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streammerge.cluster.task_runner import Text
from streammerge.report.progress import Progress, WorkerProgress

_OVER = 5.0  # seconds over which a rate is taken


@dataclass(slots=True)
class _Seen:
    """What a worker has counted: in its task so far, in all its tasks, and samples over time."""

    task: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    samples: deque[tuple[float, int]] = field(default_factory=deque)


class Watch:
    """Adds up what workers have counted."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._workers: dict[str, _Seen] = {}
        self._said = set[str]()

    @property
    def copied(self) -> int:
        """Copies made by the tasks under way."""
        return sum(seen.task["copied"] for seen in self._workers.values())

    @property
    def failed(self) -> int:
        """Copies that have failed in these tasks."""
        return sum(seen.task["failed"] for seen in self._workers.values())

    def look(self, address: str, counts: Counter[str], texts: Sequence[Text]) -> None:
        """Process what a worker's task has counted so far, and show its messages."""
        seen = self._workers.setdefault(address, _Seen())
        self._tell(seen, counts)
        for text, is_warning in texts:
            if text not in self._said:
                self._said.add(text)
                (self._progress.warn if is_warning else self._progress.note)(text)

    def done(self, address: str) -> None:
        """Record that its task is done and its counts are final."""
        self._workers[address].task = Counter()

    def undone(self, address: str) -> None:
        """Take back the counts of a task that will be done again."""
        if address in self._workers:
            self._tell(self._workers[address], Counter())

    def forget(self, address: str) -> None:
        """Take back the counts of a task that is lost with its worker."""
        self.undone(address)
        self._workers.pop(address, None)

    def _tell(self, seen: _Seen, counts: Counter[str]) -> None:
        more = Counter(counts)
        more.subtract(seen.task)
        seen.task = Counter(counts)
        seen.all.update(more)
        progress = self._progress
        progress.listed(more["listed"])
        progress.planned(more["planned"], images=more["images"])
        progress.copied(more["copied"])
        progress.failed(more["failed"])
        if more["throttled"] or more["retried"]:
            progress.retried_elsewhere(throttled=more["throttled"], others=more["retried"])

    def show(self, idle: Mapping[str, float]) -> None:
        """Show the progress of each worker. idle: its idle seconds, by address."""
        now, shown = time.monotonic(), list[WorkerProgress]()
        for address, seconds in idle.items():
            seen = self._workers.setdefault(address, _Seen())
            seen.samples.append((now, seen.all["copied"] or seen.all["listed"]))
            while now - seen.samples[0][0] > _OVER:
                seen.samples.popleft()
            (began, before), (_, after) = seen.samples[0], seen.samples[-1]
            rate = (after - before) / (now - began) if now > began else 0.0
            name = address.rpartition("://")[2]
            shown.append(WorkerProgress(name, rate, seen.all["copied"], seen.all["throttled"], seconds))
        self._progress.workers(shown)
