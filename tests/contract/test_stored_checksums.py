"""What ETags cannot decide about: what the checksums that S3 stores prove of it, by which requests."""

import asyncio
from dataclasses import replace

import pytest

from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from streammerge import Options, Verification, make_job, verify
from streammerge.report.progress import Progress
from stub_s3 import Answer, refusal, stub_s3

_BOUND = 60.0  # seconds
_LATER = "2026-04-01T00:00:00.000Z"
_KMS = {"x-amz-server-side-encryption": "aws:kms"}
_SOURCE, _TARGET = "one/ada/a.jpg", "into/ada/a.jpg"
_CRC = {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA=", "x-amz-checksum-type": "FULL_OBJECT"}
_OTHER = {**_CRC, "x-amz-checksum-crc64nvme": "BBBBBBBBBBA="}
_SHA = {"x-amz-checksum-sha256": "CCCC"}
_COMPOSITE = {"x-amz-checksum-crc32": "AAAAAA==-2", "x-amz-checksum-type": "COMPOSITE"}
_OTHER_COMPOSITE = {**_COMPOSITE, "x-amz-checksum-crc32": "BBBBBB==-2"}


class _Telling(Progress):
    """Remembers what it is warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


async def _verified(s3: ScriptedS3, patch: pytest.MonkeyPatch, progress: Progress | None = None) -> Verification:
    job = make_job(["one=s3://bucket/one/"], into="s3://bucket/into/", min_images=1)
    with stub_s3(s3) as server:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        options = Options(endpoint_url=server.endpoint_url, timeout=30, attempts=2)
        async with asyncio.timeout(_BOUND):
            return await verify(job, options, progress=progress or Progress())


def _s3(source: dict[str, str], target: dict[str, str]) -> ScriptedS3:
    """A source object and its copy, each with its headers; both ETags look like MD5s, and differ."""
    return ScriptedS3(
        {
            _SOURCE: Kept(md5_of("source"), headers=source),
            _TARGET: Kept(md5_of("target"), modified=_LATER, headers=target),
        }
    )


@pytest.mark.parametrize(
    ("source", "target", "finding", "heads"),
    [
        (_CRC, _KMS | _CRC, "checksum", 2),
        (_KMS | _CRC, _KMS | _CRC, "checksum", 2),
        (_KMS | _CRC, _CRC, "checksum", 2),
        (_CRC, _KMS | _OTHER, "other checksum", 2),
        (_SHA, _KMS | _CRC, "unproven", 2),
        (_CRC | _SHA, _KMS | _CRC, "checksum", 2),
        ({}, _KMS | _CRC, "unproven", 2),
        (_CRC, _KMS, "unproven", 1),  # nothing that a HEAD of the source could be compared with
        (_CRC, _CRC, "other MD5", 2),  # neither is encrypted, so both ETags are MD5s, and prove the contrary
    ],
)
async def test_encrypted_objects(
    source: dict[str, str], target: dict[str, str], finding: str, heads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full-object checksum of both proves a copy whose ETag is no MD5, or that it is none."""
    s3 = _s3(source, target)
    found = await _verified(s3, monkeypatch)
    findings = {**found.proven, **found.different_reasons, **({"unproven": 1} if found.unproven else {})}
    assert findings == {finding: 1}
    assert (s3.count("head"), s3.count("get"), found.looked_at) == (heads, 0, 1)
    assert found.exact is (not found.different)
    if "checksum" in found.proven:
        assert "Proven by checksum: 1" in str(found)


@pytest.mark.parametrize(
    ("source", "target", "sizes", "finding"),
    [
        (_COMPOSITE, _COMPOSITE, ([2, 1], [2, 1]), "checksum"),
        (_COMPOSITE, _OTHER_COMPOSITE, ([2, 1], [2, 1]), "other checksum"),
        (_COMPOSITE, _COMPOSITE, ([2, 1], [1, 2]), "unproven"),
        (_COMPOSITE, _OTHER_COMPOSITE, ([2, 1], [1, 2]), "unproven"),
        (_COMPOSITE, _COMPOSITE, ([1], [1]), "unproven"),  # not all of them
        (_COMPOSITE, _COMPOSITE, ([], []), "unproven"),
        (_COMPOSITE, _COMPOSITE, None, "unproven"),  # a store that does not tell
    ],
)
async def test_composite_checksums(
    source: dict[str, str],
    target: dict[str, str],
    sizes: tuple[list[int], list[int]] | None,
    finding: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They say something only where the parts of both are of the same sizes."""
    s3 = _s3(source, _KMS | target)

    def script(request: Request) -> Answer | None:
        if request.operation != "attributes" or sizes is None:
            return None
        mine, page = sizes[request.key == _TARGET], int(request.headers.get("x-amz-part-number-marker", 0))
        parts = "".join(
            f"<Part><PartNumber>{page + 1}</PartNumber><Size>{size}</Size></Part>" for size in mine[page:][:1]
        )
        more = "true" if page + 1 < len(mine) else "false"  # a part a page
        told = f"<IsTruncated>{more}</IsTruncated><NextPartNumberMarker>{page + 1}</NextPartNumberMarker>{parts}"
        answer = f"<GetObjectAttributesResponse><ObjectParts>{told}</ObjectParts></GetObjectAttributesResponse>"
        return Answer(200, answer)

    s3.script = script
    found = await _verified(s3, monkeypatch)
    findings = {**found.proven, **found.different_reasons, **({"unproven": 1} if found.unproven else {})}
    assert findings == {finding: 1}


async def test_checksums_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without kms:Decrypt they are refused: that is told once, and a HEAD without them still says what the ETag is.

    After some refusals in a row they are asked for no more.
    """
    s3 = _s3(_KMS, _KMS)
    for number in range(60):
        s3.objects[f"{_SOURCE}{number}.jpg"] = replace(s3.objects[_SOURCE], etag=md5_of(f"source {number}"))
        s3.objects[f"{_TARGET}{number}.jpg"] = replace(s3.objects[_TARGET], etag=md5_of(f"target {number}"))

    def script(request: Request) -> Answer | None:
        asks = "x-amz-checksum-mode" in request.headers
        return refusal(403, "AccessDenied") if request.operation == "get" or asks else None

    s3.script = script
    told = _Telling()
    found = await _verified(s3, monkeypatch, told)
    assert (found.exact, found.unproven, found.different) == (True, 61, 0)
    assert len([warning for warning in told.warnings if "What only its checksum can prove" in warning]) == 1
    refused = sum("x-amz-checksum-mode" in request.headers for request in s3.asked)
    assert 20 <= refused < 61


async def test_nothing_may_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may only list is told what is not proven, and ETags that look like MD5s count as what they look like."""
    s3 = _s3({}, _KMS)
    s3.script = lambda request: None if request.operation == "list" else refusal(403, "AccessDenied")
    told = _Telling()
    found = await _verified(s3, monkeypatch, told)
    assert found.different_reasons == {"other MD5": 1}
    assert any("What only it can prove stays unproven" in warning for warning in told.warnings)


async def test_an_object_that_changes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a HEAD finds is not what was listed, so the image is not right."""
    s3 = _s3(_CRC, _KMS | _CRC)

    def script(request: Request) -> Answer | None:
        if request.operation == "head":
            s3.objects[_TARGET] = Kept(md5_of("another"), modified=_LATER, headers=_CRC)
        return None

    s3.script = script
    found = await _verified(s3, monkeypatch)
    assert found.different_reasons == {"changed while it was compared": 1}


async def test_requests_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be looked at, after all attempts, is told, and is no success."""
    s3 = _s3(_CRC, _KMS | _CRC)
    s3.script = lambda request: Answer(503) if request.operation == "head" else None
    found = await _verified(s3, monkeypatch)
    assert (found.exact, found.unreadable, found.looked_at) == (False, 1, 0)
    assert s3.count("head") == 2
