"""A second listing, made only if examples of label noise or twins must be found by their digests."""

from collections.abc import Awaitable, Callable
from itertools import islice

from streammerge.dataset.counters import EXAMPLES
from streammerge.dataset.objects import Identity, S3Object
from streammerge.inspection.label_noise import Noise, Witnesses
from streammerge.inspection.report import NoiseReport, Placement, TwinsReport
from streammerge.inspection.survey import Survey
from streammerge.planning.twins import Spellings

ScanAgain = Callable[[Callable[[Identity], Awaitable[None]]], Awaitable[None]]


async def look_again(
    scan_again: ScanAgain, survey: Survey, noise: Noise | None
) -> tuple[TwinsReport, NoiseReport | None]:
    """What was found of twins and noise. scan_again: lists everything again, and hands over each identity."""
    names = [source.name for source in survey.sources]
    groups, spelt = survey.twins.count()
    repeated = list(islice(noise.repeated(), EXAMPLES)) if noise is not None else []
    witnesses = Witnesses([digest for digest, _ in repeated])
    spellings = Spellings(islice(sorted(survey.twins.digests()), EXAMPLES), names)

    first: dict[str, tuple[int, S3Object]] = {}  # the position of a source, and an image in it, by twin

    async def look(identity: Identity) -> None:
        if spellings.look(identity):
            first[identity.name] = next((n, images[0].object) for n, images in enumerate(identity.members) if images)
        if repeated:
            witnesses.look(identity)

    if repeated or groups:
        await scan_again(look)
    for group in spellings.groups():
        survey.picture(
            "Names that differ in spelling alone", [(twin.identity, *first[twin.identity]) for twin in group]
        )
    twins = TwinsReport(groups, spelt, [group[:EXAMPLES] for group in spellings.groups()])
    return twins, None if noise is None else _noise_report(noise, witnesses, survey)


def _noise_report(noise: Noise, witnesses: Witnesses, survey: Survey) -> NoiseReport:
    contents = sum(1 for _ in noise.repeated())
    placements = sum(count for _, count in noise.repeated())
    examples = list(witnesses.examples())
    for places in examples:
        survey.picture("Same content under different identities", places)
    named = [
        [Placement(identity, survey.sources[position].name, found.key) for identity, position, found in places]
        for places in examples
    ]
    return NoiseReport(contents, placements, noise.incomparable, named)
