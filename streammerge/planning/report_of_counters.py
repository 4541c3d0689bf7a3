"""Makes the report of a merge or a plan from its counters, at any time of the run."""

from collections import Counter
from itertools import combinations
from typing import Any

from streammerge.planning.cost import Estimate
from streammerge.planning.counters import Counters
from streammerge.planning.plan import TOO_FEW, TOO_MANY
from streammerge.planning.report import Report, Shared, Size, SourceReport

_REPORTED = (  # as they are, under the same names
    "identities", "images", "duplicates", "dropped", "renamed", "capped", "copied", "failed", "too_long", "conflicts",
    "changed", "bytes", "bytes_copied", "archived_to_copy", "conflict_examples", "foreign", "twins", "not_pruned",
    "warnings", "all_decided",
)  # fmt: skip


def make_report(
    run: Counters,
    command: str,
    *,
    requests: dict[str, int],
    seconds: float,
    estimate: Estimate | None = None,
    stopped: str | None = None,
) -> Report:
    """What the run has come to. The arguments are as Report has them."""
    ignored = sum((counters.reasons for counters in run.sources), Counter[str]())
    archived = sum((counters.archived for counters in run.sources), Counter[str]())
    multi_source = sum(count for sources, count in run.shares.items() if len(sources) > 1)
    counts: dict[str, Any] = {name: getattr(run, name) for name in _REPORTED}
    return Report(
        **counts,
        command=command,
        destination=str(run.job.destination),
        single_source=run.identities - multi_source,
        multi_source=multi_source,
        skipped=run.verdicts[TOO_FEW] + run.verdicts[TOO_MANY],
        skipped_too_few=run.verdicts[TOO_FEW],
        skipped_too_many=run.verdicts[TOO_MANY],
        already_present=run.present,
        not_attempted=run.left,
        ignored=dict(sorted(ignored.items())),
        unplanned=run.unplanned.total,
        bytes_to_copy=run.bytes_planned,
        bytes_relayed=run.bytes_relayed,
        requests=requests,
        seconds=round(seconds, 3),
        sources=_source_reports(run),
        failures=run.failures.examples,
        failures_by_code=run.failures.codes,
        archived=dict(sorted(archived.items())),
        unplanned_examples=run.unplanned.some(),
        recordio=run.unplanned.recordio,
        images_per_identity=dict(sorted((+run.images_per_identity).items())),  # without what was withdrawn
        throughput=run.throughput.samples if estimate is None else [],
        estimate=estimate,
        unplanned_reasons=run.unplanned.by_reason(),
        overlaps=_overlaps(run),
        folder_markers=run.unplanned.folder_markers,
        rules=run.job.rules,
        identity_map=dict(+run.identity_map),
        examples=run.examples.by_kind,
        largest=[Size(each.identity, -each.less) for each in run.examples.largest],
        removed=run.removed.total,
        removed_reasons=run.removed.by_reason(),
        removed_examples=run.removed.examples,
        not_removed=run.to_remove - run.removed.total,
        stopped=stopped,
    )


def _source_reports(run: Counters) -> list[SourceReport]:
    return [
        SourceReport(
            source.name,
            str(source.location),
            str(source.layout),
            counters.objects,
            counters.images,
            dict(sorted(counters.reasons.items())),
            counters.examples,
            "relay" if position in run.relayed else "server-side",
            run.to_relay[position],
            run.bytes_to_relay[position],
            sum(count for sources, count in run.shares.items() if position in sources),
            run.kept_images[position],
            run.gained[position],
        )
        for position, (source, counters) in enumerate(zip(run.job.sources, run.sources, strict=True))
    ]


def _overlaps(run: Counters) -> list[Shared]:
    pairs = dict.fromkeys(combinations(range(len(run.job.inputs)), 2), 0)
    for sources, count in run.shares.items():
        for pair in combinations(sources, 2):
            pairs[pair] += count
    names = [source.name for source in run.job.inputs]
    return [Shared(names[one], names[other], count) for (one, other), count in pairs.items()]
