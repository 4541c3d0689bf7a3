"""Bodies that go from one connection to another: as they came, whoever is slow or breaks off, whose fault that was."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohappyeyeballs
import pytest
import uvloop
from yarl import URL

from certificates import certificate_of_loopback
from streammerge.s3.http import HttpPool
from streammerge.s3.http_connection import Answer
from streammerge.s3.passage import PIECE, Passage

_SIZE = 3_000_001  # bytes
_LIMIT = 30.0  # seconds
_BODY = os.urandom(_SIZE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
_OK = _HEAD % 0
_NARROW = 1 << 14  # bytes that a reader, or a socket, keeps
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _SourceError(Exception):
    """What a passage makes of an error of its source."""


class Ends:
    """A source and a destination, each a server that does what a test says, and a pool that reaches both.

    passage: the one that was begun last.
    """

    passage: Passage | None = None

    def __init__(self, runner: asyncio.Runner, folder: Path, *, tls: bool) -> None:
        self._runner = runner
        pem, self._shown = certificate_of_loopback(folder)
        self._trust = ssl.create_default_context(cafile=str(pem))
        self._tls = tls

    def run(
        self, source: Serve, destination: Serve, *, times: int = 1, limit: float = _LIMIT, pause: float = _LIMIT
    ) -> list[Answer]:
        """Pass a body on, several times; the answers of the destination.

        limit: seconds for a request. pause: seconds for which a source may send nothing.
        """
        return self._runner.run(self._run(source, destination, times, limit, pause))

    async def _run(self, source: Serve, destination: Serve, times: int, limit: float, pause: float) -> list[Answer]:
        answers = []
        async with asyncio.timeout(_LIMIT), self._served(source) as there, self._served(destination) as here:
            pool = HttpPool(self._trust, pause)
            try:
                for _ in range(times):
                    found = await pool.send("GET", there, "/key", {"host": "x"}, time_limit=limit, passes=True)
                    assert found.passage is not None
                    self.passage = found.passage
                    with found.passage as passage:
                        assert len(passage) == _SIZE
                        passage.explain = lambda error: _SourceError(str(error))
                        answers.append(
                            await pool.send("PUT", here, "/key", {"host": "x"}, time_limit=limit, body=passage)
                        )
                self.idle = {root: len(place.idle) for root, place in pool._hosts.items()}
                self.source, self.destination = there, here
            finally:
                await pool.aclose()
        return answers

    @contextlib.asynccontextmanager
    async def _served(self, serve: Serve) -> AsyncIterator[URL]:
        doing = set[asyncio.Task[None] | None]()

        async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            doing.add(asyncio.current_task())
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await serve(reader, writer)
            writer.close()

        server = await asyncio.start_server(
            begin, "127.0.0.1", 0, ssl=self._shown if self._tls else None, limit=_NARROW
        )
        try:
            yield URL(f"{'https' if self._tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        finally:
            server.close()
            for task in doing:
                if task is not None:
                    task.cancel()


@pytest.fixture(params=["asyncio", "uvloop", "uvloop tls", "asyncio tls"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """On every event loop that there is, with and without TLS."""
    factory = uvloop.new_event_loop if "uvloop" in request.param else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield Ends(runner, tmp_path, tls="tls" in request.param)


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the body, whenever it is asked for."""
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(_HEAD % _SIZE + _BODY)
        await writer.drain()


async def _send_most(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send two thirds of it, and then nothing."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_HEAD % _SIZE + _BODY[:2_000_000])
    await asyncio.sleep(_LIMIT)


def _socket_of(writer: asyncio.StreamWriter) -> socket.socket:
    """Another handle of its socket, for what its event loop does not offer."""
    return socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))


class Taking:
    """Takes bodies in, with what a test wants done after every so many bytes."""

    def __init__(self, pace: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)) -> None:
        self.taken: list[bytes] = []
        self._pace = pace

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            body = b""
            while len(body) < _SIZE:
                body += await reader.read(min(_SIZE - len(body), 50_000))
                await self._pace()
            self.taken.append(body)
            writer.write(_OK)


def test_a_body_is_passed_on(ends: Ends) -> None:
    """Several times over the same connections."""
    taking = Taking()
    assert [answer.status for answer in ends.run(_send, taking, times=3)] == [200] * 3
    assert taking.taken == [_BODY] * 3
    assert set(ends.idle.values()) == {1}


def test_whoever_takes_it_in_slowly_gets_all_of_it(ends: Ends) -> None:
    """What was not taken in yet is not overwritten."""
    taking = Taking(lambda: asyncio.sleep(0.001))
    ends.run(_send, taking)
    assert taking.taken == [_BODY]


