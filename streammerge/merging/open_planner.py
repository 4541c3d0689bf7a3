"""Opens a planner: connects to S3, and checks every prefix before anything is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streammerge.dataset.job import Job
from streammerge.images.gallery import check_thumbnails
from streammerge.listing.opening import open_store
from streammerge.merging.planner import Planner
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy


@asynccontextmanager
async def open_planner(
    job: Job,
    options: Options,
    progress: Progress,
    *,
    lists_first: bool = False,
    settles: bool = True,
    thumbnails: int = 0,
) -> AsyncIterator[Planner]:
    """A Planner on an open store, its prefixes looked at.

    lists_first: nothing is done before all is listed, so that flat sources are judged by counts, not by a sample.
    settles: as for a Decider.
    thumbnails: how many identities its gallery shows.
    """
    check_thumbnails(thumbnails)
    async with open_store(options) as store:
        planner = Planner(
            job,
            store,
            RetryPolicy(options.attempts),
            progress,
            lists_first=lists_first,
            settles=settles,
            thumbnails=thumbnails,
        )
        await planner.probe()
        yield planner
