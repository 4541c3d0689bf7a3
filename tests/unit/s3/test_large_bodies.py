"""Large bodies over one connection: as they were sent, whatever pieces they come in, and nothing is kept of them."""

import asyncio
import contextlib
import hashlib
import os
import ssl
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from streammerge.s3.http import HttpPool
from streammerge.s3.http_connection import LONGEST, UnfitError

_SIZE = 3 << 20  # bytes
_LIMIT = 30.0  # seconds


@contextlib.asynccontextmanager
async def _echoing(*, extra: bytes = b"", early: bool = False) -> AsyncIterator[tuple[URL, list[bytes]]]:
    """A server that answers each request with its own body, and then with what nobody asked for.

    early: it refuses before it has read the body, and reads no more.
    """
    received: list[bytes] = []
    over, serving = asyncio.Event(), list[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if early:
                    writer.write(b"HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n")
                    await writer.drain()
                    await over.wait()
                    break
                size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(size)
                received.append(body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                for start in range(0, size, 100_000):
                    writer.write(body[start : start + 100_000])
                    await writer.drain()
                writer.write(extra)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), received
    finally:
        over.set()
        server.close()
        if serving:
            await asyncio.wait([task for task in serving if task], timeout=_LIMIT)


@contextlib.asynccontextmanager
async def _pool() -> AsyncIterator[HttpPool]:
    pool = HttpPool(ssl.create_default_context(), _LIMIT)
    try:
        yield pool
    finally:
        await pool.aclose()


@pytest.mark.parametrize("size", [1, 60_000, (1 << 16) + 1, 200_000, _SIZE])
async def test_a_body_comes_and_goes(size: int) -> None:
    """Of any size, several times over one connection; what is idle keeps none of it."""
    body = os.urandom(size)
    async with _echoing() as (root, received), _pool() as pool:
        for _ in range(3):
            answer = await pool.send("PUT", root, "/key", {"host": "x"}, time_limit=_LIMIT, body=body)
            assert (answer.status, hashlib.sha256(answer.body).digest()) == (200, hashlib.sha256(body).digest())
        (idle,) = next(iter(pool._hosts.values())).idle
        assert (idle._whole, idle._body, len(idle._rest)) == (None, [], 0)
    assert received == [body] * 3


async def test_bodies_that_come_at_once_do_not_mix() -> None:
    """Connections receive into memory that they share."""
    bodies = [bytes([number]) * (20_000 * number) for number in range(1, 20)]
    async with _echoing() as (root, _), _pool() as pool, asyncio.timeout(_LIMIT):
        asked = [pool.send("PUT", root, "/key", {"host": "x"}, time_limit=_LIMIT, body=body) for body in bodies]
        assert [answer.body for answer in await asyncio.gather(*asked)] == bodies


async def test_an_answer_says_how_long_its_head_was_waited_for() -> None:
    """Not how long its body took."""
    async with _echoing() as (root, _), _pool() as pool, asyncio.timeout(_LIMIT):
        began = asyncio.get_running_loop().time()
        answer = await pool.send("PUT", root, "/key", {"host": "x"}, time_limit=_LIMIT, body=bytes(_SIZE))
        assert 0 < answer.waited < asyncio.get_running_loop().time() - began


async def test_more_than_was_announced_spoils_the_connection() -> None:
    """What comes after a large body is no answer to the next request."""
    async with _echoing(extra=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (root, received), _pool() as pool:
        for _ in range(2):
            answer = await pool.send("PUT", root, "/key", {"host": "x"}, time_limit=_LIMIT, body=bytes(_SIZE))
            assert answer.body == bytes(_SIZE)
    assert len(received) == 2


async def test_an_answer_that_is_too_long_is_given_up() -> None:
    """Before memory is taken for it."""
    async with _echoing() as (root, _), _pool() as pool:
        with pytest.raises(UnfitError, match="more than"):
            await pool.send("PUT", root, "/key", {"host": "x"}, time_limit=_LIMIT, body=bytes(_SIZE), longest=_SIZE - 1)
    assert LONGEST > _SIZE


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", None])
async def test_a_download_that_stalls_is_given_up(begun: bytes | None) -> None:
    """Long before the time is up that is allowed for all of it: nothing comes, or only a head, or half of the body."""
    over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + bytes(10**6) if begun is None else begun)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    root = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    pool = HttpPool(ssl.create_default_context(), 0.5)
    try:
        async with asyncio.timeout(_LIMIT):
            with pytest.raises(TimeoutError, match="no answer in time"):
                await pool.send("GET", root, "/key", {"host": "x"}, time_limit=10 * _LIMIT)
    finally:
        over.set()
        await pool.aclose()
        server.close()


async def test_a_refusal_before_the_body_was_sent() -> None:
    """It ends the sending at once, though no more is taken in, and the connection is not used again."""
    async with _echoing(early=True) as (root, _), _pool() as pool, asyncio.timeout(_LIMIT):
        answer = await pool.send("PUT", root, "/key", {"host": "x"}, time_limit=10 * _LIMIT, body=bytes(20 << 20))
        assert answer.status == 412
        assert not any(place.idle for place in pool._hosts.values())
