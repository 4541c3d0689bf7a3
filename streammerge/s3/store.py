"""S3 as the rest of streammerge sees it: probe a prefix, list a page, copy an object, get one.

Strategy: LIST and CopyObject are signed and sent here, over one aiohttp session, because there are millions of them;
everything rare goes through botocore. A method sends one request and says by its exception what became of it;
whoever calls owns the retries.
"""

import contextlib
import http
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from streammerge.core.keys import MAX_KEY_BYTES, Listed, Location, Page, is_plain_md5, printable
from streammerge.core.plan import Copy
from streammerge.core.trail import Trail
from streammerge.errors import (
    ChangedError,
    DeniedError,
    ObjectError,
    RunError,
    StreamMergeError,
    TakenError,
    TransientError,
    UsageError,
)
from streammerge.s3.clock import keep_time
from streammerge.s3.connection import Connection, connect, first_page, rare
from streammerge.s3.download import Write, download, stream
from streammerge.s3.multipart import MultipartCopy
from streammerge.s3.objects import NOT_MD5, Objects
from streammerge.s3.options import Options
from streammerge.s3.parsing import parse_copy, parse_page
from streammerge.s3.retry import Retries, persist
from streammerge.s3.sending import from_body, send
from streammerge.s3.signing import encode_path, encode_query

_OK, _PRECONDITION_FAILED = 200, 412
_PROBES, _PROBE_LIMIT = Retries(attempts=3, base=0.2, cap=2.0), 10.0  # seconds; a user is waiting
_COPY_OBJECT = "CopyObject"
_ENCRYPTION = "x-amz-server-side-encryption"
_LARGE = 64 * 1024**2  # bytes that take so long to copy that the time allowed must grow with them


