"""The wire against servers that behave oddly: late, cut short, closed at the wrong moment."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientError
from yarl import URL

from streammerge.errors import ObjectError
from streammerge.s3.http import FAILED, HttpPool
from streammerge.s3.http_connection import Answer

_BOUND = 60.0  # seconds
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_BOUND):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in several places
            await asyncio.sleep(0.01)


class _Server:
    """Serves each connection by the same coroutine; keeps what was asked, and counts connections."""

    def __init__(self, serve: _Serve) -> None:
        self.serve = serve
        self.heads: list[bytes] = []
        self.connections = self.open = 0
        self.root = URL()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            await self.serve(reader, writer)
        self.open -= 1

    async def head(self, reader: asyncio.StreamReader) -> None:
        """Read the next request."""
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))

    async def left(self) -> None:
        """Wait until no connection is open."""
        await _until(lambda: not self.open)


@contextlib.asynccontextmanager
async def _served(
    *writes: bytes, close: bool = False, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[_Server]:
    """A server that answers every request with these writes, and closes then or waits for the next."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await server.head(reader)
            for written in writes:
                writer.write(written)
                await writer.drain()
                await asyncio.sleep(0.01)
            if close:
                return

    server = _Server(serve)
    try:
        listens = await asyncio.start_server(server, host, port)
    except OSError as error:
        pytest.skip(f"no {host} on this machine: {error}")
    async with listens:
        server.root = URL.build(scheme="http", host=host, port=listens.sockets[0].getsockname()[1])
        yield server


async def _send(
    wire: HttpPool, server: _Server, *, method: str = "PUT", time_limit: float = _BOUND, etag: str = "e"
) -> Answer:
    headers = {"host": server.root.host_port_subcomponent or "", "x-amz-copy-source-if-match": etag}
    async with asyncio.timeout(_BOUND):
        return await wire.send(method, server.root, "/bucket/a%2Bb?x=%7E", headers, time_limit=time_limit)


def _wire(timeout: float = _BOUND) -> contextlib.aclosing[HttpPool]:
    return contextlib.aclosing(HttpPool(ssl.create_default_context(), timeout))


@pytest.mark.parametrize(("method", "length"), [("PUT", b"content-length: 0\r\n"), ("GET", b"")])
async def test_the_head_goes_out_as_it_is(method: str, length: bytes) -> None:
    """The target and the headers are on the wire byte for byte; a PUT says that it has no body."""
    async with _served(_OK) as server, _wire() as wire:
        answer = await _send(wire, server, method=method)
    host = (server.root.host_port_subcomponent or "").encode()
    first = method.encode() + b" /bucket/a%2Bb?x=%7E HTTP/1.1\r\n"
    assert server.heads == [first + b"host: " + host + b"\r\nx-amz-copy-source-if-match: e\r\n" + length + b"\r\n"]
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "4", b"body")


async def test_connections_are_kept() -> None:
    """One request after the other takes the same connection; two at once take two."""
    async with _served(_OK) as server, _wire() as wire:
        for _ in range(3):
            await _send(wire, server)
        assert server.connections == 1
        await asyncio.gather(_send(wire, server), _send(wire, server))
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + _OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
    ],
)
async def test_answers_of_other_forms(answer: bytes) -> None:
    """An interim answer is passed over, and chunks are put together, however they arrive."""
    for size in (1, 20, len(answer)):
        parts = [answer[at : at + size] for at in range(0, len(answer), size)]
        async with _served(*parts) as server, _wire() as wire:
            assert (await _send(wire, server)).body == b"body"


async def test_a_body_that_ends_with_the_connection() -> None:
    """Without a length the body goes on to the end of the connection, which is not used again."""
    async with _served(b"HTTP/1.1 200 OK\r\n\r\nbo", b"dy", close=True) as server, _wire() as wire:
        assert (await _send(wire, server)).body == b"body"
        assert (await _send(wire, server)).body == b"body"
    assert server.connections == 2


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbo", b"HTTP/1.1 200 OK\r\n\r\nwhole"]
)
async def test_an_answer_that_does_not_come_in_time(beginning: bytes) -> None:
    """It is given up, though what has come looks like a whole body; its connection is closed."""
    async with _served(beginning) as server, _wire(timeout=0.4) as wire:
        with pytest.raises(TimeoutError):
            await _send(wire, server, time_limit=0.2)
        await server.left()
    assert len(server.heads) == 1


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_an_answer_that_nobody_asked_for(pause: float) -> None:
    """What a server sends beyond its answer is never taken for the answer to the next request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await server.head(reader)
            writer.write(_OK)
            await asyncio.sleep(pause)
            writer.write(_OK.replace(b"body", b"more"))
            sent.set()

    sent = asyncio.Event()
    async with _served() as server, _wire() as wire:
        server.serve = serve
        for _ in range(3):
            sent.clear()
            assert (await _send(wire, server)).body == b"body"
            await sent.wait()
            await asyncio.sleep(0.05)
    assert server.connections == 3


async def test_a_connection_that_was_closed_meanwhile() -> None:
    """A request that meets a connection which the server closes is an error, sent once: whoever calls owns retries."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.head(reader)
        if server.connections > 1:
            writer.write(_OK)
            await writer.drain()

    async with _served() as server, _wire() as wire:
        server.serve = serve
        with pytest.raises(ConnectionError):
            await _send(wire, server)
        assert (server.connections, len(server.heads)) == (1, 1)
        assert (await _send(wire, server)).body == b"body"
    assert (server.connections, len(server.heads)) == (2, 2)


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", _OK[:-1], b"\0" * 99]
)
async def test_an_answer_that_is_none(answer: bytes) -> None:
    """What cannot be read, or is cut short, is a failure of the network."""
    async with _served(answer, close=True) as server, _wire() as wire:
        with pytest.raises(FAILED):
            await _send(wire, server)


