"""The outcomes of a copy task, as values for the counters and the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streammerge.dataset.objects import MAX_KEY_BYTES, S3Object, is_plain_md5, printable
from streammerge.planning.plan import CopyTask, Decision, Past


class Made(NamedTuple):
    """The copy was made.

    etag: the copy's. checksum: of its full object, as `ALGORITHM VALUE`, where S3 gave one and the ETag proves nothing.
    """

    etag: str
    checksum: str = ""


class Present(NamedTuple):
    """The image has come to lie at the target since the destination was listed."""

    found: S3Object


class Occupied(NamedTuple):
    """Something else has come to lie at the target: a conflict."""

    found: S3Object


class Changed(NamedTuple):
    """The source object is not, or no longer, the one that was listed: its identity is to be re-evaluated."""

    reason: str


class Failed(NamedTuple):
    """The copy was given up. `code` is S3's, or the kind of failure."""

    code: str
    reason: str


Outcome = Made | Present | Occupied | Changed | Failed


def too_long(copy: CopyTask) -> Failed:
    """Why a copy cannot be made whose target is too long a key."""
    size = len(copy.target.encode())
    return Failed(
        "KeyTooLongError",
        f"copy {printable(copy.object.key)!r}: its key at the destination would have {size:,} bytes, and S3 allows "
        f"{MAX_KEY_BYTES:,}",
    )


@dataclass(frozen=True, slots=True)
class Execution:
    """A decision while its copies are being made, and what became of those that are settled."""

    decision: Decision
    reevaluated: bool = False  # the decision replaces an earlier one
    outcomes: list[tuple[CopyTask, Outcome]] = field(default_factory=list)

    @property
    def open(self) -> Sequence[CopyTask]:
        """The copies that are not settled."""
        if not self.outcomes:
            return self.decision.copies
        settled = {task.target for task, _ in self.outcomes}
        return [task for task in self.decision.copies if task.target not in settled]


@dataclass(frozen=True, slots=True)
class MadeNow:
    """What this run has made, by target, before what is known of earlier ones."""

    made: Mapping[str, tuple[CopyTask, Made]]
    past: Past | None

    def judges(self, copy: CopyTask, etag: str) -> bool | None:
        """Whether a target with this ETag is the planned copy; None if none is known to have been made."""
        if copy.target not in self.made:
            return self.past.judges(copy, etag) if self.past is not None else None
        task, outcome = self.made[copy.target]
        was, planned = task.object, copy.object
        same = was.key == planned.key or is_plain_md5(was.etag)
        return same and (was.size, was.etag, outcome.etag) == (planned.size, planned.etag, etag)
