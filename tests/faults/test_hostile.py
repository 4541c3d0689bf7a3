"""Endpoints that answer what no S3 would: nothing is read without bound, no file is, and nothing else is copied."""

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from command import environment, streammerge
from fault_proxy import kind_of
from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from streammerge import merge
from streammerge.dataset.job import make_job
from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import RunError, TransientError, UsageError
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.http_connection import LONGEST
from streammerge.s3.options import ListingOrder, Options
from streammerge.transfer.backoff import RetryPolicy
from stub_s3 import Answer, Asked, listing, stub_s3

_BOUND = 120.0  # seconds; whatever takes longer hangs
_PROBES = 3  # times that the first look is tried
_BUFFERED = 8 << 20  # bytes that may be on their way when the client has had enough
_SOURCE, _DESTINATION = Location("bucket", "from/"), Location("bucket", "into/")
_IMAGES = {f"from/ada/{number}.jpg": Kept(md5_of(str(number))) for number in range(3)}
_COPY = CopyTask(S3Object("from/ada/1.jpg", 3, md5_of("1"), "2026-01-01T00:00:00.000Z"), 0, "into/ada/1.jpg", "ada")
_PAGE = listing().body.encode()
_ARGUMENTS = ("merge", "s3://bucket/from/", "--into", "s3://bucket/into/", "--min-images", "1", "--attempts", "2")


class Pouring:
    """An endpoint whose answers to some kinds of requests begin so, and never end."""

    def __init__(self, kinds: tuple[str, ...], begin: bytes, piece: bytes) -> None:
        self.poured = 0  # bytes
        self._kinds = kinds
        self._begin = begin
        self._piece = piece

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                await self._answer((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), writer)

    async def _answer(self, raw: str, writer: asyncio.StreamWriter) -> None:
        first, *lines = raw.split("\r\n")
        method, path, _ = first.split(" ")
        asked = Asked(method, path, {line.partition(":")[0].lower(): "" for line in lines})
        if kind_of(asked) not in self._kinds:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_PAGE) + _PAGE)
            return
        writer.write(self._begin)
        while True:
            writer.write(self._piece)
            await writer.drain()
            self.poured += len(self._piece)


@contextlib.asynccontextmanager
async def _store(url: str) -> AsyncIterator[S3Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "KEY")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET-SECRET")
        patch.setattr("streammerge.s3.probe._RETRIES", RetryPolicy(attempts=_PROBES, base=0.01))
        async with asyncio.timeout(_BOUND), open_client(Options(endpoint_url=url, timeout=30)) as store:
            yield store


