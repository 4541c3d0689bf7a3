"""`--max-rate` against a server that notes when requests arrive: every kind of request takes its turn."""

import asyncio
import hashlib
import time
from bisect import bisect_left

import pytest

from streammerge.dataset.objects import Location, S3Object
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import open_client
from streammerge.s3.options import Options
from stub_s3 import Answer, Asked, listing, stub_s3

_RATE, _EACH = 50, 30
_SOURCE, _DESTINATION = Location("bucket", "from/"), Location("bucket", "into/")
_FOUND = S3Object("from/ada/1.jpg", 0, hashlib.md5(b"").hexdigest(), "2026-01-01T00:00:00.000Z")
_COPIED = Answer(200, f"<CopyObjectResult><ETag>&quot;{_FOUND.etag}&quot;</ETag></CopyObjectResult>")


async def test_all_requests_share_one_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies, listings, downloads and rare requests together stay below it, and may wait longer than one may take."""
    arrivals: list[float] = []

    def answer(asked: Asked) -> Answer:
        arrivals.append(time.monotonic())
        if asked.method == "PUT" and "x-amz-copy-source" in asked.headers:
            return _COPIED
        if asked.method == "GET" and "list-type" in asked.path:
            return listing()
        return Answer(200, "", {"ETag": f'"{_FOUND.etag}"'})

    with stub_s3(answer) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        async with open_client(
            Options(endpoint_url=server.endpoint_url, max_rate=_RATE, timeout=1.5, attempts=1)
        ) as store:
            await store.probe(_SOURCE)
            async with asyncio.TaskGroup() as group:
                for number in range(_EACH):
                    target = f"into/ada/{number}.jpg"
                    copy = CopyTask(_FOUND, 0, target, "ada", replaces=True)
                    group.create_task(store.copy(copy, _SOURCE, _DESTINATION))
                    group.create_task(store.list_page(_SOURCE))
                    group.create_task(store.stream(_SOURCE, _FOUND, _ignore))
                    group.create_task(store.objects_at(_DESTINATION).head("bucket", target))
                    group.create_task(store.objects_at(_DESTINATION).write("bucket", target, b"", replaces=_FOUND.etag))
            assert sum(store.requests.values()) == len(arrivals) == 5 * _EACH + 1
    arrivals.sort()
    assert arrivals[-1] - arrivals[0] >= 0.9 * 5 * _EACH / _RATE
    assert max(bisect_left(arrivals, at + 1) - number for number, at in enumerate(arrivals)) <= 1.5 * _RATE


async def _ignore(_: bytes | memoryview) -> None:
    pass