async def test_nobody_listens() -> None:
    """A connection that is refused is not tried again here."""
    async with _served() as server:
        pass
    async with _wire() as wire:
        with pytest.raises(OSError, match=re.escape(f"{server.root.host}:{server.root.port}")):
            await _send(wire, server)


async def test_a_request_that_is_cancelled_leaves_no_connection() -> None:
    """An answer that comes later could be taken for that to another request."""
    async with _served() as server, _wire() as wire:
        task = asyncio.create_task(_send(wire, server))
        await _until(lambda: bool(server.heads))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await server.left()


@pytest.mark.parametrize("etag", ["a\r\nx-amz-acl: public-read", "a\nb", "a\rb"])
async def test_a_line_break_in_a_header(etag: str) -> None:
    """What a store lists as an ETag cannot add headers to a request."""
    async with _served(_OK) as server, _wire() as wire:
        with pytest.raises(ObjectError):
            await _send(wire, server, etag=etag)
    assert server.heads == []


async def test_ipv6() -> None:
    """An address in brackets is a host like any other."""
    async with _served(_OK, host="::1") as server, _wire() as wire:
        assert (await _send(wire, server)).body == b"body"
    assert b"\r\nhost: [::1]:" in server.heads[0]


async def test_connections_are_spread_over_the_addresses_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for two addresses has its connections on both."""
    async with _served(b"", host="127.0.0.1") as one:
        assert one.root.port is not None
        async with _served(b"", host="127.0.0.2", port=one.root.port) as other, _wire() as wire:

            async def resolve(_: object, __: str, port: int, **___: object) -> list[tuple[object, ...]]:
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in (1, 2)]

            monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
            root = URL.build(scheme="http", host="store.test", port=one.root.port)
            asking = [
                asyncio.create_task(wire.send("GET", root, "/", {"host": "store.test"}, time_limit=_BOUND))
                for _ in range(8)
            ]
            await _until(lambda: len(one.heads) + len(other.heads) == 8)
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
            assert (len(one.heads), len(other.heads)) == (4, 4)


async def test_two_answers_at_once() -> None:
    """The first one counts, and the connection is not used again."""
    async with _served(_OK + _OK.replace(b"200 OK", b"500 No").replace(b"body", b"more")) as server, _wire() as wire:
        for _ in range(2):
            answer = await _send(wire, server)
            assert (answer.status, answer.body) == (200, b"body")
    assert server.connections == 2


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 999),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 99),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x" * 999),
    ],
)
async def test_an_answer_without_an_end(beginning: bytes, more: bytes) -> None:
    """A head, interim answers, chunks or trailers that go on for ever are given up, long before the time is."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.head(reader)
        writer.write(beginning)
        while True:
            writer.write(more)
            await writer.drain()

    async with _served() as server, _wire() as wire:
        server.serve = serve
        headers = {"host": server.root.host_port_subcomponent or ""}
        with pytest.raises(FAILED) as refused:
            await wire.send("GET", server.root, "/", headers, time_limit=_BOUND, longest=1000)
        assert not isinstance(refused.value, TimeoutError)
        await server.left()


async def test_a_bug_in_reading_surfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no failure of the network."""
    monkeypatch.setattr("streammerge.s3.http_connection._INTERIM", None)
    async with _served(_OK) as server, _wire() as wire:
        with pytest.raises(TypeError):
            await _send(wire, server)


async def test_a_connection_that_was_idle_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed, though nobody asks for it, and is not used again."""
    monkeypatch.setattr("streammerge.s3.http._KEPT", 0.05)
    async with _served(_OK) as server, _wire(timeout=0.8) as wire:
        await _send(wire, server)
        await server.left()
        await _send(wire, server)
    assert server.connections == 2


async def test_an_address_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address of the same name is taken."""
    async with _served(_OK) as server, _wire() as wire:

        async def resolve(_: object, __: str, port: int, **___: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in (9, 1)]

        monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
        root = server.root.with_host("store.test")
        for _ in range(4):
            answer = await wire.send("GET", root, "/", {"host": "store.test"}, time_limit=_BOUND)
            assert answer.body == b"body"


async def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and is asked for anew by the next request."""
    asked: list[str] = []

    async def resolve(_: object, host: str, *__: object, **___: object) -> list[tuple[object, ...]]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
    root = URL("http://store.test:80")
    async with _wire() as wire:
        for _ in range(2):
            with pytest.raises(OSError, match=r"store\.test:80: Name or service not known"):
                await wire.send("GET", root, "/", {"host": "store.test"}, time_limit=_BOUND)
    assert asked == ["store.test"] * 2


async def test_aiohttp_sends_nothing_twice() -> None:
    """A GET of the session for proxies that meets a closed connection is sent once, against aiohttp's own way."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.head(reader)
        if len(server.heads) == 1:
            writer.write(_OK)
            await server.head(reader)

    async with _served() as server, _wire() as wire:
        server.serve = serve
        async with wire.session.get(server.root) as answer:
            assert await answer.read() == b"body"
        with pytest.raises(ClientError):
            await wire.session.get(server.root)
    assert len(server.heads) == 2