@contextlib.asynccontextmanager
async def _poured(pouring: Pouring) -> AsyncIterator[S3Client]:
    server = await asyncio.start_server(pouring.serve, "127.0.0.1", 0)
    async with server, _store(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as store:
        yield store


_OPEN = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\n"
_CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_POURING = {
    "chunks": (_OPEN % b"200 OK" + b"Transfer-Encoding: chunked\r\n\r\n", _CHUNK),
    "error": (_OPEN % b"500 Oops" + b"Transfer-Encoding: chunked\r\n\r\n", _CHUNK),
    "until-closed": (_OPEN % b"200 OK" + b"Connection: close\r\n\r\n", b"<a>" * 10_000),
    "terabyte": (_OPEN % b"200 OK" + b"Content-Length: 1000000000000\r\n\r\n", b" " * 0x10000),
    "headers": (_OPEN % b"200 OK", b"X-More: and more\r\n" * 1000),
    "header": (_OPEN % b"200 OK" + b"X-Long: ", b"and more " * 1000),
}


@pytest.mark.parametrize("begin", _POURING)
@pytest.mark.parametrize("kind", ["list", "copy"])
async def test_answer_without_an_end(kind: str, begin: str) -> None:
    """Of a listing or a copy, success or error, body or headers: it is read for some megabytes, and is a failure."""
    pouring = Pouring((kind,), *_POURING[begin])
    async with _poured(pouring) as store:
        await store.probe(_SOURCE)
        with pytest.raises(TransientError):
            await (store.list_page(_SOURCE) if kind == "list" else store.copy(_COPY, _SOURCE, _DESTINATION))
    assert pouring.poured < LONGEST + _BUFFERED


@pytest.mark.parametrize("begin", _POURING)
async def test_first_answer_without_an_end(begin: str) -> None:
    """The first look at a prefix is botocore's, and bounded like others, each time that it is tried."""
    pouring = Pouring(("probe",), *_POURING[begin])
    async with _poured(pouring) as store:
        with pytest.raises(UsageError):
            await store.probe(_SOURCE)
    assert pouring.poured < _PROBES * (LONGEST + _BUFFERED)


async def test_page_as_long_as_a_page_can_be() -> None:
    """1,000 keys of 1,024 bytes, each byte of them percent-encoded, are read."""
    keys = [f"from/{number:05}" + "\xe9" * 507 for number in range(1000)]
    s3 = ScriptedS3({key: Kept(md5_of(key)) for key in keys})
    with stub_s3(s3) as server:
        async with _store(server.endpoint_url) as store:
            await store.probe(_SOURCE)
            assert [listed.key for listed in (await store.list_page(_SOURCE)).objects] == keys


async def test_object_longer_than_any_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A HEAD names the length of its object, and has no body to be bounded."""
    ours = BaseHTTPRequestHandler.send_header

    def send_header(self: BaseHTTPRequestHandler, name: str, value: str) -> None:
        ours(self, name, "10000000000" if (self.command, name) == ("HEAD", "Content-Length") else value)

    monkeypatch.setattr(BaseHTTPRequestHandler, "send_header", send_header)
    s3 = ScriptedS3({_COPY.object.key: Kept(_COPY.object.etag), _COPY.target: Kept(_COPY.object.etag)})
    with stub_s3(s3) as server:
        async with _store(server.endpoint_url) as store:
            await store.probe(_SOURCE)
            assert await store.etags_are_md5(_COPY, _SOURCE, _DESTINATION)
    assert s3.count("head") == 2


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_BOMBS = {
    "laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{_LAUGHS}]><x>&l9;</x>',
    "wide characters": f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY l0 "ha">{_LAUGHS}]><x>&l9;</x>',
    "quadratic": f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]><x>{"&a;" * 50_000}</x>',
    "file": '<!DOCTYPE x [<!ENTITY f SYSTEM "file://{file}">]><x>&f;</x>',
    "parameter": '<!DOCTYPE x [<!ENTITY % f SYSTEM "file://{file}"> %f;]><x>&f;</x>',
    "deep": f"<x>{'<a>' * 50_000}{'</a>' * 50_000}</x>",
    "wide": f"<x>{'<a/>' * 50_000}</x>",
}


def _bomb(name: str, root: str, file: Path) -> str:
    bomb = _BOMBS[name].replace("{file}", str(file))
    bomb = bomb.replace("<x>", f"<{root}><Code>").replace("</x>", f"</Code></{root}>").replace(" x ", f" {root} ")
    return bomb.encode("utf-16").decode(errors="surrogateescape") if "UTF-16" in bomb else bomb


@pytest.mark.parametrize(
    ("kind", "status"), [("probe", 200), ("probe", 500), ("list", 200), ("list", 500), ("copy", 200)]
)
async def test_bomb(tmp_path: Path, kind: str, status: int) -> None:
    """XML that grows, that names a file, that is deep or wide: soon a failure in a few words, and no file is read."""
    file = tmp_path / "private"
    file.write_text("what nobody may see")
    root = "Error" if status == 500 else "CopyObjectResult" if kind == "copy" else "ListBucketResult"
    bombs = iter([Answer(status, _bomb(name, root, file)) for name in _BOMBS])
    answer = listing()
    memory, began = _peak(), time.process_time()
    with stub_s3(lambda asked: answer if kind_of(asked) == kind else listing()) as server:
        async with _store(server.endpoint_url) as store:
            await store.probe(_SOURCE)
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "probe": lambda: store.probe(_SOURCE),
                "list": lambda: store.list_page(_SOURCE),
                "copy": lambda: store.copy(_COPY, _SOURCE, _DESTINATION),
            }
            for answer in bombs:  # noqa: B007 - the stub answers it
                with pytest.raises(UsageError if kind == "probe" else TransientError) as failed:
                    await calls[kind]()
                assert "what nobody may see" not in str(failed.value)
                assert len(str(failed.value)) < 1000
    assert time.process_time() - began < 10
    assert _peak() - memory < 256 << 20


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


_NONSENSE = (
    "<Error><Code><a/></Code></Error>",
    "<Error><Code>Odd</Code><Message><a/></Message><RequestId><b/></RequestId></Error>",
    "<ListBucketResult><Contents><Size>3</Size></Contents></ListBucketResult>",
    "<ListBucketResult><Contents><Key>from/a.jpg</Key><Size>many</Size></Contents></ListBucketResult>",
    "<ListBucketResult><Contents><Key>a</Key><Size>3</Size><LastModified>once</LastModified></Contents></ListBucketResult>",
    "<ListBucketResult><CommonPrefixes></CommonPrefixes></ListBucketResult>",
    "<ListBucketResult><Contents>text</Contents></ListBucketResult>",
    "\0",
    "",
    "<ListBucketResult><IsTruncated>false</IsTruncated>" + "<Contents>" * 1000,
)


async def test_first_answer_that_makes_no_sense() -> None:
    """Under 200 or 400, it is bad input in few words, and never an empty prefix."""
    answer = Answer(200)
    with stub_s3(lambda _: answer) as server:
        async with _store(server.endpoint_url) as store:
            for answer in (Answer(status, body) for body in _NONSENSE for status in (200, 400)):  # noqa: B007
                with pytest.raises(UsageError, match=r"^cannot list s3://bucket/from/") as refused:
                    await store.probe(_SOURCE)
                assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("beyond", ["into/ada/1.jpg", "from", "fro", "/from/ada/1.jpg", "from2/ada/1.jpg"])
@pytest.mark.parametrize("order", ["any", "sorted"])
async def test_key_outside_the_prefix(beyond: str, order: ListingOrder) -> None:
    """A key that was not asked for stops the run before anything is copied, and is named."""
    s3 = ScriptedS3(_IMAGES)

    def script(request: Request) -> Answer | None:
        ours = request.operation == "list" and "user-agent" not in request.headers
        return listing(beyond) if ours and request.query["prefix"] == "from/" else None

    s3.script = script
    with pytest.raises(RunError, match=f"'{beyond}', which is not below that prefix"):
        await _merge(s3, order)
    assert s3.count("copy") == 0


@pytest.mark.parametrize("length", [1, 2, 3, 7])
@pytest.mark.parametrize("order", ["any", "sorted"])
async def test_tokens_that_go_round_in_circles(order: ListingOrder, length: int) -> None:
    """However many pages a circle has: the run notices it, and does not follow it for ever."""
    s3 = ScriptedS3(_IMAGES)

    def script(request: Request) -> Answer | None:
        if request.operation != "list" or "user-agent" in request.headers or request.query["prefix"] != "from/":
            return None
        goes_on = request.query.get("continuation-token")
        keys = goes_on is None and "start-after" not in request.query
        return s3.page(request, keys=keys, token=f"{(int(goes_on or 0) + 1) % length}")

    s3.script = script
    with pytest.raises(RunError, match="circles"):
        await _merge(s3, order)
    assert s3.count("copy") == 0
    assert s3.count("list") < 60 + 4 * length


async def _merge(s3: ScriptedS3, order: ListingOrder) -> None:
    with stub_s3(s3) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "KEY")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET-SECRET")
        options = Options(endpoint_url=server.endpoint_url, timeout=60, attempts=2, listing_order=order)
        async with asyncio.timeout(_BOUND):
            await merge(make_job(["s3://bucket/from/"], into="s3://bucket/into/", min_images=1), options)


def test_error_that_never_ends_talking() -> None:
    """What a server says goes into the report as one short line, without anything that a terminal obeys."""
    said = "\x9b31m\u202e" + "blah " * 100_000
    body = f"<Error><Code>{said}</Code><Message>{said}</Message><RequestId>{said}</RequestId></Error>"
    s3 = ScriptedS3(_IMAGES, lambda request: Answer(418, body) if request.operation == "copy" else None)
    with stub_s3(s3) as server:
        ended = streammerge(*_ARGUMENTS, env=environment(server), timeout=_BOUND)
    assert ended.code == 3
    assert "blah" in ended.out
    assert len(ended.out) < 3 * 4 * 600 + 2000
    assert "\x9b" not in ended.out + ended.err
    assert "\u202e" not in ended.out + ended.err
