"""Objects that fail lie together, and those before and behind them are brought all the same."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from streammerge import IncompleteError, Options, Report, UsageError, make_job, merge, plan, pull
from stub_s3 import Answer, refusal, stub_s3

_BOUND = 120.0  # seconds; whatever takes longer hangs
_LATER = "2026-03-01T00:00:00.000Z"


@contextlib.contextmanager
def _options(s3: ScriptedS3, *, in_order: bool = False) -> Iterator[Options]:
    with stub_s3(s3) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        attempts, concurrency = (1, 1) if in_order else (2, 32)
        yield Options(endpoint_url=server.endpoint_url, timeout=60, attempts=attempts, concurrency=concurrency)


async def _merge(s3: ScriptedS3, *, journal: Path | None = None) -> Report:
    job = make_job(["s3://bucket/from/"], into="s3://bucket/into/", min_images=1)
    with _options(s3, in_order=journal is not None) as options:
        async with asyncio.timeout(_BOUND):
            return await merge(job, options, journal=journal)


def _images(*counts: int, below: str = "from/") -> dict[str, Kept]:
    """So many images of identities that follow each other."""
    numbered = ((block, number) for block, count in enumerate(counts) for number in range(count))
    return {f"{below}{block}-{number:04}/a.jpg": Kept(md5_of(f"{block} {number}")) for block, number in numbered}


def _refusing(answer: Answer, prefix: str) -> Any:
    """A script that refuses to copy what lies below a prefix, or to hand it out."""

    def script(request: Request) -> Answer | None:
        key = request.headers.get("x-amz-copy-source", f"bucket/{request.key}")
        return answer if request.operation in ("copy", "get") and key.partition("/")[2].startswith(prefix) else None

    return script


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
async def test_images_behind_hundreds_that_are_refused_are_copied(code: str) -> None:
    """Some objects may not be read; all others are copied, in whatever order they come."""
    s3 = ScriptedS3(_images(600, 100), _refusing(refusal(403, code), "from/0"))
    report = await _merge(s3)
    assert (report.failed, report.copied, report.not_attempted) == (600, 100, 0)


async def test_where_all_is_refused_most_is_not_asked_for() -> None:
    """A random sample of the plan tells so."""
    s3 = ScriptedS3(_images(3000), _refusing(refusal(403, "AccessDenied"), "from/"))
    with pytest.raises(UsageError, match="access denied"):
        await _merge(s3)
    assert s3.count("copy") < 600


async def test_images_behind_many_that_s3_fails_on_are_copied() -> None:
    """S3 answers 500 for hundreds, the rest is there: the few that are new arrive, and the others are failures."""
    s3 = ScriptedS3(_images(400, 100, 20), _refusing(refusal(500, "InternalError"), "from/0"))
    there = {key.replace("from/", "into/"): kept for key, kept in s3.objects.items() if key.startswith("from/1")}
    s3.objects.update(there)
    report = await _merge(s3)
    assert (report.failed, report.copied, report.already_present, report.not_attempted) == (400, 20, 100, 0)


async def test_what_has_failed_before_comes_last(tmp_path: Path) -> None:
    """A run that the circuit breaker has ended begins the next time with what it has not tried."""
    s3 = ScriptedS3(_images(200), _refusing(refusal(500, "InternalError"), "from/"))
    with pytest.raises(IncompleteError):
        await _merge(s3, journal=tmp_path / "j.journal")
    s3.asked.clear()
    s3.objects |= _images(0, 10)
    s3.script = _refusing(refusal(500, "InternalError"), "from/0")
    with pytest.raises(IncompleteError):
        await _merge(s3, journal=tmp_path / "j.journal")
    copied = [request.key for request in s3.asked if request.operation == "copy"]
    assert [key.partition("-")[0] for key in copied[:10]] == ["into/1"] * 10


class _Handing(ScriptedS3):
    """Hands out its objects whole."""

    def _get(self, request: Request) -> Answer:
        kept = self.objects[request.key]
        return Answer(200, "xxx", {"ETag": f'"{kept.etag}"'})


async def test_a_pull_brings_what_lies_behind_images_that_are_denied(tmp_path: Path) -> None:
    """On the first run and on one that finds all the rest there."""
    images = {key: Kept(md5_of("xxx")) for key in _images(300, 100)}
    s3 = _Handing(images, _refusing(refusal(403, "AccessDenied"), "from/0"))
    with _options(s3) as options:
        for there in (0, 100):
            async with asyncio.timeout(_BOUND):
                report = await pull("s3://bucket/from/", tmp_path / "there", options)
            assert (report.failed, report.pulled, report.already_present) == (300, 100 - there, there)


async def test_a_pull_takes_what_has_failed_before_last(tmp_path: Path) -> None:
    """Though the run was stopped; what it brings then is forgotten, and nothing is left to tell of it at the end."""
    images = {key: Kept(md5_of("xxx")) for key in _images(80)}
    s3 = _Handing(images, _refusing(refusal(500, "InternalError"), "from/"))
    with _options(s3, in_order=True) as options:
        with pytest.raises(IncompleteError):
            await pull("s3://bucket/from/", tmp_path / "there", options)
        failed = {request.key for request in s3.asked if request.operation == "get"}
        s3.asked.clear()
        s3.objects |= {key: Kept(md5_of("xxx")) for key in _images(0, 10)}
        s3.script = _refusing(refusal(500, "InternalError"), "from/0")
        with pytest.raises(IncompleteError):
            await pull("s3://bucket/from/", tmp_path / "there", options)
        asked = [request.key for request in s3.asked if request.operation == "get"]
        assert failed.isdisjoint(asked[: len(s3.objects) - len(failed)])
        s3.script = lambda _: None
        report = await pull("s3://bucket/from/", tmp_path / "there", options)
    assert (report.complete, report.images, report.unplanned) == (True, 90, 0)
    assert not list((tmp_path / "there").glob(".*"))


async def test_a_block_of_any_length_hides_nothing_of_a_set(tmp_path: Path) -> None:
    """Images are pulled in random order, so that what lies behind more refused ones than can be held back arrives."""
    images = {key: Kept(md5_of("xxx")) for key in _images(400, 100)}
    s3 = _Handing(images, _refusing(refusal(403, "AccessDenied"), "from/0"))
    with _options(s3) as options, pytest.MonkeyPatch.context() as patch:
        patch.setattr("streammerge.transfer.pool._HELD", 300)
        report = await pull("s3://bucket/from/", tmp_path / "there", options)
    assert (report.failed, report.pulled) == (400, 100)


@pytest.mark.parametrize("answer", [refusal(403, "AccessDenied"), refusal(500, "InternalError")], ids=["403", "500"])
async def test_a_block_of_any_length_hides_nothing_of_a_listing_that_is_read_whole(answer: Answer) -> None:
    """It is copied from all over, so that what lies behind more failing objects than can be held back arrives."""
    s3 = ScriptedS3(_images(900, 300), _refusing(answer, "from/0"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streammerge.transfer.pool._HELD", 300)
        patch.setattr("streammerge.listing.merge_join._SLICE", 1)
        report = await _merge(s3)
    assert (report.failed, report.copied, report.not_attempted) == (900, 300, 0)


async def test_a_sample_is_drawn_from_what_can_be_pulled(tmp_path: Path) -> None:
    """An identity whose images cannot become files takes nobody's place."""
    images = [f"from/{number}{'x' * 255}/a.jpg" for number in range(40)] + [f"from/{n}/a.jpg" for n in range(4)]
    s3 = _Handing({key: Kept(md5_of("xxx")) for key in images})
    with _options(s3) as options:
        report = await pull("s3://bucket/from/", tmp_path / "there", options, sample=4)
    assert (report.identities, report.pulled, report.refused) == (4, 4, 40)


async def test_names_that_no_file_has_are_told_by_plan_and_merge() -> None:
    """They are copied all the same: a merged set need not be pulled."""
    s3 = ScriptedS3({f"from/ada/{number}{'x' * 255}.jpg": Kept(md5_of("x")) for number in range(3)} | _images(2))
    said = "3 images that cannot become files, because of a name longer than 255 bytes: `streammerge pull` will refuse"
    said += " them"
    job = make_job(["s3://bucket/from/"], into="s3://bucket/into/", min_images=1)
    with _options(s3) as options:
        assert (await plan(job, options)).warnings == [said]
    merged = await _merge(s3)
    assert (merged.copied, merged.warnings) == (5, [said])
