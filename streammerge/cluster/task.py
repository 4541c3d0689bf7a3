"""A task: a part of a job that one worker does by itself, and its result.

Strategy: a task continues some key ranges, or has identities to decide, or copies to make. It ends when it is done,
when its budget is used up, or when other workers are idle; its result includes what is left of its ranges. It may be
done twice: what a lost worker has copied is found at the destination.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from streammerge.dataset.objects import Identity, Location
from streammerge.errors import StreamMergeError
from streammerge.listing.key_range import Rest
from streammerge.planning.plan import CopyTask
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.slots import Slots

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client  # botocore takes longer to load than --help may

IMAGES = 50_000  # that a task plans, roughly,
SECONDS = 20.0  # or how long it takes, whichever is less
OVERTIME = 1.0  # seconds to count what is listed by then: that takes less than to hand it back


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker has to do.

    last: the identities are those that were complete only once all ranges were done.
    copies: of identities that were decided elsewhere. attempt: 1, or more if workers were lost with it.
    lost: some of its copies may have been made by a worker that was lost.
    ranges: how many are read at once. eager: that many are needed soon, for other workers to continue.
    images, seconds: its budget. works: some object of the job is known to be accessible.
    failures: how many objects may fail before the run stops; None for any number.
    max_rate: requests per second; None for no bound.
    """

    number: int
    rests: Sequence[Rest] = ()
    identities: Sequence[Identity] = ()
    last: bool = False
    copies: Sequence[CopyTask] = ()
    attempt: int = 1
    lost: bool = False
    ranges: int = 1
    eager: bool = False
    images: int = IMAGES
    seconds: float = SECONDS
    works: bool = False
    failures: int | None = None
    max_rate: float | None = None

    def __str__(self) -> str:
        what = [f"{len(self.identities):,} identities"] if self.identities else []
        what += [f"{len(self.copies):,} copies"] if self.copies else []
        what += [f"keys from {rest.reached.low!r} to {rest.reached.high or 'the end'!r}" for rest in self.rests]
        return f"task {self.number} ({', '.join(what)})"


@dataclass(slots=True)
class Done:
    """The result of a task.

    counted: what was counted, to be added to that of other tasks. besides: what a command counts beyond that.
    rests: what is left of its ranges. complete: identities that were listed but not decided.
    shared: identities that may have images in other ranges. held: those that an identity map names.
    large: copies of identities that have too many for one worker.
    journal: lines for it. closed: multipart uploads that were completed or aborted.
    images: to be noted for a manifest. unplanned: keys, with the reason, for --prune.
    stopped: it was told to end early, and let the copies in flight finish.
    """

    counted: Any = None
    besides: Any = None
    rests: Sequence[Rest] = ()
    complete: list[Identity] = field(default_factory=list)
    shared: Sequence[Identity] = ()
    held: Sequence[Identity] = ()
    large: list[CopyTask] = field(default_factory=list)
    journal: bytes = b""
    closed: list[str] = field(default_factory=list)
    images: Any = None
    unplanned: Sequence[tuple[str, str]] = ()
    requests: Counter[str] = field(default_factory=Counter)
    error: StreamMergeError | None = None
    stopped: bool = False


class Tools(NamedTuple):
    """What a worker has for its tasks.

    slots: for all its copies. enough: whether the task should end.
    opened: records a multipart upload, given by target and id, in the journal; returns once that is durable.
    """

    store: "S3Client"
    slots: Slots
    progress: Progress
    enough: Callable[[], bool]
    opened: Callable[[str, str], Awaitable[None]]


class Work(Protocol):
    """What a command does with a job; sent to each worker once, without credentials."""

    @property
    def options(self) -> Options:
        """How to reach S3."""

    @property
    def known(self) -> Sequence[Any]:
        """What each worker has already, so that tasks and results need not contain it."""

    @property
    def ranges(self) -> int:
        """How many ranges a task reads at once."""

    @property
    def locations(self) -> Sequence[Location]:
        """All prefixes that the tasks need."""

    async def do(self, task: Task, done: Done, tools: Tools) -> None:
        """Do a task; its result goes to `done`, however it ends. Raises StreamMergeError, CancelledError."""
