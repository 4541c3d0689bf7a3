"""The bytes on the wire: whole HTTP answers, built once where they can be, and the bodies that uploads arrive in."""

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import anycrc

STARTED = time.time()
NAMESPACE = b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
XML_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'

# As many headers as the real store sends: a client that parses fewer would look faster than it is.
_COMMON = (
    b"x-amz-id-2: aGVsbG9oZWxsb2hlbGxvaGVsbG9oZWxsb2hlbGxvaGVsbG9oZWxsb2hlbGxvaGVsbG8=\r\n"
    b"x-amz-request-id: 0A1B2C3D4E5F6071\r\n"
    b"Date: " + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(STARTED)).encode() + b"\r\n"
    b"Server: AmazonS3\r\n"
)


def answer(status: bytes, body: bytes = b"", headers: bytes = b"", content_type: bytes = b"application/xml") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (
        status,
        _COMMON,
        content_type,
        headers,
        len(body),
        body,
    )


def xml(body: bytes, status: bytes = b"200 OK") -> bytes:
    return answer(status, XML_DECLARATION + body)


def error(status: bytes, code: bytes, message: bytes = b"") -> bytes:
    return xml(b"<Error><Code>%b</Code><Message>%b</Message></Error>" % (code, message or code), status)


_CRC = anycrc.Model("CRC64-NVME")


def iso(seconds: float) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds)).encode()


def http_date(seconds: float) -> bytes:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds)).encode()


@dataclass(frozen=True, slots=True)
class Record:
    """What the store knows of an object, with the answers about it ready to send. Copies share their source's."""

    etag: bytes
    size: int
    read: Callable[[], bytes] = field(repr=False)
    entry: bytes = field(repr=False)  # the rest of its <Contents> behind the key
    copied: bytes = field(repr=False)  # the whole answer to a CopyObject from it
    about: bytes = field(repr=False)  # its headers, as GET and HEAD say them
    checksum: bytes = field(repr=False)  # those of the checksum that Amazon stores since December 2024
    content_type: bytes = b"binary/octet-stream"

    @classmethod
    def of(
        cls,
        read: Callable[[], bytes],
        *,
        modified: float,
        content_type: bytes = b"binary/octet-stream",
        metadata: bytes = b"",
    ) -> Self:
        body = read()
        etag = hashlib.md5(body).hexdigest().encode()
        entry = (
            b"</Key><LastModified>%b</LastModified><ETag>&quot;%b&quot;</ETag><Size>%d</Size>"
            b"<StorageClass>STANDARD</StorageClass></Contents>" % (iso(modified), etag, len(body))
        )
        copied = xml(
            b"<CopyObjectResult %b><LastModified>%b</LastModified><ETag>&quot;%b&quot;</ETag></CopyObjectResult>"
            % (NAMESPACE, iso(STARTED), etag)
        )
        about = b'ETag: "%b"\r\nLast-Modified: %b\r\nAccept-Ranges: bytes\r\n%b' % (etag, http_date(modified), metadata)
        crc = base64.b64encode(_CRC.calc(body).to_bytes(8, "big"))
        checksum = b"x-amz-checksum-crc64nvme: %b\r\nx-amz-checksum-type: FULL_OBJECT\r\n" % crc
        return cls(etag, len(body), read, entry, copied, about, checksum, content_type)

    @classmethod
    def of_bytes(cls, body: bytes, *, content_type: bytes, metadata: bytes) -> Self:
        read = partial(bytes, body)
        return cls.of(read, modified=time.time(), content_type=content_type, metadata=metadata)


def header(head: bytes, lowered: bytes, name: bytes) -> bytes | None:
    """The value of a header in a request's head; `name` in lower case."""
    at = lowered.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    at += len(name) + 3
    return head[at : lowered.index(b"\r\n", at)].strip()


def metadata(head: bytes, lowered: bytes) -> bytes:
    """The x-amz-meta-* lines of a request, as they go back out with GET and HEAD."""
    if b"\r\nx-amz-meta-" not in lowered:
        return b""
    return b"".join(line + b"\r\n" for line in head.split(b"\r\n") if line[:11].lower() == b"x-amz-meta-")


class Incomplete(Exception):  # noqa: N818 - not an error: the rest of the body is still on its way
    """A body has not arrived in full."""


def chunked(data: bytes, at: int) -> tuple[bytes, int]:
    """An HTTP-chunked body that starts at `at`, and where it ends."""
    parts: list[bytes] = []
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            raise Incomplete
        size = int(data[at:line].partition(b";")[0], 16)
        if len(data) < line + size + 4:
            raise Incomplete
        at = line + 2 + size
        if not size:
            return b"".join(parts), at + 2
        parts.append(data[line + 2 : at])
        at += 2


def aws_chunked(data: bytes) -> bytes:
    """What an aws-chunked body carries; signatures and trailing checksums are dropped unread."""
    parts: list[bytes] = []
    at = 0
    while True:
        line = data.index(b"\r\n", at)
        size = int(data[at:line].partition(b";")[0], 16)
        if not size:
            return b"".join(parts)
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 4 + size
