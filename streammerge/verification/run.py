"""The command `verify`: list, decide, and compare the destination with the plan; writes nothing.

Strategy: decisions are those of a merge. What ETags cannot decide is looked at as it comes: stored checksums may prove
it, and no byte is read. What is left can be compared byte by byte: all of it as it comes, which holds the listing back,
or a sample of it at the end.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from streammerge.cluster.engine import open_cluster
from streammerge.dataset.job import Job
from streammerge.job_files import with_files
from streammerge.journal.journal import read_history
from streammerge.listing.suggestions import suggest
from streammerge.merging.open_planner import open_planner
from streammerge.planning.report import Report
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.settings import check_count
from streammerge.verification.byte_comparison import comparison_pool
from streammerge.verification.doubts import Doubts
from streammerge.verification.findings import Findings
from streammerge.verification.report import (
    BYTES,
    CHANGED,
    CHECKSUM,
    CONTENT,
    ETAG,
    JOURNAL,
    MD5,
    OLDER,
    OTHER_CHECKSUM,
    RECORD,
    SIZE,
    UNPROVEN,
    Verification,
)
from streammerge.verification.stored_checksums import checksum_pool

if TYPE_CHECKING:
    from distributed import Client

    from streammerge.cluster.settings import ClusterSettings

_DEFAULTS = Options()
_SILENT = Progress()


class VerifyArguments(TypedDict, total=False):
    """What `verify` takes by name."""

    progress: Progress
    journal: str | Path | None
    deep: int | Literal["all"]
    thumbnails: int
    cluster: "ClusterSettings | Client | None"


async def verify(job: Job, options: Options = _DEFAULTS, **more: Unpack[VerifyArguments]) -> Verification:
    """Verify that the destination matches what a merge of the sources would make; copies nothing.

    By name, all of it optional:
    journal: as for `merge`; it is only read.
    deep: of how many images that neither ETags nor stored checksums decide about the bytes are read and compared; or
    "all".
    thumbnails: of how many identities the report's page shows images; needs Pillow.
    cluster, progress: as for `merge`.

    Raises UsageError where the input is wrong, RunError where the run cannot continue.
    """
    return await _verify(job, options, **more)


async def _verify(
    job: Job,
    options: Options,
    *,
    progress: Progress = _SILENT,
    journal: str | Path | None = None,
    deep: int | Literal["all"] = 0,
    thumbnails: int = 0,
    cluster: "ClusterSettings | Client | None" = None,
) -> Verification:
    if deep != "all":
        check_count("--deep", deep, at_least=0)
    job = replace(
        with_files(job), if_exists="skip-same"
    )  # a conflict is a difference, whatever a merge would do about it
    async with (
        open_cluster(cluster, progress) as workers,
        open_planner(job, options, progress, lists_first=True, settles=False, thumbnails=thumbnails) as planner,
    ):
        if planner.destination_is_empty:
            planner.warn(f"the destination {job.destination} is empty. {await suggest(planner.store, job.destination)}")
        planner.learn(await read_history(journal, job, planner.store))
        doubts = Doubts(findings := Findings(planner.past), deep)
        async with (
            comparison_pool(planner.store, job, findings.compared_bytes, progress) as doubts.comparisons,
            checksum_pool(planner.store, job, planner.past, doubts.looked, progress) as doubts.checksums,
        ):
            if workers is None:
                await planner.decide_all(doubts.settle)
            else:
                from streammerge.verification.on_cluster import verify_on  # noqa: PLC0415 - loaded only for a cluster

                await verify_on(workers, planner, options, findings, doubts)
            await doubts.conclude(progress)
        gallery = await planner.gallery()
        unplanned = planner.counters.unplanned
        return replace(_verification(planner.report("verify"), findings, unplanned.examples), thumbnails=gallery)


def _verification(report: Report, findings: Findings, unplanned_examples: dict[str, list[str]]) -> Verification:
    proven = findings.count(ETAG, JOURNAL, CHECKSUM, BYTES)
    unproven = findings.counts[UNPROVEN]
    different = findings.count(SIZE, MD5, RECORD, OLDER, OTHER_CHECKSUM, CONTENT, CHANGED)
    return Verification(
        destination=report.destination,
        identities=report.identities,
        skipped_too_few=report.skipped_too_few,
        skipped_too_many=report.skipped_too_many,
        images=report.images,
        bytes=report.bytes,
        right=sum(proven.values()) + unproven,
        proven=proven,
        unproven=unproven,
        missing=findings.missing,
        different=sum(different.values()),
        different_reasons=different,
        unplanned=report.unplanned,
        unplanned_reasons=report.unplanned_reasons,
        folder_markers=report.folder_markers,
        recordio=report.recordio,
        looked_at=findings.looked_at,
        compared=findings.compared,
        bytes_read=findings.bytes_read,
        unreadable=findings.unreadable,
        differences=[example for examples in findings.differences.values() for example in examples],
        unreadable_examples=findings.unreadable_examples,
        unplanned_examples=unplanned_examples,
        images_per_identity=dict(sorted(findings.images_per_identity.items())),
        sources=report.sources,
        rules=report.rules,
        foreign=report.foreign,
        warnings=report.warnings,
        requests=report.requests,
        seconds=report.seconds,
    )
