"""A proxy before a real S3 server that does to some requests what networks and servers do to them at times.

    with fault_proxy(server, Fault(reset_after, share=0.05)) as proxy:
        ...                      # proxy.server is reached through it; proxy.seen and proxy.struck say what happened

Strategy: the proxy takes one request at a time from a connection and either forwards it, byte for byte, over a
connection of its own, or hands it to a fault, which may forward it as well before it spoils the answer. The Host header
stays as it is: that is what the client has signed. Each fault draws from a seeded source of its own, so whether the
n-th request that it may strike is struck depends on nothing else.
"""

import asyncio
import contextlib
import random
import re
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop

from servers import Server
from stub_s3 import Asked

_BOUND = 60.0  # seconds for whatever should never take long
_LIMIT = 16 << 20  # bytes of an answer
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


def kind_of(asked: Asked) -> str:
    """What a request is: the first look at a prefix, by botocore, is a `probe`; the rest is `list`, `copy`, `other`."""
    if asked.method == "GET" and "list-type=2" in asked.path:
        return "probe" if "user-agent" in asked.headers else "list"
    return "copy" if "x-amz-copy-source" in asked.headers else "other"


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The answer of the real server: status line and headers, and the body as it came."""

    head: bytes
    body: bytes

    @property
    def content(self) -> bytes:
        """The body without the borders of its chunks."""
        if not _CHUNKED.search(self.head):
            return self.body
        content, rest = b"", self.body
        while size := int(rest[: rest.index(b"\r\n")], 16):
            start = rest.index(b"\r\n") + 2
            content, rest = content + rest[start : start + size], rest[start + size + 2 :]
        return content


class Exchange:
    """One request and the connection on which it waits for its answer."""

    def __init__(
        self,
        asked: Asked,
        raw: bytes,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        forward: Callable[[bytes], Awaitable[Forwarded]],
    ) -> None:
        self.asked = asked
        self._raw = raw
        self._reader, self._writer = client
        self._forward = forward

    async def forward(self) -> Forwarded:
        """Have the real server do it."""
        return await self._forward(self._raw)

    async def send(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self._writer.is_closing():
            raise ConnectionResetError
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send an answer of our own."""
        lines = "".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in headers.items()).encode()
        await self.send(
            b"HTTP/1.1 %d Spoilt%s\r\nContent-Length: %d\r\n\r\n" % (status, lines, len(body))
            + body * (self.asked.method != "HEAD")
        )

    def reset(self) -> None:
        """Break the connection off by RST."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def half_close(self) -> None:
        """Send FIN, and go on listening."""
        self._writer.write_eof()

    async def until_left(self) -> None:
        """Wait until the client goes away."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(_BOUND):
                while await self._reader.read(4096):
                    pass
        self.close()


Act = Callable[[Exchange], Awaitable[None]]


def _wherever(_: Asked) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to which requests.

    share: the probability with which one is struck. on: kinds of requests. where: which of them.
    after: how many of them are spared first. seconds: for how long, from the first one that may be struck.
    """

    act: Act
    share: float = 1.0
    on: tuple[str, ...] = ("list", "copy")
    where: Callable[[Asked], bool] = _wherever
    after: int = 0
    seconds: float = float("inf")


@dataclass(slots=True)
class _Drawn:
    """A fault as it goes along."""

    fault: Fault
    source: random.Random
    passed: int = 0
    until: float | None = None

    def strikes(self, asked: Asked, kind: str) -> bool:
        fault = self.fault
        if kind not in fault.on or not fault.where(asked):
            return False
        self.passed += 1
        if self.passed <= fault.after:
            return False
        now = time.monotonic()
        self.until = now + fault.seconds if self.until is None else self.until
        return now < self.until and self.source.random() < fault.share


@dataclass(slots=True)
class Proxy:
    """A running proxy."""

    server: Server  # as it is reached through the proxy
    seen: Counter[str] = field(default_factory=Counter)  # requests that came, by kind
    struck: Counter[Fault] = field(default_factory=Counter)  # requests that met a fault


class _Relay:
    """The two ends of the connections."""

    def __init__(self, server: Server, faults: tuple[Fault, ...], seed: int, proxy: Proxy) -> None:
        url = urlsplit(server.endpoint_url)
        self._host, self._port = url.hostname, url.port
        self._faults = [_Drawn(fault, random.Random(f"{seed} {number}")) for number, fault in enumerate(faults)]
        self._proxy = proxy
        self.tasks = set[asyncio.Task[None]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
                async with contextlib.AsyncExitStack() as stack:
                    await self._exchange_all(reader, writer, stack)
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _exchange_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stack: contextlib.AsyncExitStack
    ) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

        async def forward(raw: bytes) -> Forwarded:
            nonlocal upstream
            if upstream is None:
                upstream = await asyncio.open_connection(self._host, self._port, limit=_LIMIT)
                stack.callback(upstream[1].close)
            upstream[1].write(raw)
            async with asyncio.timeout(_BOUND):
                return await _read_answer(upstream[0], bodiless=raw.startswith(b"HEAD "))

        while not writer.is_closing():
            raw = await reader.readuntil(b"\r\n\r\n")
            asked = _parse(raw)
            raw += await reader.readexactly(int(asked.headers.get("content-length", 0)))
            await self._exchange(Exchange(asked, raw, (reader, writer), forward))

    async def _exchange(self, exchange: Exchange) -> None:
        kind = kind_of(exchange.asked)
        self._proxy.seen[kind] += 1
        fault = next((drawn.fault for drawn in self._faults if drawn.strikes(exchange.asked, kind)), None)
        if fault:
            self._proxy.struck[fault] += 1
            await fault.act(exchange)
        else:
            forwarded = await exchange.forward()
            await exchange.send(forwarded.head + forwarded.body)


def _parse(raw: bytes) -> Asked:
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines if line)
    return Asked(method, path, {name.lower(): value.strip() for name, _, value in pairs})


async def _read_answer(reader: asyncio.StreamReader, *, bodiless: bool) -> Forwarded:
    head = await reader.readuntil(b"\r\n\r\n")
    if bodiless:
        return Forwarded(head, b"")
    if length := _LENGTH.search(head):
        return Forwarded(head, await reader.readexactly(int(length[1])))
    body = b""
    while _CHUNKED.search(head):
        line = await reader.readuntil(b"\r\n")
        body += line + await reader.readexactly(int(line, 16) + 2)
        if int(line, 16) == 0:
            break
    return Forwarded(head, body)


@contextlib.contextmanager
def fault_proxy(server: Server, *faults: Fault, seed: int = 1, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy before a server, in a thread of its own; with `tls` it is spoken to by HTTPS.

    When the block is left, whatever was forwarded has been done.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        scheme, port = "https" if tls else "http", listening.getsockname()[1]
        proxy = Proxy(Server(f"{scheme}://127.0.0.1:{port}", server.access_key, server.secret_key, server.region))
        relay = _Relay(server, faults, seed, proxy)
        loop = uvloop.new_event_loop()
        stop = asyncio.Event()

        async def run() -> None:
            serving = await asyncio.start_server(relay.serve, sock=listening, ssl=tls)
            await stop.wait()
            serving.close()
            if relay.tasks:
                _, late = await asyncio.wait(relay.tasks, timeout=_BOUND)
                for task in late:
                    task.cancel()

        thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=lambda: loop).run(run()))
        thread.start()
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
