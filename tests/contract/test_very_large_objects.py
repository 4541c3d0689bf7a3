"""Objects that are too large to be read at once: they come in parts, which are proved as a whole."""

import asyncio
import hashlib
import re
from collections.abc import Callable

import pytest

from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import ChangedError, TransientError
from streammerge.s3.client import open_client
from streammerge.s3.options import Options
from stub_s3 import Answer, Asked, listing, stub_s3

_PART = 100_000  # bytes
_BODY = "".join(map(str, range(60_000)))[: 2 * _PART + 7]
_ETAG = hashlib.md5(_BODY.encode()).hexdigest()
_SOURCE = Location("bucket", "set/")
_FOUND = S3Object("set/ada/1.jpg", len(_BODY), _ETAG, "2026-01-01T00:00:00.000Z")
_SPAN = re.compile(r"bytes=(\d+)-(\d+)")
_Spoil = Callable[[str, dict[str, str]], str]  # a part, and the headers of its answer; returns what comes


def _whole(part: str, _: dict[str, str]) -> str:
    return part


def _damaged(part: str, _: dict[str, str]) -> str:
    return part[:-1] + "x"


def _longer(part: str, _: dict[str, str]) -> str:
    return part + "x"


def _replaced(part: str, headers: dict[str, str]) -> str:
    headers["ETag"] = f'"{"ab" * 16}"' if len(part) < _PART else headers["ETag"]
    return part


def _elsewhere(part: str, headers: dict[str, str]) -> str:
    headers["Content-Range"] = headers["Content-Range"].replace(" ", " 1")
    return part


async def _stream(endpoint: str, received: list[bytes]) -> None:
    async def write(piece: bytes | memoryview) -> None:
        received.append(bytes(piece))

    async with open_client(Options(endpoint_url=endpoint, timeout=60)) as store:
        await store.probe(_SOURCE)
        await store.stream(_SOURCE, _FOUND, write)


def _run(monkeypatch: pytest.MonkeyPatch, spoil: _Spoil) -> list[str]:
    """The parts that were written, in order; each request is pinned."""

    def answer(asked: Asked) -> Answer:
        if "list-type" in asked.path:
            return listing()
        assert asked.headers["if-match"] == f'"{_ETAG}"'
        span = _SPAN.fullmatch(asked.headers["range"])
        assert span is not None
        headers = {"ETag": f'"{_ETAG}"', "Content-Range": f"bytes {span[1]}-{span[2]}/{len(_BODY)}"}
        return Answer(206, spoil(_BODY[int(span[1]) : int(span[2]) + 1], headers), headers)

    received = list[bytes]()
    monkeypatch.setattr("streammerge.s3.download.READ_WHOLE", _PART)
    with stub_s3(answer) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        asyncio.run(_stream(server.endpoint_url, received))
    return [piece.decode() for piece in received]


def test_its_parts_make_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, in order, of one size but for the last."""
    assert _run(monkeypatch, _whole) == [_BODY[:_PART], _BODY[_PART : 2 * _PART], _BODY[2 * _PART :]]


@pytest.mark.parametrize(
    ("spoil", "error", "code"),
    [
        (_damaged, TransientError, "BadDigest"),
        (_longer, TransientError, "IncompleteBody"),
        (_replaced, ChangedError, "ETagMismatch"),
        (_elsewhere, TransientError, "InvalidRange"),
    ],
)
def test_what_is_not_the_object_is_told(
    monkeypatch: pytest.MonkeyPatch, spoil: _Spoil, error: type[TransientError | ChangedError], code: str
) -> None:
    """A part that is damaged, longer than asked for, of an object that has come in its place, or another part."""
    with pytest.raises(error) as raised:
        _run(monkeypatch, spoil)
    assert raised.value.code == code
