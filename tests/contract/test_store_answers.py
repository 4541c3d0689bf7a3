"""What S3Store makes of answers that no real server here can be made to give: told by a stub."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable

import pytest

from oracle import walk
from seeding import new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer
from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import ChangedError, DeniedError, S3Error, ThrottledError, TransientError
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy
from stub_s3 import Answer, Asked, listing, refusal, stub_s3

_SOURCE, _DESTINATION = Location("bucket", "from/"), Location("bucket", "into/")
_MD5 = "ab" * 16
_COPY = CopyTask(S3Object("from/ada/1.jpg", 3, _MD5, "2026-01-01T00:00:00.000Z"), 0, "into/ada/1.jpg", "ada")
_DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'


@contextlib.asynccontextmanager
async def _store(server: Server) -> AsyncIterator[S3Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        async with open_client(Options(endpoint_url=server.endpoint_url, timeout=60)) as store:
            yield store


@contextlib.asynccontextmanager
async def _answered(answer: Answer) -> AsyncIterator[S3Client]:
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
        copy = _COPY._replace(object=_COPY.object._replace(size=found.size, etag=found.etag.strip('"')))
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
        place = Location(bucket, "from/")
        await store.probe(place)
        for offset in (-3600.0, 3600.0):
            store._at(place).clock.offset = offset
            head = await store.objects_at(place).head(bucket, "from/ada/1.jpg")
            assert head is not None
            assert abs(store._at(place).clock.offset) < 60
        assert (store.requests["head"], store.requests["get"]) == (4, 2)


async def test_a_bug_of_ours_is_no_answer_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TypeError beside botocore's parser surfaces as one, and is not taken for an answer worth another attempt."""

    def broken(*_: object) -> None:
        raise TypeError("ours")

    async with _answered(_result(_MD5)) as store:
        monkeypatch.setattr("streammerge.s3.sdk.read_whole", broken)
        with pytest.raises(TypeError, match="ours"):
            await store.objects_at(_DESTINATION).write("bucket", "key", b"")


@pytest.mark.filterwarnings("ignore:Unclosed connection")  # aiohttp frees one a moment after its answer, or never here
@pytest.mark.parametrize("name", ["_do_parse", "_do_error_parse"])
@pytest.mark.parametrize("kind", [KeyError, TypeError, ValueError, AttributeError])
async def test_what_botocores_parser_trips_over(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Exception]
) -> None:
    """Whatever it raises of an answer is an answer that is not S3's, and is worth another attempt."""

    def tripped(*_: object) -> None:
        raise kind("an element")

    status = 200 if name == "_do_parse" else 400
    with stub_s3(lambda asked: Answer(status, "<Odd/>") if asked.method == "PUT" else listing()) as server:
        async with _store(server) as store:
            await store.probe(_SOURCE)
            monkeypatch.setattr(f"aiobotocore.parsers.AioRestXMLParser.{name}", tripped)
            monkeypatch.setattr(RetryPolicy, "wait", lambda *_: 0.0)
            with pytest.raises(TransientError, match="the answer is not S3's") as refused:
                await store.objects_at(_DESTINATION).write("bucket", "key", b"")
    assert refused.value.code == "MalformedXML"


async def test_pages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By our own parser: botocore's would take most of the time that looking at prefixes takes."""

    def read(*_: object) -> None:
        raise AssertionError("botocore read a page")

    monkeypatch.setattr("aiobotocore.parsers.AioRestXMLParser._do_parse", read)
    with stub_s3(lambda _: listing("from/ada/1.jpg")) as server:
        async with _store(server) as store:
            assert [found.key for found in (await store.probe(_SOURCE)).objects] == ["from/ada/1.jpg"]


@pytest.mark.parametrize("refused", ["MissingContentMD5", "InvalidRequest", "NotImplemented"])
async def test_a_store_that_takes_no_batch_as_botocore_sends_it(refused: str) -> None:
    """DeleteObjects goes with Content-MD5 where a store asks for that; where it has none, keys are removed singly."""
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        if request.method == "GET":
            return listing()
        asked.append(request)
        if request.method == "DELETE":
            return refusal(403, "AccessDenied") if request.path.endswith("/2") else Answer(204)
        if "content-md5" in request.headers and refused != "NotImplemented":
            return Answer(200, "<DeleteResult/>")
        return refusal(400, refused, more="<Resource>Content-MD5</Resource>" if refused == "MissingContentMD5" else "")

    keys = [f"into/{number}" for number in range(3)]
    with stub_s3(answer) as server:
        async with _store(server) as store:
            await store.probe(_DESTINATION)
            for _ in range(2):
                failed = await store.objects_at(_DESTINATION).remove(_DESTINATION, keys)
                if refused == "MissingContentMD5":
                    assert failed == {}
                else:
                    assert {key: type(error) for key, error in failed.items()} == {"into/2": DeniedError}
    methods = [request.method for request in asked]
    if refused == "MissingContentMD5":
        assert methods == ["POST"] * 3, "once without, then always with it"
    else:
        assert methods == ["POST", *["DELETE"] * 6], "asked once, and not again"
