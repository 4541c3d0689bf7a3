"""Warnings about the result of a job, once everything is planned."""

from collections.abc import Iterator

from streammerge.dataset.job import Job
from streammerge.planning.counters import Counters
from streammerge.planning.mapping import MISSING
from streammerge.planning.plan import TOO_FEW
from streammerge.report.units import counted


def result_warnings(job: Job, counters: Counters) -> Iterator[str]:
    """What is unusual: empty sources, nothing to merge, an identity map that does not fit, another data set."""
    for source, listed in zip(job.sources, counters.sources, strict=True):
        if not listed.images:
            yield f"source {source} has no images"
    if not counters.identities and counters.verdicts[TOO_FEW]:
        yield f"nothing to merge: no identity has at least {counted(job.min_images, 'image')} (--min-images)"
    if missing := counters.identity_map[MISSING]:
        yield f"{counted(missing, 'identity')} of the identity map not found in any source: check the spelling"
    for reason, count in sorted((+counters.unfit).items()):
        yield (
            f"{counted(count, 'image')} that cannot become files, because of {reason}: `streammerge pull` will refuse "
            "them"
        )
    if counters.staying:
        yield (
            f"{counted(counters.staying, 'identity')} at the destination outside --min-images and --max-images: "
            "their images stay, and ImageFolder will number their folders; --classes and --manifest omit them"
        )
    if counters.foreign:
        yield (
            f"the destination already holds another data set: {counted(counters.unplanned.in_folders, 'object')} not "
            "in the journal of this job, which are not counted. To add to that set, pass --append"
        )


def is_another_set(counters: Counters) -> bool:
    """Whether what is at the destination is mostly in identities' folders, unplanned, and not in this job's journal."""
    unplanned = counters.unplanned
    return unplanned.in_folders > counters.present and not unplanned.of_this_job
