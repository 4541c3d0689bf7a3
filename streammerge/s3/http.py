"""HTTP/1.1 for the frequent requests: one signed request, one whole answer, over kept connections.

Strategy: the head of a request is signed as a whole anyway, so it is written to a connection as it is. The connection
used last is taken first. A name is resolved once in a while, and new connections take its addresses in turn. Time is
bounded by one sweep over all that is in flight, not by a timer per request. What goes through a proxy takes an aiohttp
session.
"""

import asyncio
import itertools
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from functools import partial
from math import inf
from typing import Any

import aiohttp
import httptools
from aiohappyeyeballs import AddrInfoType, start_connection
from yarl import URL

from streammerge.errors import ObjectError
from streammerge.s3.http_connection import LONGEST, Answer, Body, HttpConnection, too_long
from streammerge.s3.passage import Passage

_SWEEP = 1.0  # seconds by which an answer may be given up too late, at most
_KEPT = 20.0  # seconds for which a connection may be idle
_RESOLVED = 30.0  # seconds for which the addresses of a name hold
_RECEIVED = 1 << 18  # bytes that are received at once
_WITH_HEAD = 1 << 16  # bytes of a body that are written together with the head
_NEXT_ADDRESS = 0.25  # seconds after which another address is tried as well (RFC 8305)
# No answer, or none that can be read
FAILED = (aiohttp.ClientError, httptools.HttpParserError, OSError)  # TimeoutError and UnfitError are OSErrors


