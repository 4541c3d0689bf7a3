"""A stand-in for S3 on loopback that is fast enough to be out of the way: for measuring clients, not for proving them.

    python benchmarks/standin.py --dataset faces/a/:identities=300000:images=3 --latency-ms copy=100,list=100

It prints one line of JSON with its endpoint when it is ready, and ends on SIGTERM or when its parent is gone.
It checks no signature. While it runs, `PUT /-/control` takes new rules as JSON (`latency_ms`, `jitter`, `limit`,
`burst`, `refuse_late`, `fault`; `forget` drops all that clients wrote, `reset_stats` starts the counts anew), and
`GET /-/stats` says what passed.

Strategy: client and server share the machine, so a request costs as little as Python allows: the head is searched for
the few headers that matter and never parsed into a table, an answer is one write of bytes that were mostly formatted
long before, data sets are rules (see loopback.datasets), and pages once rendered are kept.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import socket
import ssl
import struct
from functools import partial
from typing import cast
from urllib.parse import unquote_to_bytes

import uvloop
from loopback.datasets import SHAPES, parse
from loopback.operations import Operations, Request
from loopback.traffic import ANSWERS, FAULTS, KINDS, Traffic
from loopback.wire import Incomplete, chunked

_LINGER_NOT = struct.pack("ii", 1, 0)  # closing sends RST, as a broken connection does


class Connection(asyncio.Protocol):
    """One client connection: requests come one after the other, each answered with one write."""

    _transport: asyncio.Transport

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._traffic = operations.traffic
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._traffic.connected(1)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._traffic.connected(-1)

    def data_received(self, data: bytes) -> None:
        data = self._unread + data if self._unread else data
        self._unread = b""
        while data:
            end = data.find(b"\r\n\r\n") + 2
            if end < 2:
                break
            head = data[:end]
            lowered = head.lower()
            try:
                body, used = self._body(lowered, data, end + 2)
            except Incomplete:
                if not self._continued and b"\r\nexpect: 100-continue" in lowered:
                    self._continued = True
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                break
            self._continued = False
            self._serve(head, lowered, body)
            data = data[used:]
        self._unread = data

    def _body(self, lowered: bytes, data: bytes, start: int) -> tuple[bytes, int]:
        at = lowered.find(b"\r\ncontent-length:")
        if at >= 0:
            stop = start + int(lowered[at + 17 : lowered.index(b"\r\n", at + 17)])
            if len(data) < stop:
                raise Incomplete
            return data[start:stop], stop
        if b"\r\ntransfer-encoding: chunked" in lowered:
            return chunked(data, start)
        return b"", start

    def _serve(self, head: bytes, lowered: bytes, body: bytes) -> None:
        method, target, _ = head[: head.index(b"\r\n")].split(b" ")
        path, _, query = target.partition(b"?")
        bucket, _, key = path[1:].partition(b"/")
        if b"%" in key:
            key = unquote_to_bytes(key)
        request = Request(method, bucket, key, query, head, lowered, body)
        if bucket == b"-":
            self._transport.write(self._operations.perform(request))
            return
        kind = request.kind()
        fault = self._traffic.admit(kind)
        if fault == "503" and not self._traffic.refuses_late:
            self._transport.write(ANSWERS["503"])
            return
        reply = ANSWERS.get(fault) or (b"" if fault == "reset" else self._operations.perform(request))
        send = partial(self._answer, reply) if fault not in ("reset", "lost") else self._break
        delay = self._traffic.delay(kind)
        if delay:
            self._loop.call_later(delay, send)
        else:
            send()

    def _answer(self, reply: bytes) -> None:
        if not self._transport.is_closing():  # the client may have left during the delay
            self._transport.write(reply)

    def _break(self) -> None:
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()


def _pairs(text: str) -> dict[str, float]:
    return {name: float(value) for name, _, value in (pair.partition("=") for pair in text.split(",")) if name}


def _faults(texts: list[str]) -> dict[str, dict[str, float]]:
    return {kind: _pairs(shares) for kind, _, shares in (text.partition(":") for text in texts)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = ", ".join(KINDS)
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1 (default: any that is free)")
    add("--bucket", action="append", default=[], metavar="NAME", help="an empty bucket")
    add(
        "--dataset",
        action="append",
        default=[],
        metavar="BUCKET/PREFIX/:KEY=VALUE…",
        help=f"identities=, images=, shape= ({', '.join(SHAPES)}), first=, universe=, size=, stem=, ext=, salt=",
    )
    add("--latency-ms", type=_pairs, default={}, metavar="KIND=MS,…", help=f"kinds: {kinds}")
    add("--jitter", type=float, default=0.0, help="latencies are log-normal, with this sigma (default: %(default)s)")
    add("--limit", type=_pairs, default={}, metavar="KIND=RATE,…", help="requests a second; beyond it 503 SlowDown")
    add(
        "--burst",
        type=float,
        default=0.1,
        help="seconds' worth of requests that a limit lets pass at once (%(default)s)",
    )
    add("--refuse-late", action="store_true", help="answer 503 after the latency, not at once")
    add("--fault", action="append", default=[], metavar="KIND:FAULT=SHARE,…", help=f"faults: {', '.join(FAULTS)}")
    add("--tls", nargs=2, metavar=("CERT", "KEY"), help="PEM files")
    add("--no-checksums", action="store_true", help="as Amazon before December 2024: it stores none by itself")
    add("--page-cache-mb", type=int, default=512, help="memory for rendered pages (default: 512)")
    return parser.parse_args()


async def _orphaned(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of a parent's end
        await asyncio.sleep(1)


async def _main(arguments: argparse.Namespace, parent: int) -> None:
    traffic = Traffic()
    rules = ("latency_ms", "limit", "jitter", "burst", "refuse_late")
    traffic.configure({name: getattr(arguments, name) for name in rules} | {"fault": _faults(arguments.fault)})
    operations = Operations(traffic, arguments.page_cache_mb << 20, checksums=not arguments.no_checksums)
    for bucket in arguments.bucket:
        operations.declare(bucket, "")
    objects = {text: operations.declare(*parse(text)) for text in arguments.dataset}
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(operations), "127.0.0.1", arguments.port, ssl=context, backlog=4096
    )
    over = asyncio.ensure_future(_orphaned(parent))
    loop.add_signal_handler(signal.SIGTERM, over.cancel)
    loop.add_signal_handler(signal.SIGINT, over.cancel)
    gc.freeze()
    gc.disable()  # requests leave no cycles behind, and a pass over millions of keys would be seen in the numbers
    endpoint = f"{'https' if context else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(json.dumps({"endpoint": endpoint, "pid": os.getpid(), "objects": objects}), flush=True)
    await asyncio.wait([over])
    server.close()


if __name__ == "__main__":
    uvloop.run(_main(_arguments(), os.getppid()))
