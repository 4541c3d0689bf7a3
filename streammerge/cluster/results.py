"""The results of tasks: adds them up, and has a task that failed done again."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from streammerge.cluster.backlog import Backlog
from streammerge.cluster.task import Done, Task
from streammerge.cluster.task_runner import Text
from streammerge.cluster.workers_progress import Watch
from streammerge.dataset.objects import Identity
from streammerge.errors import IncompleteError, StreamMergeError, UsageError
from streammerge.report.units import counted

_NAMED = 3  # tasks that were given up
Answer = tuple[Done, Counter[str], Sequence[Text]]  # what a task came to, its counts, and what it still has to say


class Total(Protocol):
    """What adds up the results of tasks."""

    @property
    def works(self) -> bool:
        """Whether some object is known to be accessible."""

    @property
    def failures(self) -> int | None:
        """How many more objects may fail, less than none if too many have; None for any number."""

    def add(self, done: Done) -> None:
        """Add the result of a task."""

    def last(self, shared: Sequence[Identity], held: Sequence[Identity]) -> list[Identity]:
        """The identities that are complete only once all ranges are done."""


class Recorder(Protocol):
    """A journal."""

    async def add(self, lines: bytes) -> None:
        """Record lines of a task. Raises IncompleteError."""

    async def opening(self, target: str) -> None:
        """Record that a multipart upload is about to be begun; durable on return. Raises IncompleteError."""

    async def opened(self, target: str, upload: str) -> None:
        """Record a multipart upload that was begun; durable on return. Raises IncompleteError."""

    def closed(self, upload: str) -> None:
        """Record that a multipart upload was completed or aborted."""


class Results:
    """Adds up the results of tasks, and records in a journal, if there is one, what they did.

    left_open: open multipart uploads and their targets; once all is done, those that lost workers have left.
    """

    def __init__(self, backlog: Backlog, total: Total, watch: Watch, journal: Recorder | None) -> None:
        self.left_open: dict[str, str] = {}
        self._backlog = backlog
        self._total = total
        self._watch = watch
        self._journal = journal
        self._refused: list[tuple[Task, StreamMergeError]] = []
        self._partial: dict[
            int, tuple[int, Done]
        ] = {}  # by task that failed: its best attempt, and how much that copied

    async def take(self, address: str, task: Task, answer: Answer, *, final: bool) -> StreamMergeError | None:
        """Process the result of a task; returns why it failed, if it is to be done again.

        final: nothing is done again. Raises IncompleteError if too many objects have failed or the journal fails.
        """
        done, counts, texts = answer
        await self._record(done)
        self._watch.look(address, counts, texts)
        error, too_many = done.error, None if final else self.too_many_failed()
        if error is None or too_many or final:
            self._partial.pop(task.number, None)
            self._watch.done(address)
            self._backlog.add(done)
            self._total.add(done)
            error = None
        else:
            self._watch.undone(address)
            if isinstance(error, UsageError) and not task.works:
                self._refused.append((task, error))  # all it tried was refused; other tasks may fare better
                error = None
            else:
                if counts["copied"] >= self._partial.get(task.number, (0,))[0]:
                    self._partial[task.number] = counts["copied"], done
                self._backlog.again(task, str(error), later=True)
        if too_many:
            raise too_many
        if self._refused and self._total.works:
            for refused, _ in self._refused:
                self._backlog.put(refused)
            self._refused.clear()
        return error

    def too_many_failed(self) -> IncompleteError | None:
        """The error that ends the run if more objects have failed than may, counting tasks under way."""
        left = self._total.failures
        if left is None or self._watch.failed <= left:
            return None
        return IncompleteError(
            "more objects failed than --max-failures allows. What was done is kept; run the same command again to "
            "resume"
        )

    async def _record(self, done: Done) -> None:
        if self._journal is not None:
            for upload in done.closed:
                self.left_open.pop(upload, None)
                self._journal.closed(upload)
            if done.journal:
                await self._journal.add(done.journal)

    async def begun(self, uploads: Sequence[tuple[str, str]]) -> None:
        """Record multipart uploads that were begun, or are about to be, and have no id; durable on return.

        Raises IncompleteError.
        """
        for target, upload in uploads:
            if self._journal is not None and not upload:
                await self._journal.opening(target)
            elif self._journal is not None and upload not in self.left_open:
                self.left_open[upload] = target
                await self._journal.opened(target, upload)

    def check_refused(self) -> None:
        """Raises the first refusal if nothing has worked."""
        if self._refused:
            raise self._refused[0][1]

    def end(self) -> None:
        """At the end, add what tasks that failed have achieved."""
        for _, done in self._partial.values():
            self._total.add(done)

    def check_given_up(self) -> None:
        """Raises IncompleteError if tasks were given up."""
        if given_up := self._backlog.given_up:
            raise IncompleteError(
                f"{counted(len(given_up), 'task')} given up after three attempts each: "
                f"{'; '.join(map(str, given_up[:_NAMED]))}. What does not depend on them is done; run the same command "
                "again to resume"
            )
