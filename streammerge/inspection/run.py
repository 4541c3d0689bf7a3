"""The command `inspect`: list prefixes and summarize what they hold, before or after a merge."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from streammerge.cluster.engine import open_cluster
from streammerge.cluster.members import Cluster
from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.objects import Identity
from streammerge.dataset.source import Source, check_apart, check_sources
from streammerge.dataset.source_arguments import make_sources
from streammerge.images.gallery import check_thumbnails, from_s3, make_gallery
from streammerge.inspection.decoding import Chosen, Decode, check_decode, decode_images
from streammerge.inspection.label_noise import Noise
from streammerge.inspection.on_cluster import check_countable, survey_on
from streammerge.inspection.report import DecodingReport, InspectionReport, NoiseReport, TwinsReport
from streammerge.inspection.second_look import look_again
from streammerge.inspection.survey import Survey
from streammerge.inspection.warnings import find_warnings
from streammerge.listing.first_level import look_around
from streammerge.listing.layout_check import FirstLevel, first_level, looks_nested, propose_layout
from streammerge.listing.opening import listings_of, look, open_store
from streammerge.listing.scan import one_by_one, scan
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy

if TYPE_CHECKING:
    from distributed import Client

    from streammerge.cluster.settings import ClusterSettings
    from streammerge.s3.client import S3Client

_UNITE = "`plan --identity-map-template FILE` proposes a map that unites them"
_DEFAULTS = Options()
_SILENT = Progress()


class InspectArguments(TypedDict, total=False):
    """What `inspect` takes by name."""

    noise: bool
    decode: Decode
    save_corrupt: str | Path | None
    thumbnails: int
    cluster: "ClusterSettings | Client | None"
    progress: Progress


async def inspect(
    sources: "Sequence[str | Source]", options: Options = _DEFAULTS, **more: Unpack[InspectArguments]
) -> InspectionReport:
    """Summarize what prefixes hold, separately and together. Only lists.

    A flat prefix without an explicit layout is counted using the layout inferred from its file names.

    By name, all of it optional:
    noise: also find equal contents under different identities; takes 8 bytes of memory per image.
    If there are any, or identities that differ only in spelling (8 bytes each), a second listing finds examples.
    decode: the number of images, or "all", that are read and decoded; needs Pillow. save_corrupt: a file (.csv) for the
    corrupt ones, for a job's `ignore_corrupt`.
    thumbnails: the number of identities whose images the report's page shows; reads some images, and needs Pillow.
    cluster: as for `merge`; it supports neither `noise` nor `decode`.
    progress: is told how far the run is; by default nobody is.

    Raises UsageError where a prefix cannot be listed or is empty, RunError where a listing fails before its end.
    """
    return await _inspect(sources, options, **more)


async def _inspect(
    sources: Sequence[str | Source],
    options: Options,
    *,
    noise: bool = False,
    decode: Decode = 0,
    save_corrupt: str | Path | None = None,
    thumbnails: int = 0,
    cluster: "ClusterSettings | Client | None" = None,
    progress: Progress = _SILENT,
) -> InspectionReport:
    check_thumbnails(thumbnails)
    check_decode(decode, save_corrupt)
    if cluster:
        check_countable(noise=noise, decode=decode)
    sources = make_sources(sources)
    check_sources(sources)
    started = time.monotonic()
    async with open_cluster(cluster, progress) as workers, open_store(options) as store:
        looked = [await _look(store, source) for source in sources]
        check_apart(sources, overlap=store.overlap)
        seen = [source for source, _ in looked]
        inspection = _Inspection(store, progress, workers, noise=noise, decode=decode, thumbnails=thumbnails)
        survey, twins, found = await inspection.survey(seen)
        as_folders, nobody = set[str](), set[str]()
        while (better := _judged(sources, survey, as_folders, nobody)) != seen:
            survey, twins, found = await inspection.survey(seen := better)
        decoding = await inspection.decode(survey, save_corrupt)
        progress.listing_done()
        gallery = await make_gallery(survey.choice, from_s3(store), store.deadline, progress)
        requests = dict(inspection.requests + store.requests)
    proposed = [mine.layout is not given.layout for mine, given in zip(seen, sources, strict=True)]
    prefixes, together = survey.prefixes(proposed=proposed), survey.together()
    seconds = round(time.monotonic() - started, 3)
    warnings = [
        *filter(None, [shallow or oddity for shallow, (_, oddity) in zip(survey.shallow(), looked, strict=True)]),
        *find_warnings(prefixes, together, survey.keeps(), found, decoding),
        *survey.labels.warnings(),
        *filter(None, [survey.twins.warning(_UNITE, twins.examples)]),
    ]
    return InspectionReport(
        prefixes, together, survey.keeps(), found, warnings, requests, seconds, decoding=decoding, thumbnails=gallery,
        twins=twins,
    )  # fmt: skip


async def _look(store: "S3Client", source: Source) -> tuple[Source, str | None]:
    """The source with the layout that it will be counted by, and what is odd, from the first pages below its prefix."""
    page = await look(store, source)
    if source.assumed:
        page = await look_around(store, source.location, page)
    proposal = propose_layout(source, first_level(source, page))
    if proposal is not None:
        return replace(source, layout=proposal), None
    if not source.layout.is_folder:
        return source, None
    return source, looks_nested(source, (await store.probe(source.location)).objects)


def _judged(given: Sequence[Source], survey: Survey, counted: set[str], nobody: set[str]) -> list[Source]:
    """The sources with the layouts that counts speak for, where samples had decided.

    counted: names of the sources whose folders were counted, which is final. nobody: of those whose loose images spell
    a single identity, so that their folders count.
    """
    better = list(survey.sources)
    for number, (source, mine, prefix) in enumerate(
        zip(given, survey.sources, survey.prefixes(proposed=[False] * len(given)), strict=True)
    ):
        folders = prefix.in_folders + prefix.nested
        if source.assumed and not mine.layout.is_folder and folders and prefix.identities == 1:
            nobody.add(source.name)
            better[number] = source
        if not source.assumed or source.name in counted | nobody:
            continue
        if not mine.layout.is_folder:
            if folders >= prefix.loose:  # so there may be more folders than loose images
                better[number] = source
            continue
        counted.add(source.name)
        skip = len(source.location.prefix)
        names = [key[skip:] for key in prefix.examples.get("not in a folder", ())]
        level = FirstLevel(prefix.ignored.get("not in a folder", 0), names, prefix.identities)
        if proposal := propose_layout(source, level, sampled=False):
            better[number] = replace(source, layout=proposal)
    return better


class _Inspection:
    """What is asked of an inspection. noise, decode, thumbnails: as `inspect` has them."""

    def __init__(
        self,
        store: "S3Client",
        progress: Progress,
        workers: Cluster | None,
        *,
        noise: bool,
        decode: Decode,
        thumbnails: int,
    ) -> None:
        self.requests = Counter[str]()  # of other processes
        self._workers = workers
        self._store = store
        self._progress = progress
        self._retries = RetryPolicy(store.options.attempts)
        self._noise = noise
        self._thumbnails = thumbnails
        self._decode = decode
        self._chosen = Chosen((), 0)  # by the last survey

    async def survey(self, sources: Sequence[Source]) -> tuple[Survey, TwinsReport, NoiseReport | None]:
        """Count all that the sources hold."""
        survey, heard = Survey(sources, self._thumbnails), Noise() if self._noise else None
        self._chosen = chosen = Chosen(sources, self._decode)

        async def count(identity: Identity) -> None:
            survey.add(identity)
            chosen.note(identity)
            if heard is not None:
                heard.note(identity)

        if advice := self._store.order_advice(source.location for source in sources):
            self._progress.note(advice)
        if self._workers is None:
            await self._scan(sources, count, survey.listing_counters)
        else:
            total = await survey_on(self._workers, self._store, sources, self._thumbnails, self._progress)
            survey = total.survey
            self.requests.update(total.requests)
        twins, found = await look_again(partial(self._scan, sources), survey, heard)
        return survey, twins, found

    async def decode(self, survey: Survey, save_corrupt: str | Path | None) -> DecodingReport | None:
        """Decode what is to be decoded of the images that a survey has counted."""
        if not self._decode:
            return None
        return await decode_images(
            self._store,
            self._chosen,
            sum(counters.images for counters in survey.listing_counters),
            partial(self._scan, survey.sources, progress=Progress()),
            decode=self._decode,
            save_corrupt=save_corrupt,
            progress=self._progress,
        )

    async def _scan(
        self,
        sources: Sequence[Source],
        emit: Callable[[Identity], Awaitable[None]],
        counters: Sequence[ListingCounters] = (),
        progress: Progress | None = None,
    ) -> None:
        """List everything; counters and progress: by default none, and that of the inspection."""
        listings = listings_of(self._store, sources, counters or [ListingCounters() for _ in sources])
        listed = (progress or self._progress).listed
        await scan(self._store, listings, self._retries, one_by_one(emit), listed=listed)
