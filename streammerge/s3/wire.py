"""The wire: one signed request out, one whole answer in, over the connections of an aiohttp session.

Strategy: `ClientSession.request` spends 90 µs of CPU on a copy, two thirds of it on what the hot calls never use:
redirects, cookies, middleware, a timer and a task context for each request. So the head of the request, which is
signed as a whole anyway, is written straight to a connection of the session's connector, and aiohttp's parser reads
the answer. The connector gives DNS spread over addresses, TLS and connections that are kept. Time is bounded by one
sweep over all that is in flight. What goes through a proxy takes `ClientSession.request`.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from yarl import URL

from streammerge.errors import ObjectError
from streammerge.s3.sessions import LONGEST, never_send_twice, read_bounded, read_whole

FAILED = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)  # no answer, or none that can be read
_SWEEP = 1.0  # seconds by which an answer may be given up too late, at most
_SPOILT = 16  # connections in a row with something unread, after which the request is given up
_INTERIM = range(100, 200)  # statuses that another answer follows


class Answer(NamedTuple):
    """What came back; names of headers in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Sends requests without a body, as many at a time as it is asked for, within a running event loop.

    session: over the same connections, for answers that are to be streamed.
    """

    def __init__(self, context: ssl.SSLContext, timeout: float) -> None:
        connecting = min(10.0, timeout)
        self._connector = aiohttp.TCPConnector(
            limit=0,  # the gate bounds what is in flight
            ssl=context,
            ttl_dns_cache=30,
            keepalive_timeout=20,
        )
        self.session = never_send_twice(
            aiohttp.ClientSession(
                connector=self._connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
        )
        self._opening = aiohttp.ClientTimeout(connect=timeout, sock_connect=connecting)
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._due: dict[Connection, float] = {}  # when what is in flight is given up
        self._every = min(_SWEEP, timeout / 8)
        self._sweeping = False
        self._places: dict[URL, ClientRequest] = {}  # what the connector knows a place by

    async def aclose(self) -> None:
        """Close all connections."""
        await self.session.close()

    async def send(
        self,
        method: str,
        root: URL,
        target: str,
        headers: dict[str, str],
        *,
        patience: float,
        proxy: str | None = None,
        longest: int = LONGEST,
    ) -> Answer:
        """Send a request to a scheme, host and port; the whole answer must be there within `patience` seconds.

        target: path and query, encoded. headers: all there are to send. longest: bytes of a body.
        Raises one of FAILED; ObjectError where a header has a line break in it.
        """
        if proxy:
            url = URL(f"{root}{target}", encoded=True)
            return await self._send_by(proxy, method, url, headers, patience=patience, longest=longest)
        return await self._exchange(root, _head(method, target, headers), self._clock() + patience, longest)

    async def _exchange(self, root: URL, head: bytes, due: float, longest: int) -> Answer:
        place = self._places.get(root)
        if place is None:
            place = self._places[root] = ClientRequest("GET", root, loop=self._loop, session=self.session)
        connection = await self._connect(place)
        self._due[connection] = due
        if not self._sweeping:
            self._sweep()
        try:
            answer = await _ask(connection, head, longest)
        except BaseException as error:
            connection.close()
            if self._due.pop(connection, None) is None and isinstance(error, FAILED):
                raise TimeoutError("no answer in time") from error
            raise
        if self._due.pop(connection, None) is None:  # cut off, which may look like the end of the body
            connection.close()
            raise TimeoutError("no answer in time")
        connection.release()
        return answer

    async def _connect(self, place: ClientRequest) -> Connection:
        """A connection on which nothing has come that nobody asked for: it would be taken for the answer."""
        for _ in range(_SPOILT):
            connection = await self._connector.connect(place, [], self._opening)
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ServerDisconnectedError("it says something before it is asked, again and again")

    def _sweep(self) -> None:
        """Cut off what is overdue, and look again later as long as anything is in flight."""
        now = self._clock()
        for connection in [connection for connection, due in self._due.items() if due <= now]:
            del self._due[connection]
            if connection.transport is not None:
                connection.transport.abort()
        self._sweeping = bool(self._due)
        if self._sweeping:
            self._loop.call_later(self._every, self._sweep)

    async def _send_by(
        self, proxy: str, method: str, url: URL, headers: dict[str, str], *, patience: float, longest: int
    ) -> Answer:
        timeout = aiohttp.ClientTimeout(total=patience, sock_connect=self._opening.sock_connect)
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False, proxy=proxy, timeout=timeout
        ) as response:
            return Answer(response.status, response.headers, await read_whole(response, longest))


def _head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if method != "GET":
        lines.append("content-length: 0")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ObjectError("a header has a line break in it", code="InvalidHeader")
    return f"{head}\r\n\r\n".encode()


async def _ask(connection: Connection, head: bytes, longest: int) -> Answer:
    protocol, transport = connection.protocol, connection.transport
    assert protocol is not None
    assert transport is not None
    protocol.set_response_params(auto_decompress=False, read_until_eof=True)
    transport.write(head)
    message, payload = await protocol.read()
    while message.code in _INTERIM:
        message, payload = await protocol.read()
    announced = message.headers.get("Content-Length")
    body = await read_bounded(payload, int(announced) if announced else None, longest)
    return Answer(message.code, message.headers, body)
