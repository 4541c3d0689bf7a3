"""What a download is proved by: a CRC that S3 stores with the object, or its MD5."""

import asyncio
import hashlib

import pytest

from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import TransientError
from streammerge.s3 import checksums
from streammerge.s3.client import open_client
from streammerge.s3.options import Options
from stub_s3 import Answer, Asked, listing, refusal, stub_s3

_BODY = "the picture" * 40_000
_OTHER = _BODY[:-1] + "x"
_MD5 = hashlib.md5(_BODY.encode()).hexdigest()
_SOURCE = Location("bucket", "set/")
_KMS = {"x-amz-server-side-encryption": "aws:kms"}


def _stored(body: str, algorithm: str = "crc64nvme") -> dict[str, str]:
    computing = checksums.begin(algorithm)
    computing.update(body.encode())
    return {f"x-amz-checksum-{algorithm}": checksums.in_base_64(computing), "x-amz-checksum-type": "FULL_OBJECT"}


def _get(monkeypatch: pytest.MonkeyPatch, body: str, headers: dict[str, str]) -> bytes:
    """The bytes of an object that the server answers with this body; S3's checksums must be asked for."""
    found = S3Object("set/ada/1.jpg", len(_BODY), _MD5, "2026-01-01T00:00:00.000Z")

    def answer(asked: Asked) -> Answer:
        if "list-type" in asked.path:
            return listing()
        assert asked.headers["x-amz-checksum-mode"] == "ENABLED"
        return Answer(200, body, {"ETag": f'"{_MD5}"', **headers})

    async def get(endpoint: str) -> bytes:
        async with open_client(Options(endpoint_url=endpoint, timeout=60)) as store:
            await store.probe(_SOURCE)
            return bytes(await store.get(_SOURCE, found))

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with stub_s3(answer) as server:
        return asyncio.run(get(server.endpoint_url))


@pytest.mark.parametrize(
    "headers",
    [{}, _stored(_BODY), _stored(_BODY, "sha256"), _KMS, _KMS | _stored(_BODY), _KMS | _stored(_BODY, "sha1")],
    ids=["md5", "crc", "sha256", "nothing", "crc of kms", "sha1 of kms"],
)
def test_what_came_as_it_is_stored(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    """By whatever there is to tell."""
    assert _get(monkeypatch, _BODY, headers) == _BODY.encode()


@pytest.mark.parametrize(
    ("headers", "by"),
    [
        ({}, "MD5"),
        (_stored(_BODY), "MD5"),
        (_stored(_BODY, "sha256"), "MD5"),
        (_KMS | _stored(_BODY), "CRC64NVME"),
        (_KMS | _stored(_BODY, "sha256"), "SHA256"),
    ],
    ids=["md5", "crc", "sha256", "crc of kms", "sha256 of kms"],
)
def test_what_was_damaged(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], by: str) -> None:
    """It is not handed out, and the error says what told."""
    with pytest.raises(TransientError, match=rf"its {by} is not .*: it was damaged on its way"):
        _get(monkeypatch, _OTHER, headers)


def test_a_stored_checksum_that_is_wrong_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every store checks what a client says: an MD5 that is right has the last word."""
    assert _get(monkeypatch, _BODY, _stored(_OTHER)) == _BODY.encode()


@pytest.mark.parametrize("value", ["", "odd", "rosUhgp5mIg", '"rosUhgp5mIg="', "composite"])
def test_a_stored_checksum_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """What cannot be a CRC64NVME proves nothing, and refutes nothing."""
    assert _get(monkeypatch, _BODY, _KMS | {"x-amz-checksum-crc64nvme": value}) == _BODY.encode()


def test_a_store_that_refuses_to_be_asked_for_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once, and the MD5 proves what it sends. Backblaze B2 answers 400 to that header."""
    found = S3Object("set/ada/1.jpg", len(_BODY), _MD5, "2026-01-01T00:00:00.000Z")
    asked: list[bool] = []

    def answer(request: Asked) -> Answer:
        if "list-type" in request.path:
            return listing()
        asked.append("x-amz-checksum-mode" in request.headers)
        if asked[-1]:
            return refusal(400, "InvalidArgument")
        return Answer(200, _BODY, {"ETag": f'"{_MD5}"'})

    async def get(endpoint: str) -> list[bytes]:
        async with open_client(Options(endpoint_url=endpoint, timeout=60)) as store:
            await store.probe(_SOURCE)
            return [bytes(await store.get(_SOURCE, found)) for _ in range(3)]

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with stub_s3(answer) as server:
        assert asyncio.run(get(server.endpoint_url)) == [_BODY.encode()] * 3
    assert asked == [True, False, False, False]


def test_no_md5_is_computed_where_a_crc_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes ten times as long."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("MD5 is not needed")

    monkeypatch.setattr("streammerge.s3.download.hashlib.md5", forbidden)
    assert _get(monkeypatch, _BODY, _stored(_BODY)) == _BODY.encode()
