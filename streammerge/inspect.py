"""The verb `inspect`: list prefixes and say what is in there, before or after a merge."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from streammerge.core.inspected import InspectionReport, NoiseReport, Placement
from streammerge.core.inspection import looks_nested, propose_layout
from streammerge.core.job import Source, check_sources
from streammerge.core.join import EXAMPLES, Census, Identity, Listing
from streammerge.core.keys import Location
from streammerge.core.noise import Noise, Witnesses
from streammerge.core.survey import Survey
from streammerge.core.trouble import trouble
from streammerge.errors import UsageError, unwrap
from streammerge.neighbours import spelling
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Retries
from streammerge.scanning import scan

if TYPE_CHECKING:
    from streammerge.s3.store import S3Store

_DEFAULTS = Options()
_SILENT = Progress()


async def inspect(
    sources: Sequence[Source], options: Options = _DEFAULTS, *, noise: bool = False, progress: Progress = _SILENT
) -> InspectionReport:
    """Say what some prefixes hold, each and together. Only lists.

    A flat prefix whose layout nobody has said is counted by the pattern that its names propose.
    noise: also find equal contents under different identities, with 8 bytes of memory an image, and a second listing
    for the examples if there are any.

    Raises UsageError where a prefix cannot be listed or is empty, RunError where a listing fails half-way: that is
    never taken for its end.
    """
    from streammerge.s3.store import open_store  # noqa: PLC0415 - botocore takes longer to load than --help may

    check_sources(sources)
    started = time.monotonic()
    try:
        async with open_store(options) as store:
            looked = [await _look(store, source) for source in sources]
            seen = [source for source, _ in looked]
            survey, found = await _survey(store, seen, Retries(options.attempts), progress, noise=noise)
            requests = dict(store.requests)
    except BaseExceptionGroup as group:
        raise unwrap(group) from group
    proposed = [mine.layout is not given.layout for mine, given in zip(seen, sources, strict=True)]
    prefixes, together = survey.prefixes(proposed=proposed), survey.together()
    seconds = round(time.monotonic() - started, 3)
    warnings = [oddity for _, oddity in looked if oddity] + trouble(prefixes, together, survey.keeps(), found)
    return InspectionReport(prefixes, together, survey.keeps(), found, warnings, requests, seconds)


async def _look(store: "S3Store", source: Source) -> tuple[Source, str | None]:
    """The source with the layout that it will be counted by, and what is odd, from the first pages below its prefix."""
    page = await store.probe(source.location, delimiter="/")
    if not page.objects and not page.prefixes and page.token is None:
        advice = await spelling(store, source.location)
        raise UsageError(f"{source} is empty: there is nothing below that prefix. {advice}")
    proposal = propose_layout(source, page.objects, len(page.prefixes))
    if proposal is not None:
        return replace(source, layout=proposal), None
    if not source.layout.sorted:
        return source, None
    return source, looks_nested(source, (await store.probe(source.location)).objects)


async def _survey(
    store: "S3Store", sources: Sequence[Source], retries: Retries, progress: Progress, *, noise: bool
) -> tuple[Survey, NoiseReport | None]:
    survey, heard = Survey(sources), Noise() if noise else None

    async def count(identity: Identity) -> None:
        survey.add(identity)
        if heard is not None:
            heard.note(identity)

    await scan(store, _listings(store, sources, survey.censuses), retries, count, listed=progress.listed)
    found = None
    if heard is not None:
        found = await _noise_report(store, sources, retries, progress, heard)
    progress.listing_done()
    return survey, found


async def _noise_report(
    store: "S3Store", sources: Sequence[Source], retries: Retries, progress: Progress, noise: Noise
) -> NoiseReport:
    contents = sum(1 for _ in noise.repeated())
    placements = sum(count for _, count in noise.repeated())
    witnesses = Witnesses([digest for digest, _ in islice(noise.repeated(), EXAMPLES)])

    async def look(identity: Identity) -> None:
        witnesses.look(identity)

    if contents:
        again = _listings(store, sources, [Census() for _ in sources])
        await scan(store, again, retries, look, listed=progress.listed)
    examples = [
        [Placement(identity, sources[position].name, key) for identity, position, key in places]
        for places in witnesses.examples()
    ]
    return NoiseReport(contents, placements, noise.incomparable, examples)


def _listings(
    store: "S3Store", sources: Sequence[Source], censuses: Sequence[Census]
) -> list[tuple[Location, Listing]]:
    return [
        (
            source.location,
            Listing(source.location.prefix, census, source.layout, ordered=store.promises_order(source.location)),
        )
        for source, census in zip(sources, censuses, strict=True)
    ]