def test_whoever_sends_it_slowly_too(ends: Ends) -> None:
    """In pieces of any size, and the head by itself."""

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD % _SIZE)
        sizes = (1, 7, PIECE, PIECE - 1, PIECE + 1, 300_000, _SIZE)
        start = 0
        for size in sizes:
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(_BODY[start : start + size])
            start += size
        await writer.drain()
        await reader.read()

    taking = Taking()
    ends.run(send, taking)
    assert taking.taken == [_BODY]


def test_a_source_that_breaks_off(ends: Ends) -> None:
    """Its error says so, and the destination gets no more than it had."""

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD % _SIZE + _BODY[:-1])
        await writer.drain()

    taking = Taking()
    with pytest.raises(_SourceError, match="in the middle of its answer"):
        ends.run(break_off, taking)
    assert taking.taken == []


def test_a_destination_that_breaks_off(ends: Ends) -> None:
    """That is no error of the source."""

    async def break_off(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(1_000_000)

    with pytest.raises(OSError):  # noqa: PT011 - systems word it differently
        ends.run(_send, break_off)


def test_a_refusal_before_the_body_was_passed_on(ends: Ends) -> None:
    """It is the answer; what is left of the body is left, with its connection."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(_LIMIT)

    assert [answer.status for answer in ends.run(_send_most, refuse)] == [412]
    assert ends.idle[ends.source] == 0


@pytest.mark.parametrize("ends", ["asyncio", "uvloop"], indirect=True)
def test_a_refusal_while_the_last_piece_is_sent(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the destination did not take in would go before the next request: the connection is not used again."""
    connect = aiohappyeyeballs.start_connection

    async def connect_narrowly(*asked: Any, **more: Any) -> socket.socket:
        sock = await connect(*asked, **more)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _NARROW)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SIZE)
        return sock

    almost, last = asyncio.Event(), 200_000  # bytes: they come at once, and go slowly

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD % _SIZE + _BODY[:-last])
        await almost.wait()
        writer.write(_BODY[-last:])
        await reader.read()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with _socket_of(writer) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_SIZE - last)
        almost.set()
        while ends.passage is None or ends.passage._rest:
            await reader.read(1000)
        writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(_LIMIT)

    monkeypatch.setattr("streammerge.s3.http.start_connection", connect_narrowly)
    assert [answer.status for answer in ends.run(send, refuse)] == [503]
    assert ends.idle == {ends.source: 1, ends.destination: 0}


@pytest.mark.parametrize("ends", ["asyncio", "uvloop"], indirect=True)
def test_a_refusal_by_a_destination_that_closes_at_once(ends: Ends) -> None:
    """It is read although the piece that comes at the same time can no longer be sent."""
    sources = list[asyncio.StreamWriter]()

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD % _SIZE + _BODY[:1_000_000])
        sources.append(writer)
        await reader.read()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(1_000_000)
        with _socket_of(sources[-1]) as there, _socket_of(writer) as here:
            there.send(_BODY[1_000_000:1_000_100])
            here.send(b"HTTP/1.1 412 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
        writer.transport.abort()

    assert [answer.status for answer in ends.run(send, refuse, times=3)] == [412] * 3
    assert ends.idle == {ends.source: 0, ends.destination: 0}


@pytest.mark.parametrize("ends", ["asyncio", "uvloop"], indirect=True)
def test_a_source_may_not_pause_for_long(ends: Ends) -> None:
    """Whatever time there is for all of the body."""
    with pytest.raises(_SourceError, match="no answer in time"):
        ends.run(_send_most, Taking(), limit=10 * _LIMIT, pause=1.0)


@pytest.mark.parametrize("ends", ["asyncio", "uvloop"], indirect=True)
def test_a_source_that_is_held_back_does_not_pause(ends: Ends) -> None:
    """A destination may take in nothing for longer than a source may send nothing."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(4.0)
        await taking(reader, writer)

    taking = Taking()
    ends.run(_send, take, pause=2.0)
    assert taking.taken == [_BODY]


@pytest.mark.parametrize("ends", ["asyncio", "uvloop"], indirect=True)
@pytest.mark.parametrize("slow", ["source", "destination"])
def test_whoever_is_waited_for_too_long_is_named(ends: Ends, slow: str) -> None:
    """A source that sends no more, or a destination that takes in no more."""

    async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(_LIMIT)

    error = _SourceError if slow == "source" else TimeoutError
    with pytest.raises(error, match="no answer in time"):
        ends.run(*((_send_most, Taking()) if slow == "source" else (_send, stall)), limit=1.0)


def test_what_follows_a_body_is_no_answer(ends: Ends) -> None:
    """The connection is not used again."""

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(_HEAD % _SIZE + _BODY + b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    taking = Taking()
    ends.run(send, taking, times=2)
    assert taking.taken == [_BODY] * 2