class _Host:
    """A scheme, host and port: its idle connections, and its addresses."""

    def __init__(self, root: URL, context: ssl.SSLContext | None, connecting: float, received: memoryview) -> None:
        assert root.host is not None
        assert root.port is not None
        self.host, self.port = root.host, root.port
        self.idle: deque[HttpConnection] = deque()
        assert context is not None or root.scheme != "https"
        self._tls = context if root.scheme == "https" else None
        self._connecting = connecting
        self._new = partial(HttpConnection, received)
        self._turn = itertools.count()
        self._addresses: asyncio.Task[list[AddrInfoType]] | None = None
        self._resolved_at = 0.0

    def kept(self, now: float) -> HttpConnection | None:
        """The idle connection that was used last, if one may still be used."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.is_spoilt:
                if now - connection.idle_since <= _KEPT:
                    return connection
                connection.abort()
        return None

    def drop_old(self, now: float) -> None:
        """Close what was idle for too long."""
        while self.idle and (self.idle[0].is_spoilt or now - self.idle[0].idle_since > _KEPT):
            self.idle.popleft().abort()

    async def connect(self, loop: asyncio.AbstractEventLoop) -> HttpConnection:
        """A new connection, to the address whose turn it is, or else to another. Raises OSError."""
        try:
            async with asyncio.timeout(self._connecting):
                found = await self._resolve(loop)
                turn = next(self._turn) % len(found)
                sock = await start_connection(
                    [*found[turn:], *found[:turn]], happy_eyeballs_delay=_NEXT_ADDRESS, loop=loop
                )
                try:
                    _, connection = await loop.create_connection(
                        self._new, sock=sock, ssl=self._tls, server_hostname=self.host if self._tls else None
                    )
                except BaseException:
                    sock.close()
                    raise
        except OSError as error:
            reason = error.strerror or str(error) or "no answer in time"
            raise type(error)(f"cannot connect to {self.host}:{self.port}: {reason}") from error
        return connection

    async def _resolve(self, loop: asyncio.AbstractEventLoop) -> list[AddrInfoType]:
        known, now = self._addresses, loop.time()
        if known is None or now - self._resolved_at > _RESOLVED or (known.done() and not _is_good(known)):
            known = self._addresses = loop.create_task(self._look_up(loop))
            self._resolved_at = now
        return await asyncio.shield(known)

    async def _look_up(self, loop: asyncio.AbstractEventLoop) -> list[AddrInfoType]:
        return list(await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))


def _is_good(done: asyncio.Task[Any]) -> bool:
    return not done.cancelled() and done.exception() is None


class UnsentError(OSError):
    """No connection could be opened: nothing was sent. Its cause says why."""


class HttpPool:
    """Sends requests, as many at a time as it is asked for, within a running event loop.

    context: for TLS; None where no server is reached by it. session: aiohttp's, for what goes through a proxy.
    """

    def __init__(self, context: ssl.SSLContext | None, timeout: float) -> None:
        self._context = context
        self._connecting = min(10.0, timeout)
        self._received = memoryview(bytearray(_RECEIVED))
        self.session = never_send_twice(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=context or True, ttl_dns_cache=30, keepalive_timeout=20),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
        )
        self._loop = asyncio.get_running_loop()
        self._hosts: dict[URL, _Host] = {}
        self._in_flight: set[HttpConnection] = set()
        self._timeout = timeout
        self._every = min(_SWEEP, timeout / 8)
        self._sweep: asyncio.TimerHandle | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in [*self._in_flight, *(kept for host in self._hosts.values() for kept in host.idle)]:
            connection.abort()
        await self.session.close()

    async def send(
        self,
        method: str,
        root: URL,
        target: str,
        headers: dict[str, str],
        *,
        time_limit: float,
        proxy: str | None = None,
        longest: int = LONGEST,
        body: Body | Passage = b"",
        passes: bool = False,
    ) -> Answer:
        """Send a request to a scheme, host and port; the whole answer must be there within `time_limit` seconds.

        That to a GET may not pause for longer than the timeout either.
        target: path and query, encoded. headers: all there are to send. longest: bytes of the answer's body.
        passes: the answer may have a passage, which is to be closed. Neither that nor one to send goes by a proxy.
        Raises one of FAILED; ObjectError where a header has a line break in it; what a passage raises.
        """
        if proxy:
            assert not isinstance(body, Passage)
            url = URL(f"{root}{target}", encoded=True)
            return await self._send_by(proxy, method, url, headers, time_limit=time_limit, longest=longest, body=body)
        head = _head(method, target, headers, len(body))
        now = self._loop.time()
        host = self._hosts.get(root)
        if host is None:
            host = self._hosts[root] = _Host(root, self._context, self._connecting, self._received)
        connection = host.kept(now)
        if connection is None:
            try:
                connection = await host.connect(self._loop)
            except OSError as error:
                raise UnsentError(str(error)) from error
        connection.due = now + time_limit
        connection.patience = self._timeout if method == "GET" else inf  # other answers may take long to begin
        self._in_flight.add(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._every, self._cut_off)
        try:
            if len(body) <= _WITH_HEAD and not isinstance(body, Passage):
                answer = await connection.ask(head + body, longest, self._loop, passes=passes)
            else:
                asked = connection.ask(head, longest, self._loop, passes=passes)
                await connection.send_body(body)
                answer = await asked
        except BaseException:
            self._in_flight.discard(connection)
            connection.abort()
            raise
        if answer.passage is None:
            self._answered(host, connection)
        else:
            answer.passage.closed = partial(self._answered, host, connection)
        return answer

    def _answered(self, host: _Host, connection: HttpConnection) -> None:
        """Keep a connection for the next request, if it may be used again."""
        self._in_flight.discard(connection)
        if connection.is_spoilt:
            connection.abort()
        else:
            connection.idle_since = self._loop.time()
            host.idle.append(connection)

    def _cut_off(self) -> None:
        """Fail what is overdue, close what is idle, and look again later as long as there is anything."""
        now = self._loop.time()
        for each in list(self._in_flight):
            if each.due <= now or now - each.moved > each.patience:
                each.fail(TimeoutError("no answer in time"))
        for host in self._hosts.values():
            host.drop_old(now)
        busy = self._in_flight or any(host.idle for host in self._hosts.values())
        self._sweep = self._loop.call_later(self._every, self._cut_off) if busy else None

    async def _send_by(
        self,
        proxy: str,
        method: str,
        url: URL,
        headers: dict[str, str],
        *,
        time_limit: float,
        longest: int,
        body: Body,
    ) -> Answer:
        pause = self._timeout if method == "GET" else None
        timeout = aiohttp.ClientTimeout(total=time_limit, sock_connect=self._connecting, sock_read=pause)
        asked = self._loop.time()
        async with self.session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False, proxy=proxy, timeout=timeout
        ) as response:
            waited = self._loop.time() - asked
            answered = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, answered, await read_whole(response, longest), waited)


def _head(method: str, target: str, headers: Mapping[str, str], size: int) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if method != "GET":
        lines.append(f"content-length: {size}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ObjectError("a header has a line break in it", code="InvalidHeader")
    return f"{head}\r\n\r\n".encode()


def never_send_twice(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Leave retries to us; returns the session.

    aiohttp sends a request again, unasked and uncounted, when a kept connection breaks. It has no public way to turn
    that off; its own tests use this one, and one of ours fails if it stops working.
    """
    session._retry_connection = False  # noqa: SLF001
    return session


async def read_whole(response: aiohttp.ClientResponse, longest: int = LONGEST) -> bytes:
    """The body of an answer, of at most so many bytes. Raises UnfitError, and what aiohttp raises."""
    if response.method == "HEAD":
        return await response.read()
    announced = response.content_length
    try:
        if announced is not None and announced <= longest:
            return await response.content.read()  # aiohttp takes no more than was announced
        body = bytearray()
        while (announced or 0) <= longest and len(body) <= longest:
            piece = await response.content.readany()
            if not piece:
                return bytes(body)
            body += piece
    except BaseException:
        response.close()
        raise
    response.close()
    raise too_long(longest)
