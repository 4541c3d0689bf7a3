"""What tasks of many requests, or of many bytes, tell the limiter of a store."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest

from streammerge.dataset.objects import Location, S3Object
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.options import Options
from streammerge.transfer.feedback import Feedback
from stub_s3 import Answer, Asked, listing, refusal, stub_s3

_BODY = "x" * 200_000
_ETAG = hashlib.md5(_BODY.encode()).hexdigest()
_FOUND = S3Object("from/ada/1.jpg", len(_BODY), _ETAG, "2026-01-01T00:00:00.000Z")
_SOURCE, _DESTINATION = Location("bucket", "from/"), Location("bucket", "into/")


class _Store:
    """Refuses the first request for each part."""

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        query = asked.path.partition("?")[2]
        if "list-type" in query:
            return listing()
        if "tagging" in query:
            return Answer(200, "<Tagging><TagSet/></Tagging>")
        if asked.method == "POST":
            return Answer(200, f"<R><UploadId>U</UploadId><ETag>&quot;{_ETAG}-2&quot;</ETag></R>")
        if "partNumber" not in query:
            return Answer(200, _BODY if asked.method == "GET" else "", {"ETag": f'"{_ETAG}"'})
        if query not in self._refused:
            self._refused.add(query)
            return refusal(503, "SlowDown")
        return Answer(200, f"<CopyPartResult><ETag>&quot;{_ETAG}&quot;</ETag></CopyPartResult>")


async def _copy(store: S3Client) -> None:
    copy = CopyTask(_FOUND, 0, "into/ada/1.jpg", "ada")
    assert isinstance(await store.copy(copy, _SOURCE, _DESTINATION), Made)


async def _download(store: S3Client) -> None:
    received = list[bytes]()

    async def write(piece: bytes | memoryview) -> None:
        received.append(bytes(piece))

    await store.stream(_SOURCE, _FOUND, write)
    assert b"".join(received) == _BODY.encode()


@pytest.mark.parametrize(
    ("task", "told"), [(_copy, [(False, True), (True, False), (True, False)]), (_download, [(False, True)])]
)
def test_the_limiter_hears(
    monkeypatch: pytest.MonkeyPatch, task: Callable[[S3Client], Awaitable[None]], told: list[tuple[bool, bool]]
) -> None:
    """Of a copy in parts how soon its upload was begun, and each refusal of a part; of a download its first byte."""
    heard = list[tuple[float, bool, bool]]()

    async def run(endpoint: str) -> None:
        options = Options(endpoint_url=endpoint, multipart_threshold=0, part_size=100_000, timeout=60)
        async with open_client(options) as store:
            await store.probe(_SOURCE)
            with Feedback(lambda *what: heard.append(what)).collecting():
                await task(store)

    with stub_s3(_Store()) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        asyncio.run(run(server.endpoint_url))
    assert [(refused, first) for _, refused, first in heard] == told
    assert all(0 < seconds < 60 for seconds, _, _ in heard)