class S3Store:
    """Sources and destination on one S3 endpoint."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.options = connection.options
        self.objects = Objects(connection)
        self._copy_headers = connection.options.copy_headers

    @property
    def requests(self) -> Counter[str]:
        """Requests sent so far, by kind, retries included."""
        return self._connection.requests

    def promises_order(self, location: Location) -> bool:
        """Whether listings of this (probed) bucket may be trusted to come in UTF-8 byte order."""
        if self.options.listing_order == "auto":
            return self._connection.addresses[location.bucket].promises_order
        return self.options.listing_order == "sorted"

    async def probe(self, location: Location, *, delimiter: str = "") -> Page:
        """The first page below a prefix, by botocore; must come first for every bucket.

        Raises UsageError with what to do where the prefix cannot be listed.
        """
        if location.bucket.endswith("--x-s3"):
            raise UsageError(f"{location} is in a directory bucket (S3 Express), which streammerge cannot read yet")
        try:
            page = await persist(lambda: self._probe(location, delimiter), _PROBES)
        except DeniedError as error:
            raise UsageError(f"{error}. Listing needs s3:ListBucket on bucket {location.bucket}") from error
        except TransientError as error:
            endpoint = self._connection.client.meta.endpoint_url
            raise UsageError(
                f"{error}. Check the network, and the endpoint {endpoint} (--endpoint-url or AWS_ENDPOINT_URL)"
                f"{self._path_of_endpoint()}"
            ) from error
        except StreamMergeError as error:
            raise UsageError(f"{error}{self._path_of_endpoint()}") from error
        self._check_region(location)
        return page

    def _path_of_endpoint(self) -> str:
        """A hint where an endpoint has a path: few have, and most of these are a bucket's name."""
        path = urlsplit(self._connection.client.meta.endpoint_url).path.rstrip("/")
        return f". The endpoint ends with {path}: if that is a bucket, leave it away" if path else ""

    async def _probe(self, location: Location, delimiter: str) -> Page:
        listing = first_page(self._connection, location, delimiter=delimiter)
        return await rare(f"cannot list {location}", listing, min(self.options.timeout, _PROBE_LIMIT))

    def _check_region(self, location: Location) -> None:
        asked, found = self.options.region, self._connection.addresses[location.bucket].region
        if asked and found != asked:
            raise UsageError(
                f"bucket {location.bucket} is in region {found}, not {asked}: say --region {found}, "
                "or leave --region away to have it found out"
            )

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """LIST up to 1,000 keys below a prefix, from `token` on, else from the first key past `after`.

        Raises TransientError, RunError or ObjectError.
        """
        query = {"list-type": "2", "encoding-type": "url", "prefix": location.prefix}
        if token is not None:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after
        address = self._connection.addresses[location.bucket]
        what = f"LIST {location}"
        headers = dict(self.options.payer_headers)
        path = address.path or "/"
        answer = await send(
            self._connection, "GET", address, path, headers, kind="list", what=what, query=encode_query(query)
        )
        page = parse_page(answer.body, what)
        for listed in page.objects:
            if not listed.key.startswith(location.prefix):
                raise RunError(f"{what}: the server listed {printable(listed.key)!r}, which is not below that prefix")
        return page

    async def below(self, location: Location) -> list[Listed]:
        """All objects below a prefix of a (probed) bucket, in byte order; for prefixes that hold few.

        Raises as `list_page` does, after the usual tries.
        """
        retries = Retries(self.options.attempts)
        trail = Trail()
        found: list[Listed] = []
        token: str | None = None
        while True:
            page = await persist(lambda token=token: self.list_page(location, token=token), retries)  # type: ignore[misc]
            found += page.objects
            token = page.token
            if token is None:
                return sorted(found)
            trail.follow(token, f"LIST {location}")

    async def copy(self, copy: Copy, source: Location, destination: Location) -> str:
        """Copy one object server-side, pinned to the ETag that was listed; returns the ETag of the copy.

        Raises TakenError where something has come to lie at the target, ChangedError where the source is not what
        was listed (any more), DeniedError, ObjectError, TransientError, RunError.
        """
        size = len(copy.target.encode())
        if size > MAX_KEY_BYTES:
            raise ObjectError(
                f"copy {printable(copy.key)!r}: its key at the destination would have {size:,} bytes, "
                f"and S3 allows {MAX_KEY_BYTES:,}",
                code="KeyTooLongError",
            )
        try:
            if copy.size > self.options.multipart_threshold:
                return await MultipartCopy(self._connection, copy, source, destination).run()
            return await self._copy_whole(copy, source, destination)
        except ChangedError as error:
            await self._check_taken(error, copy, destination)
            raise

    async def _copy_whole(self, copy: Copy, source: Location, destination: Location) -> str:
        address = self._connection.addresses[destination.bucket]
        what = f"copy {printable(copy.key)!r}"
        headers = {
            "x-amz-copy-source": encode_path(f"{source.bucket}/{copy.key}"),
            "x-amz-copy-source-if-match": f'"{copy.etag}"',
            **self._copy_headers,
        }
        if not copy.replaces and _COPY_OBJECT not in self._connection.unconditional:
            headers["if-none-match"] = "*"
        path = f"{address.path}/{encode_path(copy.target)}"
        patience = None if copy.size < _LARGE else self._connection.patience(copy.size)
        try:
            answer = await send(
                self._connection, "PUT", address, path, headers, kind="copy", what=what, patience=patience
            )
        except ObjectError as error:
            if error.status != http.HTTPStatus.NOT_IMPLEMENTED or "if-none-match" not in headers:
                raise
            del headers["if-none-match"], headers["authorization"]
            answer = await send(
                self._connection, "PUT", address, path, headers, kind="copy", what=what, patience=patience
            )
            self._connection.without_condition(_COPY_OBJECT)  # it was that, and nothing else
        etag = parse_copy(answer.body, what)
        if not etag:
            raise from_body(what, _OK, answer.body, answer.headers)
        if etag == copy.etag:
            return etag
        comparable = is_plain_md5(etag) and is_plain_md5(copy.etag) and answer.headers.get(_ENCRYPTION) not in NOT_MD5
        if comparable:
            await self._check_encrypted(copy, source, destination)
        return etag

    async def _check_taken(self, error: ChangedError, copy: Copy, destination: Location) -> None:
        """A 412 may be about the source or about the target, and not every server says which: look."""
        if error.status == _PRECONDITION_FAILED and not copy.replaces:
            try:
                found = await self.objects.look(destination.bucket, copy.target)
            except ChangedError:
                return
            if found is not None:
                raise TakenError(
                    f"copy {printable(copy.key)!r}: something has come to lie at {printable(copy.target)!r} since it "
                    "was listed",
                    code="TargetExists",
                    status=error.status,
                    found=found.listed,
                ) from error

    async def get(self, location: Location, key: str, *, size: int, etag: str) -> bytes:
        """GET an object of at most READ_WHOLE bytes as it was listed; what came is checked, as far as it can be.

        Raises ChangedError where the object is not what was listed (any more), DeniedError, ObjectError,
        TransientError, RunError.
        """
        return await download(self._connection, location.bucket, key, size=size, etag=etag)

    async def stream(self, location: Location, key: str, *, size: int, etag: str, write: Write) -> None:
        """The same for an object of any size: `write` its body piece by piece, the last of which proves the others.

        Raises what `get` raises, and what `write` raises.
        """
        await stream(self._connection, location.bucket, key, size=size, etag=etag, write=write)

    async def _check_encrypted(self, copy: Copy, source: Location, destination: Location) -> None:
        if await self.etags_are_md5(copy, source, destination):
            raise ChangedError(
                f"copy {printable(copy.key)!r}: it changed after it was listed; "
                "the copy holds the newer content: run again to decide anew",
                code="ETagMismatch",
                status=_OK,
            )

    async def etags_are_md5(self, copy: Copy, source: Location, destination: Location) -> bool:
        """Whether the ETags of both objects are MD5s of the content: not with KMS or SSE-C. Looks at each once.

        Asked anew for every object, since a bucket may hold both kinds. One that may not be asked is taken to have an
        MD5: that finds differences where there are none, but never overlooks one. Raises TransientError, RunError.
        """
        return await self.etag_is_md5(destination, copy.target) and await self.etag_is_md5(source, copy.key)

    async def etag_is_md5(self, location: Location, key: str) -> bool:
        """Whether the ETag of one object is an MD5 of its content; as for `etags_are_md5`."""
        try:
            head = await self.objects.look(location.bucket, key)
        except ObjectError:
            return True
        return head is None or head.etag_is_md5


@contextlib.asynccontextmanager
async def open_store(options: Options) -> AsyncIterator[S3Store]:
    """An S3Store for as long as the block lasts. Raises UsageError where it cannot be opened."""
    async with connect(options) as connection:
        keep_time(connection)
        yield S3Store(connection)
