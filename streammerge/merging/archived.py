"""Archived images: stops a merge that would have to copy some, before it does.

Strategy: LIST tells the storage class, but not whether an object is restored, so only the user knows whether a copy can
succeed. Some pages from all over each source are looked at first. Where one has an archived image, everything is listed
once before anything is copied; where none has, and one is found later, nothing more is copied from then on, and the
listing goes on so that all are counted. To list everything first in any case would keep the first copy waiting.
"""

import shlex

from streammerge.dataset.job import Job
from streammerge.merging.planner import Planner
from streammerge.planning.counters import Counters
from streammerge.planning.plan import Decision
from streammerge.report.units import commas, counted


def archived_problem(job: Job, counters: Counters) -> str | None:
    """What is wrong where archived images are to be copied, and how to go on; None where it is not."""
    example = counters.archived_example
    if job.archived != "fail" or not counters.archived_to_copy or example is None:
        return None
    kinds = sum((listed.archived for listed in counters.sources), start=type(counters.verdicts)())
    by_class = ", ".join(f"{commas(count)} {kind}" for kind, count in sorted(kinds.items()))
    bucket, key = job.sources[example.source].location.bucket, example.object.key
    return (
        f"{counted(counters.archived_to_copy, 'image')} to copy archived (in the sources: {by_class}); S3 can copy "
        f"archived objects only after they are restored.\n"
        f"To restore one:          aws s3api restore-object --bucket {bucket} --key {shlex.quote(key)} "
        "--restore-request Days=7 (for many, use S3 Batch Operations)\n"
        "Once they are restored:  --archived try\n"
        "To merge without them:   --archived skip"
    )


async def count_archived(planner: Planner) -> str | None:
    """What `archived_problem` says once everything is listed, which is only done where there may be a problem."""
    if planner.job.archived != "fail" or not planner.sees_archived:
        return None
    dry = planner.afresh()

    async def settle(_: Decision) -> None:
        """Nothing is copied yet."""

    await dry.decide_all(settle)
    return archived_problem(planner.job, dry.counters)
