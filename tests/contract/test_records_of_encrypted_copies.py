"""Where ETags are no MD5s, the journal tells which object a target is a copy of, from one run to the next."""

import asyncio
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from streammerge import Job, Options, make_job, merge, verify
from streammerge.journal.format import from_line
from stub_s3 import Answer, stub_s3

_BOUND = 60.0  # seconds
_KMS = {"x-amz-server-side-encryption": "aws:kms"}
_LATER = "2026-04-01T00:00:00.000Z"
_TARGET = "into/ada/a.jpg"


class _Encrypting(ScriptedS3):
    """Every copy gets an ETag of its own, as under KMS."""

    def _copy(self, request: Request) -> Answer:
        answer = super()._copy(request)
        if answer.status != 200:
            return answer
        etag, crc = md5_of(f"encrypted {len(self.asked)}"), f"crc of {self.objects[request.key].etag}"
        headers = _KMS | {"x-amz-checksum-crc64nvme": crc}
        self.objects[request.key] = Kept(etag, self.objects[request.key].size, _LATER, headers)
        checksum = f"<ChecksumCRC64NVME>{crc}</ChecksumCRC64NVME>"
        return Answer(200, f"<CopyObjectResult><ETag>&quot;{etag}&quot;</ETag>{checksum}</CopyObjectResult>", _KMS)


def _job() -> Job:
    return make_job(["one=s3://bucket/one/", "two=s3://bucket/two/"], into="s3://bucket/into/", min_images=1)


@pytest.fixture
def s3() -> _Encrypting:
    """Two sources with different images of one name and one size."""
    keys = ("one/ada/a.jpg", "one/bob/b.jpg", "two/ada/a.jpg")
    return _Encrypting({key: Kept(md5_of(key)) for key in keys})


@contextmanager
def _served(s3: _Encrypting, monkeypatch: pytest.MonkeyPatch, concurrency: int = 1024) -> Iterator[Options]:
    """The options that reach it while it is served."""
    with stub_s3(s3) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        yield Options(endpoint_url=server.endpoint_url, timeout=30, attempts=2, concurrency=concurrency)


async def test_a_copy_of_another_source_is_a_conflict(
    s3: _Encrypting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that is gone leaves its name to another one, and what lies at the target is not taken for that."""
    journal = tmp_path / "j.journal"
    with _served(s3, monkeypatch) as options:
        async with asyncio.timeout(_BOUND):
            assert (await merge(_job(), options, journal=journal)).copied == 3
            again = await merge(_job(), options, journal=journal)
            assert (again.complete, again.already_present) == (True, 3)
            del s3.objects["one/ada/a.jpg"]
            report = await merge(_job(), options, journal=journal)
            verified = await verify(_job(), options, journal=journal)
    assert (report.conflicts, report.conflict_examples, report.copied) == (1, [_TARGET], 0)
    assert not verified.exact
    assert [(each.target, each.reason) for each in verified.differences] == [(_TARGET, "not what the journal recorded")]


async def test_a_copy_is_not_taken_for_an_image_that_replaced_its_source(
    s3: _Encrypting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that changes after its copy was made, while the run goes on, leaves a conflict."""
    later = Kept(md5_of("new one"), modified="2026-01-15T00:00:00.000Z")

    def script(request: Request) -> Answer | None:
        if request.operation == "copy" and request.key.endswith("a_two.jpg") and _TARGET in s3.objects:
            s3.objects["one/ada/a.jpg"] = later
            s3.objects["two/ada/a.jpg"] = Kept(md5_of("new two"))
        return None

    s3.script = script
    with _served(s3, monkeypatch, concurrency=1) as options:
        async with asyncio.timeout(_BOUND):
            report = await merge(_job(), options)
    assert (report.changed, report.conflicts, report.conflict_examples) == (1, 1, [_TARGET])


async def test_the_manifest_has_the_etags_of_the_copies(
    s3: _Encrypting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer finds under a key the object that the manifest says, whether this run or an earlier one copied it."""
    with _served(s3, monkeypatch) as options:
        for number in range(2):
            manifest = tmp_path / f"{number}.csv"
            async with asyncio.timeout(_BOUND):
                await merge(_job(), options, manifest=manifest)
            with manifest.open(encoding="utf-8", newline="") as file:
                etags = {row["key"]: row["etag"] for row in csv.DictReader(file)}
            assert etags == {key: kept.etag for key, kept in s3.objects.items() if key.startswith("into/")}


async def test_a_recorded_checksum_proves_a_copy_that_was_encrypted_anew(
    s3: _Encrypting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 gives one in the answer to a copy, also of a source that has none; with it, a HEAD of the target is enough."""
    journal = tmp_path / "j.journal"
    with _served(s3, monkeypatch) as options:
        async with asyncio.timeout(_BOUND):
            assert (await merge(_job(), options, journal=journal)).copied == 3
            s3.objects[_TARGET] = replace(s3.objects[_TARGET], etag=md5_of("encrypted anew"))
            before = s3.count("head")
            verified = await verify(_job(), options, journal=journal)
            assert s3.count("head") == before + 1
            s3.objects[_TARGET] = replace(s3.objects[_TARGET], headers=_KMS | {"x-amz-checksum-crc64nvme": "other"})
            spoilt = await verify(_job(), options, journal=journal)
    assert (verified.exact, verified.proven) == (True, {"journal": 3})
    assert spoilt.different_reasons == {"not what the journal recorded": 1}


def _recorded(journal: Path) -> set[str]:
    """The checksums of copies in a journal."""
    records = (from_line(line) for line in journal.read_bytes().splitlines(keepends=True))
    return {record["checksum"] for record in records if record and record["did"] == "copied"}


async def test_a_copy_in_parts_is_recorded_with_its_checksum(
    s3: _Encrypting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the answer that ends the upload."""

    def script(request: Request) -> Answer | None:
        if request.operation != "complete":
            return None
        body = s3.complete(request).body
        checksum = "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>"
        return Answer(200, body.replace("</ETag>", f"</ETag>{checksum}"))

    s3.script, journal = script, tmp_path / "j.journal"
    with _served(s3, monkeypatch) as options:
        async with asyncio.timeout(_BOUND):
            await merge(_job(), replace(options, multipart_threshold=0), journal=journal)
    assert _recorded(journal) == {"crc64nvme AAAAAAAAAAA="}


async def test_a_relayed_object_is_recorded_with_its_checksum(
    s3: _Encrypting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is among the headers of the answer to its PUT."""

    def script(request: Request) -> Answer | None:
        if request.operation == "get":
            return Answer(200, "abc", {"ETag": f'"{s3.objects[request.key].etag}"'})
        if request.operation == "copy":
            etag = f"encrypted {request.key}"
            s3.objects[request.key] = Kept(etag, modified=_LATER, headers=_KMS)
            return Answer(200, headers={"ETag": f'"{etag}"', **_KMS, "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="})
        return None

    s3.script, journal = script, tmp_path / "j.journal"
    with _served(s3, monkeypatch) as options:
        async with asyncio.timeout(_BOUND):
            assert (await merge(_job(), replace(options, transfer="relay"), journal=journal)).copied == 3
    assert _recorded(journal) == {"crc64nvme AAAAAAAAAAA="}
