"""What S3Store makes of answers that no real server here can be made to give: told by a stub."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable

import pytest

from oracle import walk
from seeding import new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer
from streammerge.core.keys import Location
from streammerge.core.plan import Copy
from streammerge.errors import ChangedError, DeniedError, S3Error, ThrottledError, TransientError
from streammerge.s3.options import Options
from streammerge.s3.store import S3Store, open_store
from stub_s3 import Answer, Asked, listing, refusal, stub_s3

_SOURCE, _DESTINATION = Location("bucket", "from/"), Location("bucket", "into/")
_MD5 = "ab" * 16
_COPY = Copy(0, "from/ada/1.jpg", "into/ada/1.jpg", 3, _MD5, "2026-01-01T00:00:00.000Z", "ada")
_DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'


@contextlib.asynccontextmanager
async def _store(server: Server) -> AsyncIterator[S3Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        async with open_store(Options(endpoint_url=server.endpoint_url, timeout=10)) as store:
            yield store


@contextlib.asynccontextmanager
async def _answered(answer: Answer) -> AsyncIterator[S3Store]:
    """A store whose copies are all answered so."""
    asked: Callable[[Asked], Answer] = lambda request: answer if request.method == "PUT" else listing()  # noqa: E731
    with stub_s3(asked) as server:
        async with _store(server) as store:
            await store.probe(_SOURCE)
            yield store


def _result(etag: str) -> Answer:
    return Answer(200, f"{_DECLARED}<CopyObjectResult><ETag>&quot;{etag}&quot;</ETag></CopyObjectResult>")


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (refusal(200, "InternalError"), TransientError, "InternalError"),
        (refusal(200, "SlowDown"), ThrottledError, "SlowDown"),
        (refusal(200, "NoSuchKey"), ChangedError, "NoSuchKey"),
        (refusal(412, "PreconditionFailed"), ChangedError, "PreconditionFailed"),
        (refusal(503, "SlowDown"), ThrottledError, "SlowDown"),
        (refusal(500, "InternalError"), TransientError, "InternalError"),
        (refusal(409, "ConditionalRequestConflict"), TransientError, "ConditionalRequestConflict"),
        (refusal(403, "AccessDenied"), DeniedError, "AccessDenied"),
        (Answer(200), TransientError, "MalformedXML"),
        (Answer(200, f"{_DECLARED}<CopyObjectResult><ETag>"), TransientError, "MalformedXML"),
        (Answer(200, "<html><body>Welcome!</body></html>"), TransientError, "HTTP 500"),
        (Answer(200, "<CopyObjectResult><Size>3</Size></CopyObjectResult>"), TransientError, "HTTP 500"),
        (_result("cd" * 16), ChangedError, "ETagMismatch"),
    ],
)  # fmt: skip
async def test_copy_that_is_none(answer: Answer, kind: type[S3Error], code: str) -> None:
    """Only a result with the right ETag is a success; what else comes has the exception that is its policy."""
    async with _answered(answer) as store:
        with pytest.raises(kind) as refused:
            await store.copy(_COPY._replace(replaces=True), _SOURCE, _DESTINATION)
    assert refused.value.code == code
    assert "from/ada/1.jpg" in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        _result(_MD5),
        Answer(200, f"{_DECLARED}\n\n  \n<CopyObjectResult><ETag>{_MD5}</ETag></CopyObjectResult>"),
        _result(f"{_MD5}-2"),  # a multipart source may keep its kind of ETag, or lose it
    ],
)
async def test_copy_that_is_one(answer: Answer) -> None:
    """White space that kept the connection open, and ETags that cannot be compared, are no failure."""
    async with _answered(answer) as store:
        await store.copy(_COPY, _SOURCE, _DESTINATION)
        assert store.requests["copy"] == 1


async def test_denied_object_on_ceph(ceph: CephServer) -> None:
    """Who may list a bucket and not read an object in it is denied that object."""
    with contextlib.closing(connect(ceph)) as client, contextlib.closing(connect(ceph.stranger)) as stranger:
        theirs, own = new_bucket(client), new_bucket(stranger)
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam:::user/stranger"]},
            "Action": ["s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{theirs}"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        client.put_bucket_policy(Bucket=theirs, Policy=policy)
        put_all(client, theirs, {"from/ada/1.jpg": b"private"})
        (found,) = walk(client, theirs, "from/")
        source, destination = Location(theirs, "from/"), Location(own, "into/")
        copy = _COPY._replace(size=found.size, etag=found.etag.strip('"'))
        async with _store(ceph.stranger) as store:
            for location in (source, destination):
                await store.probe(location)
            with pytest.raises(DeniedError):
                await store.copy(copy, source, destination)
        assert list(walk(stranger, own, "")) == []


@pytest.mark.parametrize("name", ["ceph", "seaweed"])
async def test_a_wrong_clock_is_put_right_by_a_refusal(request: pytest.FixtureRequest, name: str) -> None:
    """A signature an hour off is refused by real servers, and what they say is enough for botocore to sign it right."""
    server: Server = request.getfixturevalue(name)
    with contextlib.closing(connect(server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {"from/ada/1.jpg": b"x"})
    async with _store(server) as store:
        await store.probe(Location(bucket, "from/"))
        for offset in (-3600.0, 3600.0):
            store._connection.clock_offset = offset
            head = await store.objects.head(bucket, "from/ada/1.jpg")
            assert head is not None
            assert abs(store._connection.clock_offset) < 60
        assert (store.requests["head"], store.requests["get"]) == (4, 2)
