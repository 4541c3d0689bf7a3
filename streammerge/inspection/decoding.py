"""Decodes inspected images: a reproducible sample of them, or all of them in a second listing."""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from streammerge.dataset.corrupt import Corrupt
from streammerge.dataset.objects import Identity
from streammerge.dataset.sample import Sample
from streammerge.dataset.source import Source
from streammerge.errors import UsageError
from streammerge.images.choice import Shown
from streammerge.images.corrupt import Examination, examining
from streammerge.images.gallery import check_pillow
from streammerge.inspection.report import CorruptImage, DecodingReport
from streammerge.report.progress import Progress
from streammerge.table_files import writing

if TYPE_CHECKING:
    from streammerge.images.examination import Problem
    from streammerge.s3.client import S3Client

Decode = int | Literal["all"]
ScanAgain = Callable[[Callable[[Identity], Awaitable[None]]], Awaitable[None]]


def check_decode(decode: Decode, save_corrupt: str | Path | None) -> None:
    """Raise UsageError where that makes no sense, or Pillow is missing."""
    if decode != "all" and decode < 0:
        raise UsageError("--decode takes a number of images that is not negative, or 'all'")
    if decode:
        check_pillow("--decode")
    elif save_corrupt is not None:
        raise UsageError("--save-corrupt writes what --decode finds: pass --decode all, too")


class Chosen:
    """Chooses the images to decode while a survey counts them; none where all are to be decoded, or none."""

    def __init__(self, sources: Sequence[Source], decode: Decode) -> None:
        self.sources = sources
        self.sample = Sample[Shown](0 if decode == "all" else decode)
        self._samples = decode not in (0, "all")

    def note(self, identity: Identity) -> None:
        """Choose some images of an identity."""
        if self._samples:
            for shown in self.images(identity):
                self.sample.add(f"{shown.location.bucket}/{shown.object.key}", shown)

    def images(self, identity: Identity) -> list[Shown]:
        """All images of an identity, with their sources."""
        return [
            Shown(source.name, source.location, image.object)
            for source, images in zip(self.sources, identity.members, strict=True)
            for image in images
        ]


async def decode_images(
    store: "S3Client",
    chosen: Chosen,
    images: int,
    scan_again: ScanAgain,
    *,
    decode: Decode,
    save_corrupt: str | Path | None,
    progress: Progress,
) -> DecodingReport:
    """Decode the images that were chosen, or all of them; images: how many there are.

    save_corrupt: a file that gets the corrupt ones, as --ignore-corrupt takes it.
    """
    started = time.monotonic()
    sample = list(chosen.sample)
    progress.planned(images if decode == "all" else len(sample))
    progress.listing_done()
    columns = (*Corrupt._fields, "problem", "detail")
    with nullcontext() if save_corrupt is None else writing(Path(save_corrupt), columns) as write:

        def note(shown: Shown, problem: "Problem") -> None:
            if write is not None:
                write((*Corrupt(shown.location.bucket, shown.object.key, shown.object.etag), *problem))

        examination = Examination(progress, note)
        async with examining(store, examination) as pool:

            async def submit(identity: Identity) -> None:
                for shown in chosen.images(identity):
                    await pool.submit(shown)

            if decode == "all":
                await scan_again(submit)
            for shown in sample:
                await pool.submit(shown)
    return _report(examination, time.monotonic() - started)


def _report(examination: Examination, seconds: float) -> DecodingReport:
    return DecodingReport(
        images=examination.decoded,
        bytes=examination.bytes,
        corrupt=sum(examination.kinds.values()),
        problems=dict(sorted(examination.kinds.items())),
        examples=[
            CorruptImage(shown.source, shown.object.key, problem.kind, problem.detail)
            for _, examples in sorted(examination.examples.items())
            for shown, problem in sorted(examples, key=lambda example: example[0].object.key)
        ],
        unread=examination.unread,
        unread_examples=examination.unread_examples,
        images_per_second=round(examination.decoded / seconds, 1) if seconds else 0.0,
        seconds=round(seconds, 3),
    )
