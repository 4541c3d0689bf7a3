"""A stub of S3 that keeps objects and multipart uploads, and that a test's script may interrupt at any request."""

import email.utils
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from stub_s3 import Answer, Asked, refusal

_EARLY, _NOW = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
_OPERATIONS = {
    "GET": (
        ("list-type", "list"),
        ("uploads", "uploads"),
        ("tagging", "tagging"),
        ("attributes", "attributes"),
        ("", "get"),
    ),
    "HEAD": (("", "head"),),
    "POST": (("uploads", "create"), ("uploadId", "complete"), ("delete", "delete")),
    "DELETE": (("uploadId", "abort"),),
    "PUT": (("partNumber", "part"), ("", "copy")),
}


def md5_of(text: str) -> str:
    """The ETag of an object with this content."""
    return hashlib.md5(text.encode()).hexdigest()


def whole_etag(*parts: str) -> str:
    """The ETag that S3 gives to parts put together."""
    return f"{hashlib.md5(bytes.fromhex(''.join(parts))).hexdigest()}-{len(parts)}"


@dataclass(frozen=True, slots=True)
class Kept:
    """An object; `headers` are what a HEAD says of it beyond its ETag."""

    etag: str
    size: int = 3
    modified: str = _EARLY
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    operation: list, uploads, tagging, attributes, get, head, create, complete, abort, part or copy.
    """

    operation: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    url: str  # as it came on the wire


Script = Callable[[Request], Answer | None]


def follow_no_script(_: Request) -> Answer | None:
    """Interrupt nothing."""
    return None


class ScriptedS3:
    """Answers for `stub_s3`: whatever the script leaves open is answered as S3 would. It has one bucket, any name's."""

    def __init__(self, objects: Mapping[str, Kept], script: Script = follow_no_script) -> None:
        self.objects = dict(objects)
        self.script = script
        self.asked: list[Request] = []
        self.uploads: dict[str, dict[int, str]] = {}  # parts by number, of each upload that is open
        self.begun: dict[str, tuple[str, float]] = {}  # the key of each upload, and when it was begun
        self._begun = 0

    def count(self, operation: str) -> int:
        """How many requests of a kind have come."""
        return sum(request.operation == operation for request in self.asked)

    def __call__(self, asked: Asked) -> Answer:
        url = urlsplit(asked.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        operation = next(name for mark, name in _OPERATIONS[asked.method] if not mark or mark in query)
        key = unquote(url.path).lstrip("/").partition("/")[2]
        request = Request(operation, key, query, asked.headers, asked.path)
        self.asked.append(request)
        answer: Callable[[Request], Answer] = getattr(self, f"_{operation}")
        return self.script(request) or answer(request)

    def _list(self, request: Request) -> Answer:
        return self.page(request)

    def page(self, request: Request, *, keys: bool = True, token: str = "") -> Answer:
        """The only page of a listing, or with a token one that says it goes on; without keys if it is to be empty."""
        prefix, delimiter = request.query["prefix"], request.query.get("delimiter")
        below = sorted(key for key in self.objects if keys and key.startswith(prefix))
        entries = [self._entry(key) for key in below if not delimiter or delimiter not in key[len(prefix) :]]
        if delimiter:
            folders = {re.sub("/.*", "/", key[len(prefix) :]) for key in below if delimiter in key[len(prefix) :]}
            entries += [f"<CommonPrefixes><Prefix>{quote(prefix + name)}</Prefix></CommonPrefixes>" for name in folders]
        more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
        return Answer(
            200,
            f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{str(bool(token)).lower()}</IsTruncated>"
            f"{more}{''.join(entries)}</ListBucketResult>",
        )

    def _entry(self, key: str) -> str:
        kept = self.objects[key]
        return (
            f"<Contents><Key>{quote(key)}</Key><LastModified>{kept.modified}</LastModified>"
            f"<ETag>&quot;{kept.etag}&quot;</ETag><Size>{kept.size}</Size></Contents>"
        )

    def _head(self, request: Request) -> Answer:
        if request.key not in self.objects:
            return Answer(404)
        kept = self.objects[request.key]
        modified = email.utils.format_datetime(datetime.fromisoformat(kept.modified), usegmt=True)
        described = {"ETag": f'"{kept.etag}"', "Content-Length": str(kept.size), "Last-Modified": modified}
        return Answer(200, headers={**described, **kept.headers})

    def _get(self, request: Request) -> Answer:
        return Answer(206, "x") if request.key in self.objects else refusal(404, "NoSuchKey")

    def _tagging(self, _: Request) -> Answer:
        return Answer(200, "<Tagging><TagSet></TagSet></Tagging>")

    def _attributes(self, _: Request) -> Answer:
        return refusal(501, "NotImplemented")

    def _copy(self, request: Request) -> Answer:
        source = self.objects.get(unquote(request.headers["x-amz-copy-source"]).partition("/")[2])
        if source is None:
            return refusal(404, "NoSuchKey")
        if request.headers["x-amz-copy-source-if-match"] != f'"{source.etag}"':
            return refusal(412, "PreconditionFailed")
        if "if-none-match" in request.headers and request.key in self.objects:
            return refusal(412, "PreconditionFailed")
        self.objects[request.key] = Kept(source.etag, source.size, _NOW)
        return Answer(200, f"<CopyObjectResult><ETag>&quot;{source.etag}&quot;</ETag></CopyObjectResult>")

    def _uploads(self, request: Request) -> Answer:
        found = [
            f"<Upload><Key>{key}</Key><UploadId>{upload}</UploadId>"
            f"<Initiated>{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}</Initiated></Upload>"
            for upload, (key, at) in self.begun.items()
            if upload in self.uploads and key.startswith(request.query["prefix"])
        ]
        return Answer(200, f"<ListMultipartUploadsResult>{''.join(found)}</ListMultipartUploadsResult>")

    def _create(self, request: Request) -> Answer:
        self._begun += 1
        upload = f"upload-{self._begun}"
        self.uploads[upload], self.begun[upload] = {}, (request.key, time.time())
        body = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        return Answer(200, body)

    def _part(self, request: Request) -> Answer:
        etag = md5_of(f"{request.key} {request.query['partNumber']}")
        self.uploads[request.query["uploadId"]][int(request.query["partNumber"])] = etag
        return Answer(200, f"<CopyPartResult><ETag>&quot;{etag}&quot;</ETag></CopyPartResult>")

    def _complete(self, request: Request) -> Answer:
        return self.complete(request)

    def complete(self, request: Request) -> Answer:
        """Put the parts of an upload together."""
        parts = self.uploads.pop(request.query["uploadId"], None)
        if parts is None:
            return refusal(404, "NoSuchUpload")
        etag = whole_etag(*(parts[number] for number in sorted(parts)))
        self.objects[request.key] = Kept(etag, modified=_NOW)
        body = f"<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>"
        return Answer(200, body)

    def _delete(self, _: Request) -> Answer:
        return Answer(200, "<DeleteResult/>")

    def _abort(self, request: Request) -> Answer:
        if self.uploads.pop(request.query["uploadId"], None) is None:
            return refusal(404, "NoSuchUpload")
        return Answer(204)
