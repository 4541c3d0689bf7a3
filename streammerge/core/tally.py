"""The tally: counts while a run goes on, and says at any moment what it has come to, as a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from streammerge.core.cost import Estimate
from streammerge.core.extras import Extras
from streammerge.core.histogram import CAP
from streammerge.core.job import Job
from streammerge.core.join import EXAMPLES, Census
from streammerge.core.plan import KEPT, TOO_FEW, TOO_MANY, Conflict, Copy, Decision
from streammerge.core.report import Failure, Report, Shared, SourceReport
from streammerge.core.throughput import Throughput


@dataclass(slots=True)
class Tally:
    """The counts of a run while it goes on."""

    job: Job
    identities: int = 0
    images: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    dropped: int = 0
    renamed: int = 0
    planned: int = 0  # copies that the plan asks for, beyond what is already there
    copied: int = 0
    present: int = 0
    failed: int = 0
    conflicts: int = 0
    changed: int = 0
    all_decided: bool = False
    to_remove: int = 0
    not_pruned: str | None = None  # why nothing is removed, though it was asked for
    bytes: int = 0
    bytes_planned: int = 0
    bytes_copied: int = 0
    failures: list[Failure] = field(default_factory=list)
    conflict_examples: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    images_per_identity: Counter[int] = field(default_factory=Counter)
    shares: Counter[tuple[int, ...]] = field(default_factory=Counter)  # identities by the sources that have them
    throughput: Throughput = field(default_factory=Throughput)
    extras: Extras = field(init=False)
    removed: Extras = field(init=False)  # those that are gone

    def __post_init__(self) -> None:
        self.extras = Extras(self.job.destination)
        self.removed = Extras(self.job.destination)

    @property
    def left(self) -> int:
        """How many of the planned copies have neither been made nor given up."""
        return self.planned - self.copied - self.failed

    def decided(self, decision: Decision) -> None:
        """Count what was decided about one identity."""
        self._count(decision, 1)
        self.extras.decided(decision)
        for conflict in decision.conflicts:
            self._conflict_example(conflict.copy.target)

    def withdrawn(self, decision: Decision) -> None:
        """Count it no longer, nor what became of it: it is decided anew."""
        self._count(decision, -1)
        self.changed += 1
        self.extras.withdrawn(decision)
        self.copied -= decision.made
        self.bytes_copied -= decision.bytes_made
        self.failed -= decision.failed
        gone = {copy.target for copy in decision.copies}.union(conflict.copy.target for conflict in decision.conflicts)
        self.conflict_examples = [key for key in self.conflict_examples if key not in gone]
        self.failures = [failure for failure in self.failures if failure.target not in gone]

    def _count(self, decision: Decision, sign: int) -> None:
        self.verdicts[decision.verdict] += sign
        self.duplicates += sign * decision.named.duplicates
        self.dropped += sign * decision.named.dropped
        self.conflicts += sign * len(decision.conflicts)
        if decision.verdict != KEPT:
            return
        kept = decision.named.kept
        self.identities += sign
        self.images += sign * len(kept)
        self.images_per_identity[min(len(kept), CAP)] += sign
        self.shares[decision.sources] += sign
        for image, _, name in kept:
            self.bytes += sign * image.size
            self.renamed += sign * (name is not image.name)
        self.planned += sign * len(decision.copies)
        self.bytes_planned += sign * sum(copy.size for copy in decision.copies)
        self.present += sign * len(decision.present)

    def made(self, copy: Copy, decision: Decision) -> None:
        """Count a copy that was made."""
        decision.made += 1
        decision.bytes_made += copy.size
        self.copied += 1
        self.bytes_copied += copy.size

    def was_made(self, copy: Copy, decision: Decision) -> None:
        """Count a copy that is there already since this run has made it, before the decision was withdrawn."""
        decision.present.remove(copy)
        self.present -= 1
        self.planned += 1
        self.bytes_planned += copy.size
        self.made(copy, decision)

    def found_made(self, copy: Copy, decision: Decision) -> None:
        """Count a planned copy that turned out to be there already."""
        decision.copies.remove(copy)
        decision.present.append(copy)
        self.planned -= 1
        self.bytes_planned -= copy.size
        self.present += 1

    def found_taken(self, conflict: Conflict, decision: Decision) -> None:
        """Count a planned copy whose target turned out to hold something else."""
        decision.copies.remove(conflict.copy)
        decision.conflicts.append(conflict)
        self.planned -= 1
        self.bytes_planned -= conflict.copy.size
        self.conflicts += 1
        self._conflict_example(conflict.copy.target)

    def failure(self, failure: Failure, decision: Decision) -> None:
        """Count an object that was not copied."""
        decision.failed += 1
        self.failed += 1
        self.failure_example(failure)

    def was_removed(self, key: str, reason: str) -> None:
        """Count an object that the plan does not want as gone."""
        self.extras.withdraw(key, reason)
        self.removed.add(key, reason)

    def failure_example(self, failure: Failure) -> None:
        """Keep the first few reasons why something could not be done."""
        if len(self.failures) < EXAMPLES:
            self.failures.append(failure)

    def _conflict_example(self, target: str) -> None:
        if len(self.conflict_examples) < EXAMPLES:
            self.conflict_examples.append(target)

    def report(
        self,
        command: str,
        censuses: Sequence[Census],
        *,
        requests: dict[str, int],
        seconds: float,
        estimate: Estimate | None = None,
        stopped: str | None = None,
    ) -> Report:
        """What it has come to; `censuses` are those of the sources, in the job's order. The rest as Report has it."""
        ignored = Counter[str]()
        for census in censuses:
            ignored.update(census.reasons)
        multi_source = sum(count for sources, count in self.shares.items() if len(sources) > 1)
        return Report(
            command=command,
            destination=str(self.job.destination),
            identities=self.identities,
            images=self.images,
            single_source=self.identities - multi_source,
            multi_source=multi_source,
            skipped=self.verdicts[TOO_FEW] + self.verdicts[TOO_MANY],
            skipped_too_few=self.verdicts[TOO_FEW],
            skipped_too_many=self.verdicts[TOO_MANY],
            duplicates=self.duplicates,
            dropped=self.dropped,
            renamed=self.renamed,
            copied=self.copied,
            already_present=self.present,
            failed=self.failed,
            conflicts=self.conflicts,
            not_attempted=self.left,
            changed=self.changed,
            ignored=dict(sorted(ignored.items())),
            extra=self.extras.total,
            bytes=self.bytes,
            bytes_copied=self.bytes_copied,
            bytes_to_copy=self.bytes_planned,
            requests=requests,
            seconds=round(seconds, 3),
            sources=[
                SourceReport(
                    source.name,
                    str(source.location),
                    str(source.layout),
                    census.objects,
                    census.images,
                    dict(sorted(census.reasons.items())),
                    census.examples,
                )
                for source, census in zip(self.job.sources, censuses, strict=True)
            ],
            failures=self.failures,
            conflict_examples=self.conflict_examples,
            extra_examples=self.extras.some(),
            recordio=self.extras.recordio,
            images_per_identity=dict(sorted((+self.images_per_identity).items())),  # without what was withdrawn
            throughput=self.throughput.samples if estimate is None else [],
            estimate=estimate,
            extra_reasons=self.extras.by_reason(),
            overlaps=self._overlaps(),
            rules=self.job.rules,
            warnings=self.warnings,
            removed=self.removed.total,
            removed_reasons=self.removed.by_reason(),
            removed_examples=self.removed.examples,
            not_removed=self.to_remove - self.removed.total,
            not_pruned=self.not_pruned,
            stopped=stopped,
            all_decided=self.all_decided,
        )

    def _overlaps(self) -> list[Shared]:
        pairs = dict.fromkeys(combinations(range(len(self.job.sources)), 2), 0)
        for sources, count in self.shares.items():
            for pair in combinations(sources, 2):
                pairs[pair] += count
        names = [source.name for source in self.job.sources]
        return [Shared(names[one], names[other], count) for (one, other), count in pairs.items()]
