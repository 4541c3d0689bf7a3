"""The operations of S3 that the measured clients use, from a parsed request to a whole answer."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import unescape

from loopback.bucket import Bucket, after, spell
from loopback.datasets import Dataset, PageCache, Rules
from loopback.traffic import Traffic
from loopback.wire import NAMESPACE, STARTED, Record, answer, aws_chunked, error, header, iso, metadata, xml

if TYPE_CHECKING:
    from collections.abc import Callable

_NO_KEY = error(b"404 Not Found", b"NoSuchKey", b"The specified key does not exist.")
_NO_BUCKET = error(b"404 Not Found", b"NoSuchBucket", b"The specified bucket does not exist")
_NOT_FOUND = answer(b"404 Not Found")  # to HEAD, which has no body
_FAILED = error(b"412 Precondition Failed", b"PreconditionFailed", b"At least one of the pre-conditions did not hold")
_NOT_IMPLEMENTED = error(b"501 Not Implemented", b"NotImplemented", b"The stand-in does not do this")
_OK = answer(b"200 OK")
_GONE = answer(b"204 No Content")
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Request:
    method: bytes
    bucket: bytes
    key: bytes
    query: bytes
    head: bytes
    lowered: bytes
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return header(self.head, self.lowered, name)

    def kind(self) -> str:
        """The kind of request that limits, latencies and counts go by."""
        if self.method == b"PUT" and self.key:
            return "copy" if b"\r\nx-amz-copy-source:" in self.lowered else "put"
        if self.method == b"GET" and not self.key:
            return "list" if self.bucket and b"location" not in self.query else "other"
        kinds = {b"GET": "get", b"HEAD": "head", b"DELETE": "delete", b"POST": "delete"}
        return kinds.get(self.method, "other")


class Operations:
    """The buckets, and what can be done to them."""

    def __init__(self, traffic: Traffic, page_cache: int, *, checksums: bool) -> None:
        self.traffic = traffic
        self._checksums = checksums
        self.buckets: dict[bytes, Bucket] = {}
        self._pages = PageCache(page_cache)
        self._on_object: dict[bytes, Callable[[Request, Bucket], bytes]] = {
            b"GET": self._get,
            b"HEAD": self._head,
            b"PUT": self._put,
            b"DELETE": self._delete,
        }
        self._on_bucket: dict[bytes, Callable[[Request, Bucket], bytes]] = {
            b"GET": self._list,
            b"HEAD": lambda _request, _bucket: answer(b"200 OK", headers=b"x-amz-bucket-region: us-east-1\r\n"),
            b"PUT": lambda _request, _bucket: _OK,
            b"POST": self._delete_many,
        }

    def declare(self, bucket: str, prefix: str, rules: Rules | None = None) -> int:
        """Make a bucket, with a data set in it if there are rules for one; how many objects that is."""
        place = self.buckets.setdefault(bucket.encode(), Bucket())
        if rules is None:
            return 0
        if not re.fullmatch(r"[\w./-]+", prefix, re.ASCII):
            raise ValueError(f"prefix {prefix!r} of a data set: letters, digits, '_', '-', '.' and '/' only")
        dataset = Dataset(prefix.encode(), rules, self._pages)
        place.add(dataset)
        return dataset.length

    def perform(self, request: Request) -> bytes:
        if request.bucket == b"-":
            return self._control(request)
        if not request.bucket:
            return self._list_buckets()
        bucket = self.buckets.get(request.bucket)
        if bucket is None:
            return self._without_bucket(request)
        table = self._on_object if request.key else self._on_bucket
        operation = table.get(request.method)
        return operation(request, bucket) if operation else _NOT_IMPLEMENTED

    def _without_bucket(self, request: Request) -> bytes:
        if request.method == b"PUT" and not request.key:
            self.declare(request.bucket.decode(), "")
            return _OK
        return _NOT_FOUND if request.method == b"HEAD" else _NO_BUCKET

    def _control(self, request: Request) -> bytes:
        if request.key == b"stats":
            return answer(b"200 OK", json.dumps(self.traffic.statistics()).encode(), content_type=b"application/json")
        if request.key != b"control" or request.method != b"PUT":
            return _NO_KEY
        try:
            rules = json.loads(request.body)
            self.traffic.configure(rules)
        except (ValueError, AttributeError, TypeError) as problem:
            return answer(b"400 Bad Request", str(problem).encode(), content_type=b"text/plain")
        if rules.get("forget"):
            for bucket in self.buckets.values():
                bucket.forget()
        if rules.get("reset_stats"):
            self.traffic.reset()
        return _OK

    def _list_buckets(self) -> bytes:
        entries = (
            b"<Bucket><Name>%b</Name><CreationDate>%b</CreationDate></Bucket>" % (name, iso(STARTED))
            for name in sorted(self.buckets)
        )
        owner = b"<Owner><ID>standin</ID><DisplayName>standin</DisplayName></Owner>"
        return xml(
            b"<ListAllMyBucketsResult %b>%b<Buckets>%b</Buckets></ListAllMyBucketsResult>"
            % (NAMESPACE, owner, b"".join(entries))
        )

    # --- objects

    def _put(self, request: Request, bucket: Bucket) -> bytes:
        lowered = request.lowered
        if request.query and not request.query.startswith(b"x-id="):
            return _NOT_IMPLEMENTED
        if b"\r\nif-none-match:" in lowered and bucket.get(request.key):
            return _FAILED
        if b"\r\nx-amz-copy-source:" in lowered:
            return self._copy(request, bucket)
        body = request.body
        if b"aws-chunked" in lowered or b"\r\nx-amz-content-sha256: streaming-" in lowered:
            body = aws_chunked(body)
        content_type = request.header(b"content-type") or b"binary/octet-stream"
        record = Record.of_bytes(body, content_type=content_type, metadata=metadata(request.head, lowered))
        bucket.put(request.key, record)
        return answer(b"200 OK", headers=b'ETag: "%b"\r\n' % record.etag)

    def _copy(self, request: Request, bucket: Bucket) -> bytes:
        lowered = request.lowered
        place = request.header(b"x-amz-copy-source") or b""
        if b"%" in place:
            place = unquote_to_bytes(place)
        name, _, key = place.removeprefix(b"/").partition(b"/")
        source = self.buckets.get(name)
        if source is None:
            return _NO_BUCKET
        record = source.get(key)
        if record is None:
            return _NO_KEY
        wanted = request.header(b"x-amz-copy-source-if-match")
        if wanted is not None and wanted.strip(b'"') != record.etag:
            return _FAILED
        if b"\r\nx-amz-metadata-directive: replace" in lowered:
            content_type = request.header(b"content-type") or b"binary/octet-stream"
            record = _described(record, content_type, metadata(request.head, lowered))
        bucket.put(request.key, record)
        self.traffic.copied()
        return record.copied

    def _get(self, request: Request, bucket: Bucket) -> bytes:
        if request.query.startswith(b"tagging"):
            return xml(b"<Tagging %b><TagSet></TagSet></Tagging>" % NAMESPACE)
        record = bucket.get(request.key)
        if record is None:
            return _NO_KEY
        wanted = request.header(b"if-match")
        if wanted is not None and wanted.strip(b'"') not in (b"*", record.etag):
            return _FAILED
        body = record.read()
        span = request.header(b"range")
        if span is None:
            about = record.about
            if self._checksums and b"\r\nx-amz-checksum-mode: enabled" in request.lowered:
                about += record.checksum
            return answer(b"200 OK", body, about, record.content_type)
        first, _, final = span.removeprefix(b"bytes=").partition(b"-")
        start = int(first) if first else max(0, record.size - int(final))
        stop = min(int(final) + 1, record.size) if first and final else record.size
        if start >= stop:
            return error(b"416 Range Not Satisfiable", b"InvalidRange")
        place = b"Content-Range: bytes %d-%d/%d\r\n" % (start, stop - 1, record.size)
        return answer(b"206 Partial Content", body[start:stop], record.about + place, record.content_type)

    def _head(self, request: Request, bucket: Bucket) -> bytes:
        record = bucket.get(request.key)
        if record is None:
            return _NOT_FOUND
        head = answer(b"200 OK", b"", record.about, record.content_type)
        return head.replace(b"\r\nContent-Length: 0\r\n", b"\r\nContent-Length: %d\r\n" % record.size)

    def _delete(self, request: Request, bucket: Bucket) -> bytes:
        bucket.delete(request.key)
        return _GONE

    def _delete_many(self, request: Request, bucket: Bucket) -> bytes:
        body = aws_chunked(request.body) if b"aws-chunked" in request.lowered else request.body
        names = re.findall(rb"<Key>(.*?)</Key>", body, re.DOTALL)
        for name in names:
            bucket.delete(unescape(name.decode(), {"&quot;": '"', "&apos;": "'", "&#13;": "\r"}).encode())
        done = b"" if b"<Quiet>true" in body else b"".join(b"<Deleted><Key>%b</Key></Deleted>" % name for name in names)
        return xml(b"<DeleteResult %b>%b</DeleteResult>" % (NAMESPACE, done))

    # --- listings

    def _list(self, request: Request, bucket: Bucket) -> bytes:
        query = _query(request.query)
        if b"location" in query:
            return xml(b"<LocationConstraint %b/>" % NAMESPACE)
        if b"versioning" in query:
            return xml(b"<VersioningConfiguration %b/>" % NAMESPACE)
        return _listing(request.bucket, bucket, query)


@lru_cache(maxsize=100_000)
def _described(record: Record, content_type: bytes, meta: bytes) -> Record:
    """A copy whose metadata the client replaced."""
    return Record.of(record.read, modified=STARTED, content_type=content_type, metadata=meta)


def _query(text: bytes) -> dict[bytes, bytes]:
    pairs = (pair.partition(b"=") for pair in text.replace(b"+", b" ").split(b"&"))
    return {name: unquote_to_bytes(value) for name, _, value in pairs}


def _start(query: dict[bytes, bytes]) -> bytes:
    """The least key that a page of a listing may hold."""
    if query.get(b"list-type") == b"2":
        if token := query.get(b"continuation-token"):
            return urlsafe_b64decode(token)
        place = query.get(b"start-after", b"")
        return place + b"\0" if place else b""
    place, delimiter = query.get(b"marker", b""), query.get(b"delimiter", b"")
    if delimiter and len(place) > len(query.get(b"prefix", b"")) and place.endswith(delimiter):
        return after(place) or b""  # a marker that is a common prefix: go on behind all of it
    return place + b"\0" if place else b""


def _listing(name: bytes, bucket: Bucket, query: dict[bytes, bytes]) -> bytes:
    second = query.get(b"list-type") == b"2"
    encoded = query.get(b"encoding-type") == b"url"
    prefix, delimiter = query.get(b"prefix", b""), query.get(b"delimiter", b"")
    limit = min(_PAGE, int(query.get(b"max-keys", b"1000")))
    if delimiter:
        page = bucket.grouped(prefix, delimiter, _start(query), limit, encoded=encoded)
    else:
        page = bucket.page(prefix, _start(query), limit, encoded=encoded)
    following = page.next if limit else None
    values: dict[bytes, bytes | None] = {
        b"Name": name,
        b"Prefix": spell(prefix, encoded=encoded),
        b"Delimiter": spell(delimiter, encoded=encoded) or None,
        b"EncodingType": b"url" if encoded else None,
        b"MaxKeys": b"%d" % limit,
        b"IsTruncated": b"true" if following else b"false",
    }
    if second:
        values[b"KeyCount"] = b"%d" % page.count
        values[b"StartAfter"] = spell(query.get(b"start-after", b""), encoded=encoded) or None
        values[b"ContinuationToken"] = query.get(b"continuation-token")
        values[b"NextContinuationToken"] = urlsafe_b64encode(following) if following else None
    else:
        values[b"Marker"] = spell(query.get(b"marker", b""), encoded=encoded)
        values[b"NextMarker"] = spell(page.last, encoded=encoded) if following and delimiter else None
    head = b"".join(b"<%b>%b</%b>" % (tag, value, tag) for tag, value in values.items() if value is not None)
    return xml(b"<ListBucketResult %b>%b%b</ListBucketResult>" % (NAMESPACE, head, page.body))
