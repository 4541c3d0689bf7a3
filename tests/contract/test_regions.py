"""Buckets of one account in different regions: S3 copies between them, and each request goes to its bucket's region."""

import asyncio
import re
from collections import defaultdict

import pytest

from streammerge.dataset.connection import Connection
from streammerge.dataset.objects import Location, S3Object
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import open_client
from streammerge.s3.options import Options
from stub_s3 import Answer, Asked, listing, refusal, stub_s3

_REGIONS = {"far": "eu-west-1", "near": "us-east-1"}
_ETAG = "ab" * 16
_COPY = CopyTask(S3Object("from/ada/1.jpg", 3, _ETAG, "2026-01-01T00:00:00.000Z"), 0, "into/ada/1.jpg", "ada")


class _Amazon:
    """Answers a request that is signed for its bucket's region, and sends others there."""

    def __init__(self) -> None:
        self.served: dict[str, set[str]] = defaultdict(set)  # what was asked, with its region, by bucket

    def __call__(self, asked: Asked) -> Answer:
        path, _, query = asked.path.partition("?")
        bucket = path.split("/")[1]
        signed = re.search(r"/\d{8}/([^/]+)/s3/aws4_request", asked.headers["authorization"])
        assert signed is not None
        if signed[1] != _REGIONS[bucket]:
            return refusal(301, "PermanentRedirect", x_amz_bucket_region=_REGIONS[bucket])
        self.served[bucket].add(f"{asked.method} {signed[1]}")
        if "list-type" in query:
            return listing("from/ada/1.jpg")
        if "tagging" in query:
            return Answer(200, "<Tagging><TagSet/></Tagging>")
        if asked.method == "POST":
            return Answer(200, f"<R><UploadId>U</UploadId><ETag>&quot;{_ETAG}-3&quot;</ETag></R>")
        if asked.method == "HEAD":
            return Answer(200, headers={"ETag": f'"{_ETAG}"', "x-amz-meta-from": "far"})
        kind = "CopyPartResult" if "partNumber" in query else "CopyObjectResult"
        return Answer(200, f"<{kind}><ETag>&quot;{_ETAG}&quot;</ETag></{kind}>")


@pytest.mark.parametrize("region", [None, "eu-west-1"], ids=["detected", "named"])
@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_each_request_goes_to_its_region(
    monkeypatch: pytest.MonkeyPatch, region: str | None, *, in_parts: bool
) -> None:
    """Whether the source's region is found out or named: it is listed there, and the copy is asked for at the other."""
    source, destination = Location("far", "from/", Connection(region=region)), Location("near", "into/")
    amazon = _Amazon()

    async def copy(endpoint: str) -> None:
        options = Options(endpoint_url=endpoint, multipart_threshold=2 if in_parts else 5, part_size=1, timeout=60)
        async with open_client(options) as store:
            await store.probe(source)
            await store.probe(destination)
            assert not store.relays(source, destination)
            await store.list_page(source)
            assert isinstance(await store.copy(_COPY, source, destination), Made)

    with stub_s3(amazon) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        asyncio.run(copy(server.endpoint_url))
    looks, copies = {"HEAD eu-west-1"} if in_parts else set[str](), {"POST us-east-1"} if in_parts else set[str]()
    assert amazon.served["far"] == {"GET eu-west-1"} | looks
    assert amazon.served["near"] == {"GET us-east-1", "PUT us-east-1"} | copies
