"""A stand-in for S3 whose objects are large: their bodies are made while they are sent, and dropped as they come.

    python benchmarks/loopback/bulk.py --objects 200 --size 20000000 --latency-ms 30

It prints one line of JSON with its endpoint, and serves until its parent exits. The objects are below `from/`; whatever
is uploaded is listed with its size. The ETag of an upload is the Content-MD5 that came with it, so that no time goes
into digests here; a client that sends none gets one that is no MD5.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import re
import resource
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from urllib.parse import parse_qs, unquote

import uvloop

_BLOCK = os.urandom(1 << 20)
_DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
_WHOLE = 1 << 30  # bytes above which an object looks as if it had been uploaded in parts


@dataclass
class Store:
    """The objects: size and ETag by key."""

    latency: float
    objects: dict[str, tuple[int, str]] = field(default_factory=dict)
    uploads: dict[str, dict[int, int]] = field(default_factory=dict)

    def add(self, count: int, size: int) -> None:
        """Put objects below `from/`."""
        digest = hashlib.md5(usedforsecurity=False)
        for start in range(0, size if size <= _WHOLE else 0, len(_BLOCK)):
            digest.update(_BLOCK[: size - start])
        etag = digest.hexdigest() if size <= _WHOLE else f"{digest.hexdigest()}-{-(-size // (16 << 20))}"
        self.objects |= {f"from/id{number // 4:04}/{number}.jpg": (size, etag) for number in range(count)}

    def page(self, query: dict[str, list[str]]) -> str:
        """A LIST of everything below a prefix."""
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        after = query.get("start-after", [""])[0]
        found, folders = [], set()
        for key in sorted(self.objects):
            if key.startswith(prefix) and key > after:
                if delimiter and (at := key.find(delimiter, len(prefix))) >= 0:
                    folders.add(key[: at + 1])
                else:
                    found.append(key)
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{self.objects[key][1]}&quot;</ETag><Size>{self.objects[key][0]}</Size></Contents>"
            for key in found
        )
        below = "".join(f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>" for folder in sorted(folders))
        return f"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{contents}{below}</ListBucketResult>"


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._missing = 0  # bytes of the body of the request at hand
        self._to_send = 0  # bytes of the body of the answer at hand
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read a head, or drop a piece of a body."""
        if self._head is None:
            self._unread += data
            end = self._unread.find(b"\r\n\r\n")
            if end < 0:
                return
            first, *lines = self._unread[:end].decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self._head, data, self._unread = (method, target, headers), self._unread[end + 4 :], b""
            self._missing = int(headers.get("content-length", "0"))
            if headers.get("expect") == "100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._missing -= len(data)
        if self._missing <= 0:
            head, self._head = self._head, None
            self._loop.call_later(self._store.latency, partial(self._serve, *head))

    def _serve(self, method: str, target: str, headers: dict[str, str]) -> None:
        path, _, text = target.partition("?")
        query, key = parse_qs(text, keep_blank_values=True), unquote(path).lstrip("/").partition("/")[2]
        store = self._store
        if not key:
            self._answer("200 OK", store.page(query))
        elif "tagging" in query:
            self._answer("200 OK", "<Tagging><TagSet></TagSet></Tagging>")
        elif method in ("GET", "HEAD"):
            self._get(method, key, headers)
        elif method == "PUT":
            self._put(key, query, headers)
        elif method == "POST" and "uploads" in query:
            upload = secrets.token_hex(8)
            store.uploads[upload] = {}
            self._answer("200 OK", f"<R><UploadId>{upload}</UploadId></R>")
        elif method == "POST":
            parts = store.uploads.pop(query["uploadId"][0])
            etag = f"{secrets.token_hex(16)}-{len(parts)}"
            store.objects[key] = sum(parts.values()), etag
            self._answer("200 OK", f"<R><ETag>&quot;{etag}&quot;</ETag></R>")
        else:
            self._answer("204 No Content")

    def _get(self, method: str, key: str, headers: dict[str, str]) -> None:
        if key not in self._store.objects:
            self._answer("404 Not Found", "" if method == "HEAD" else "<Error><Code>NoSuchKey</Code></Error>")
            return
        size, etag = self._store.objects[key]
        about = f'ETag: "{etag}"\r\nLast-Modified: {_DATE}\r\nAccept-Ranges: bytes\r\n'
        status, length = "200 OK", size
        if span := re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", "")):
            start, last = int(span[1]), min(int(span[2]), size - 1)
            status, length = "206 Partial Content", last - start + 1
            about += f"Content-Range: bytes {start}-{last}/{size}\r\n"
        self._answer(status, headers=about, length=length)
        if method == "GET":
            self._to_send = length
            self._send_on()

    def _send_on(self) -> None:
        while self._to_send and not self._paused and not self._transport.is_closing():
            piece = _BLOCK[: self._to_send]
            self._to_send -= len(piece)
            self._transport.write(piece)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._paused = True

    def resume_writing(self) -> None:
        """It does."""
        self._paused = False
        self._send_on()

    def _put(self, key: str, query: dict[str, list[str]], headers: dict[str, str]) -> None:
        size = int(headers.get("x-amz-decoded-content-length") or headers.get("content-length", "0"))
        md5 = headers.get("content-md5")
        etag = base64.b64decode(md5).hex() if md5 else f"{secrets.token_hex(16)}-1"
        if "uploadId" in query:
            self._store.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = size
        else:
            self._store.objects[key] = size, etag
        self._answer("200 OK", headers=f'ETag: "{etag}"\r\n')

    def _answer(self, status: str, body: str = "", headers: str = "", length: int | None = None) -> None:
        length = len(body) if length is None else length
        head = f"HTTP/1.1 {status}\r\nDate: {_DATE}\r\nServer: AmazonS3\r\n{headers}Content-Length: {length}\r\n\r\n"
        self._transport.write((head + body).encode())


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--size", type=int, default=20_000_000, help="bytes of each")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of every answer")
    arguments = parser.parse_args()
    store = Store(arguments.latency_ms / 1000)
    store.add(arguments.objects, arguments.size)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(store), "127.0.0.1", 0)
    print(json.dumps({"endpoint": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells of that
        await asyncio.sleep(1)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(16_384, hard), hard))
    uvloop.run(_main())
