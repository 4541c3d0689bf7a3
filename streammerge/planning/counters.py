"""The counters of a run: they count decisions and outcomes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Self, TypeVar

from streammerge.dataset.counters import ListingCounters, keep
from streammerge.dataset.file_names import unfit_among
from streammerge.dataset.histogram import CAP
from streammerge.dataset.job import Job
from streammerge.dataset.objects import ARCHIVED
from streammerge.planning.examples import Examples
from streammerge.planning.failures import Failure, Failures
from streammerge.planning.outcomes import Failed, Made, Occupied, Outcome, Present, too_long
from streammerge.planning.plan import KEPT, NO_SOURCE, CopyTask, Decision
from streammerge.planning.throughput import Throughput
from streammerge.planning.unplanned import Unplanned

T = TypeVar("T")


@dataclass(slots=True)
class Counters:
    """The counts of a run while it goes on. `sources` has what each source was seen to hold."""

    job: Job
    identities: int = 0
    images: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    dropped: int = 0
    renamed: int = 0
    capped: int = 0
    identity_map: Counter[str] = field(default_factory=Counter)  # what became of the identities that it names
    planned: int = 0  # copies that the plan asks for, beyond what is already there
    copied: int = 0
    present: int = 0
    failed: int = 0
    too_long: int = 0  # of these
    unfit: Counter[str] = field(default_factory=Counter)  # images that cannot become files, by reason
    conflicts: int = 0
    changed: int = 0
    all_decided: bool = False
    archived_to_copy: int = 0
    archived_example: CopyTask | None = None
    relayed: frozenset[int] = frozenset()  # positions of the sources whose objects go through this machine
    to_relay: Counter[int] = field(default_factory=Counter)  # planned copies of these, by source
    bytes_to_relay: Counter[int] = field(default_factory=Counter)
    bytes_relayed: int = 0
    foreign: bool = False  # as Report has it
    twins: int = 0  # as Report has them
    staying: int = 0  # identities that --append leaves at the destination, though they are not kept
    to_remove: int = 0
    not_pruned: str | None = None  # why nothing is removed, though it was asked for
    bytes: int = 0
    bytes_planned: int = 0
    bytes_copied: int = 0
    failures: Failures = field(default_factory=Failures)
    conflict_examples: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    images_per_identity: Counter[int] = field(default_factory=Counter)
    shares: Counter[tuple[int, ...]] = field(default_factory=Counter)  # identities by the sources that have them
    kept_images: Counter[int] = field(default_factory=Counter)  # by position of the source
    gained: Counter[int] = field(default_factory=Counter)  # identities that have too few images without a source
    examples: Examples = field(default_factory=Examples)
    throughput: Throughput = field(default_factory=Throughput)
    sources: list[ListingCounters] = field(init=False)
    unplanned: Unplanned = field(init=False)
    removed: Unplanned = field(init=False)  # those that are gone

    def __post_init__(self) -> None:
        self.sources = [ListingCounters() for _ in self.job.sources]
        self.unplanned = Unplanned(self.job.destination)
        self.removed = Unplanned(self.job.destination)

    @property
    def left(self) -> int:
        """How many of the planned copies have neither been made nor given up."""
        return self.planned - self.copied - self.failed

    def decided(self, *decisions: Decision) -> None:
        """Count decisions, each about one identity."""
        self._count(decisions, 1)
        self.examples.decided(decisions)
        for decision in decisions:
            if decision.unplanned:
                self.unplanned.decided(decision)
            for task in decision.impossible:
                self.failures.example(Failure(task.object.key, task.target, *too_long(task)))
            for conflict in decision.conflicts:
                self._conflict_example(conflict.copy.target)

    def withdrawn(self, decision: Decision, outcomes: Iterable[tuple[CopyTask, Outcome]] = ()) -> None:
        """Count a decision no longer, nor what became of its copies: its identity is re-evaluated."""
        self._count([decision], -1)
        self.examples.withdrawn(decision.identity.name)
        for task, outcome in outcomes:
            self._settle(task, outcome, -1)
        self.changed += 1
        self.unplanned.withdrawn(decision)
        gone = {copy.target for copy in (*decision.copies, *decision.impossible)}.union(
            conflict.copy.target for conflict in decision.conflicts
        )
        self.conflict_examples = [key for key in self.conflict_examples if key not in gone]
        self.failures.forget(gone)

    def _count(self, decisions: Sequence[Decision], sign: int) -> None:
        """Count many at once: each quantity of all of them, which takes half of the CPU of one by one."""
        _count_each(self.verdicts, [decision.verdict for decision in decisions], sign)
        self.duplicates += sign * sum([decision.named.duplicates for decision in decisions])
        self.dropped += sign * sum([decision.named.dropped for decision in decisions])
        self.conflicts += sign * sum([len(decision.conflicts) for decision in decisions])
        kept = [decision for decision in decisions if decision.verdict == KEPT]
        if kept:
            self._count_kept(kept, sign)
        if self.job.append:
            others = [decision for decision in decisions if decision.verdict not in {KEPT, NO_SOURCE}]
            self.staying += sign * sum([bool(decision.identity.members[-1]) for decision in others])

    def _count_kept(self, decisions: Sequence[Decision], sign: int) -> None:
        shapes = Counter([(each.sources, tuple(map(len, each.named.kept))) for each in decisions])
        for (sources, images), count in shapes.items():  # most identities have one of a few shapes
            self._count_shape(sources, images, sign * count)
        self.renamed += sign * sum([each.named.renamed for each in decisions])
        self.capped += sign * sum([each.named.capped for each in decisions])
        self.present += sign * sum([len(each.present) for each in decisions])
        copies = [copy for each in decisions for copy in each.copies]
        others = [*_not_to_make(decisions)]
        size = sum([copy[0][1] for copy in copies])
        self.bytes += sign * (size + sum([copy.object.size for copy in others]))
        for reason in unfit_among([copy[2] for copy in (*copies, *others)], len(self.job.destination.prefix)):
            self.unfit[reason] += sign
        if impossible := [task for each in decisions for task in each.impossible]:
            self._count_impossible(impossible, sign)
        if copies:
            self._count_copies(copies, size, sign)

    def _count_shape(self, sources: tuple[int, ...], images: Sequence[int], count: int) -> None:
        """Count so many identities that have equally many images of each source."""
        total = sum(images)
        self.identities += count
        self.images += count * total
        self.images_per_identity[min(total, CAP)] += count
        self.shares[sources] += count
        for source in sources:
            self.kept_images[source] += count * images[source]
            if total - images[source] < self.job.min_images:
                self.gained[source] += count

    def _count_impossible(self, tasks: Sequence[CopyTask], sign: int) -> None:
        self.planned += sign * len(tasks)
        self.too_long += sign * len(tasks)
        for task in tasks:
            self._settle(task, too_long(task), sign)

    def _count_copies(self, copies: Sequence[CopyTask], size: int, sign: int) -> None:
        """size: of all of them, in bytes."""
        self.planned += sign * len(copies)
        self.bytes_planned += sign * size
        if not ARCHIVED.isdisjoint([copy[0][4] for copy in copies]):
            archived = [copy for copy in copies if copy.object.storage_class in ARCHIVED]
            self.archived_to_copy += sign * len(archived)
            for copy in {copy.identity: copy for copy in reversed(archived)}.values():  # the first of each identity
                self._archived_example(copy)
        if self.relayed:
            for copy in copies:
                self._count_relay(copy, sign)

    def settled(self, task: CopyTask, outcome: Outcome) -> None:
        """Count what became of a copy of a decision that is counted."""
        self._settle(task, outcome, 1)
        if isinstance(outcome, Made):  # as nearly all are
            return
        if isinstance(outcome, Failed):
            self.failures.example(Failure(task.object.key, task.target, *outcome))
        elif isinstance(outcome, Occupied):
            self._conflict_example(task.target)

    def _settle(self, task: CopyTask, outcome: Outcome, sign: int) -> None:
        size = sign * task.object.size
        if isinstance(outcome, Made):
            self.copied += sign
            self.bytes_copied += size
            self.bytes_relayed += size * (task.source in self.relayed)
        elif isinstance(outcome, Failed):
            self.failed += sign
            self.failures.count(outcome.code, sign)
        elif isinstance(outcome, Present | Occupied):  # there is no copy to make
            self.planned -= sign
            self.bytes_planned -= size
            self.present += sign * isinstance(outcome, Present)
            self.conflicts += sign * isinstance(outcome, Occupied)
            self._count_relay(task, -sign)

    def _count_relay(self, copy: CopyTask, sign: int) -> None:
        if copy.source in self.relayed:
            self.to_relay[copy.source] += sign
            self.bytes_to_relay[copy.source] += sign * copy.object.size

    def found_again(self, task: CopyTask) -> None:
        """Count what a decision has as present as a copy to make: this run has made it, and nobody heard of it."""
        self.present -= 1
        self._count_copies([task], task.object.size, 1)

    def was_removed(self, key: str, reason: str) -> None:
        """Count an object that the plan does not want as gone."""
        self.unplanned.withdraw(key, reason)
        self.removed.add(key, reason)

    def _conflict_example(self, target: str) -> None:
        keep(self.conflict_examples, target)

    def _archived_example(self, copy: CopyTask) -> None:
        if self.archived_example is None or copy.target < self.archived_example.target:
            self.archived_example = copy

    def __iadd__(self, other: Self) -> Self:
        """Count what was counted of another part of the same job; neither warnings nor throughput are taken over."""
        for mine, name in ((getattr(self, one.name), one.name) for one in fields(self)):
            theirs = getattr(other, name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif type(mine) is int:
                setattr(self, name, mine + theirs)
        self.examples += other.examples
        self.failures += other.failures
        self.unplanned += other.unplanned
        self.removed += other.removed
        for target in other.conflict_examples:
            self._conflict_example(target)
        if other.archived_example is not None:
            self._archived_example(other.archived_example)
        for listed, more in zip(self.sources, other.sources, strict=True):
            listed += more  # noqa: PLW2901 - in place
        return self


def _not_to_make(decisions: Iterable[Decision]) -> Iterator[CopyTask]:
    """The planned copies that are there, in conflict, or impossible."""
    for decision in decisions:
        if decision.present or decision.conflicts or decision.impossible:
            yield from decision.present
            yield from (conflict.copy for conflict in decision.conflicts)
            yield from decision.impossible


def _count_each(counter: Counter[T], values: Iterable[T], sign: int) -> None:
    (counter.update if sign > 0 else counter.subtract)(values)
