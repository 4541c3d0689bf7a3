"""Does a task within its budget, and returns a result however it ends."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from streammerge.cluster.task import Done, Task, Tools, Work
from streammerge.errors import StreamMergeError, ThrottledError, TransientError, unwrap
from streammerge.report.progress import Progress
from streammerge.transfer.slots import Slots

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client  # botocore takes longer to load than --help may

_AT_LEAST = 0.5  # seconds that a task takes even if other workers are idle


Text = tuple[str, bool]  # a note, and whether it is a warning


class Told(NamedTuple):
    """What a task has told. uploads: those that were begun, each as target and upload id."""

    texts: list[Text]
    uploads: list[tuple[str, str]]


class Reports(Progress):
    """Collects what one task reports to the driver: counts, texts, and multipart uploads for the journal."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.texts: list[Text] = []
        self._uploads: list[tuple[str, str, asyncio.Future[None]]] = []
        self._told = (0, 0)  # texts and uploads, when they were last asked for

    def tell(self, *, heard: bool) -> Told:
        """What is new, and what was told before but not heard.

        heard: what was told last has arrived, and its uploads are recorded. May be called on any thread.
        """
        texts, uploads = self._told
        if heard:
            del self.texts[:texts]
            for _, _, recorded in self._uploads[:uploads]:
                recorded.get_loop().call_soon_threadsafe(_set, recorded)
            del self._uploads[:uploads]
        told = Told(list(self.texts), [(target, upload) for target, upload, _ in self._uploads])
        self._told = len(told.texts), len(told.uploads)
        return told

    async def opened(self, target: str, upload: str) -> None:
        """Report a multipart upload that was begun, or one without an id that is about to be, until it is recorded."""
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._uploads.append((target, upload, recorded))
        await recorded

    def listed(self, keys: int) -> None:
        """Count."""
        self.counts["listed"] += keys

    def planned(self, copies: int, *, images: int = 0) -> None:
        """Count."""
        self.counts["planned"] += copies
        self.counts["images"] += images

    def copied(self, copies: int) -> None:
        """Count."""
        self.counts["copied"] += copies

    def failed(self, copies: int) -> None:
        """Count."""
        self.counts["failed"] += copies

    def retried(self, error: TransientError) -> None:
        """Count."""
        self.counts["throttled" if isinstance(error, ThrottledError) else "retried"] += 1

    def note(self, text: str) -> None:
        """Keep it."""
        self.texts.append((text, False))

    def warn(self, text: str) -> None:
        """Keep it."""
        self.texts.append((text, True))


def _set(recorded: "asyncio.Future[None]") -> None:
    if not recorded.done():
        recorded.set_result(None)


async def do(
    work: Work, task: Task, *, store: "S3Client", slots: Slots, reports: Reports, wanted: Callable[[], bool]
) -> Done:
    """Do a task. wanted: whether other workers are idle.

    Errors are part of the result. If cancelled, it lets the copies in flight finish, and returns as usual.
    """
    began = time.monotonic()

    def enough() -> bool:
        passed = time.monotonic() - began
        return passed >= (_AT_LEAST if wanted() else task.seconds) or reports.counts["images"] >= task.images

    done, before = Done(), Counter(store.requests)
    store.deadline.clear()  # an earlier task may have started it
    try:
        await work.do(task, done, Tools(store, slots, reports, enough, reports.opened))
    except asyncio.CancelledError:
        done.stopped = True
    except BaseException as failed:
        error = unwrap(failed)
        if not isinstance(error, StreamMergeError):
            raise
        done.error = error
    done.requests = Counter(store.requests)
    done.requests.subtract(before)
    return done
