"""Relays an object that no single connection can copy: from its source to the destination, through memory.

Strategy: GET is pinned to the listed ETag, PUT writes only where nothing is. Where the source's ETag is an MD5, that
need not be computed: the destination is told it as Content-MD5 and refuses anything else, and where its answer has an
MD5 that is compared. So such an object, unless it is small, is passed on while it comes; any other is read whole first,
and its MD5 computed. A larger one goes by a multipart upload, several parts at once, each read, proved and sent by
itself. Every body takes its bytes of a common memory before it is read.
"""

import base64
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TypeVar

from streammerge.dataset.objects import Location, S3Object, is_plain_md5, printable
from streammerge.errors import ChangedError, ObjectError, TransientError
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3 import checksums
from streammerge.s3.connection import OpenConnection
from streammerge.s3.download import damaged, get_summed, slow_limit
from streammerge.s3.etags import etag_is_md5
from streammerge.s3.hashing import computed
from streammerge.s3.http_connection import Answer, Body
from streammerge.s3.multipart import tags_of
from streammerge.s3.objects import Objects
from streammerge.s3.passage import LEAST, Passage
from streammerge.s3.request import send
from streammerge.s3.sigv4 import encode_path, encode_query
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.memory import Memory

WHOLE = 32 << 20  # bytes of an object that goes in one piece
_PASSING = 4 << 20  # bytes of memory for one that is passed on: a piece, and what the kernel keeps of it on either side
_TRAVELS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
_METADATA, _TAG_COUNT = "x-amz-meta-", "x-amz-tagging-count"
_REFUSED = "BadDigest"
T = TypeVar("T")


class _DamagedError(ObjectError):
    """The object at the destination is not the one that was sent."""


class Relay:
    """One object on its way in one request: read over one connection, written over another."""

    def __init__(
        self,
        reading: OpenConnection,
        writing: OpenConnection,
        copy: CopyTask,
        source: Location,
        destination: Location,
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._copy = copy
        self._source = source
        self._destination = destination
        self._what = f"write {printable(copy.target)!r} to the destination {destination}"

    async def run(self, memory: Memory) -> Made | S3Object:
        """Relay the object; returns what was made, or the object found there instead.

        Raises ChangedError where the source is not, or no longer, what was listed, DeniedError, ObjectError,
        TransientError, RunError.
        """
        try:
            return await self._once(memory, replaces=self._copy.replaces)
        except _DamagedError:
            again = RetryPolicy(self._writing.options.attempts)  # what is there is ours: the server ignores its MD5
            return await with_retries(lambda: self._once(memory, replaces=True), again)

    async def _once(self, memory: Memory, *, replaces: bool) -> Made | S3Object:
        found, source = self._copy.object, self._source
        ends = (self._reading, source), (self._writing, self._destination)
        proxied = any(connection.addresses[place.bucket].proxy for connection, place in ends)
        passes = not proxied and source.bucket not in self._reading.read_whole
        if passes and found.size > LEAST and is_plain_md5(found.etag):
            async with memory.holding(min(2 * found.size, _PASSING)):
                if (relayed := await self._pass_on(replaces=replaces)) is not None:
                    return relayed
        async with memory.holding(found.size):
            return await self._read_and_write(replaces=replaces)

    async def _pass_on(self, *, replaces: bool) -> Made | S3Object | None:
        """Write the object while it is read; None where that cannot be done."""
        etag = self._copy.object.etag

        async def pass_on(conditional: bool) -> Made | S3Object | None:  # noqa: FBT001 - what if_absent calls
            with _of_source():
                answer = await self._read(passes=True)
            with answer.passage or contextlib.nullcontext():
                if answer.passage is None or not etag_is_md5(etag, answer.headers):
                    self._reading.read_whole.add(self._source.bucket)
                    return None
                with _of_source():
                    headers = await self._headers(answer.headers, etag)
                return await self._put(answer.passage, headers, etag, conditional=conditional)

        try:
            return await self._if_absent(pass_on, replaces=replaces)
        except TransientError as error:
            if error.code != _REFUSED:
                raise
            return None

    async def _read_and_write(self, *, replaces: bool) -> Made | S3Object:
        answer = await self._read()
        md5 = await self._proved(answer)
        try:
            return await self._write(answer, md5, replaces=replaces)
        except TransientError as error:
            if error.code != _REFUSED or md5 != self._copy.object.etag:
                raise
            md5 = await _md5(answer.body)
            if md5 == self._copy.object.etag:
                raise
        del answer
        again = await self._read()
        if await _md5(again.body) != md5:
            raise self._was_damaged("MD5 is not its ETag")
        return await self._write(again, md5, replaces=replaces)  # it is as it came before: its ETag is no MD5

    async def _read(self, *, passes: bool = False) -> Answer:
        found, source, connection = self._copy.object, self._source, self._reading
        return await get_summed(
            connection,
            source.bucket,
            found,
            what=read_of(source, found.key),
            time_limit=slow_limit(connection, found.size),
            passes=passes,
        )

    async def _proved(self, answer: Answer) -> str:
        """The MD5 of a body, in hex: the source's ETag, or else computed, once the stored checksum was compared."""
        if etag_is_md5(self._copy.object.etag, answer.headers):
            return self._copy.object.etag
        if known := checksums.of_whole(answer.headers):
            algorithm, value = known
            await computed(answer.body, computing := checksums.begin(algorithm))
            if checksums.in_base_64(computing) != value:
                raise self._was_damaged(f"{algorithm.upper()} is not the one that is stored with it")
        return await _md5(answer.body)

    def _was_damaged(self, why: str) -> TransientError:
        return damaged(read_of(self._source, self._copy.object.key), why)

    async def _headers(self, answered: Mapping[str, str], md5: str) -> dict[str, str]:
        """The headers of a PUT of what an answer describes."""
        headers = described(answered) | await self._tags(answered) | self._writing.options.put_headers
        headers["content-md5"] = base64.b64encode(bytes.fromhex(md5)).decode()
        if md5 != self._copy.object.etag and (known := checksums.of_whole(answered)):
            headers[checksums.header_of(known[0])] = known[1]
        return headers

    async def _tags(self, answered: Mapping[str, str]) -> dict[str, str]:
        if self._writing.options.tags != "copy" or answered.get(_TAG_COUNT, "0") == "0":
            return {}
        key = self._copy.object.key
        tags = await tags_of(self._reading, read_of(self._source, key), self._source.bucket, key)
        return {"x-amz-tagging": encode_query(tags)} if tags else {}

    async def _if_absent(self, put: Callable[[bool], Awaitable[T]], *, replaces: bool) -> T:
        return await (put(False) if replaces else self._writing.if_absent("PutObject", put))

    async def _write(self, answer: Answer, md5: str, *, replaces: bool) -> Made | S3Object:
        headers = await self._headers(answer.headers, md5)

        async def put(conditional: bool) -> Made | S3Object:  # noqa: FBT001 - what if_absent calls
            return await self._put(answer.body, headers, md5, conditional=conditional)

        return await self._if_absent(put, replaces=replaces)

    async def _put(
        self, body: Body | Passage, headers: dict[str, str], md5: str, *, conditional: bool
    ) -> Made | S3Object:
        connection = self._writing
        address = connection.addresses[self._destination.bucket]
        path = f"{address.path}/{encode_path(self._copy.target)}"
        asked = {**headers, "if-none-match": "*"} if conditional else dict(headers)
        limit = slow_limit(connection, len(body))
        try:
            answer = await send(
                connection, "PUT", address, path, asked, kind="put", what=self._what, body=body, time_limit=limit
            )
        except ChangedError as error:
            if error.status == HTTPStatus.PRECONDITION_FAILED and conditional:
                return await self._at_target()
            raise ObjectError(str(error), code=error.code, status=error.status) from error
        if not (etag := connection.etags.read(answer.headers.get("etag", ""))):
            raise TransientError(f"{self._what}: it was answered without an ETag", code="NoETag")
        if etag != md5 and etag_is_md5(etag, answer.headers) and await self._is_md5(etag):
            raise _DamagedError(f"{self._what}: its ETag is not the MD5 of the source", code=_REFUSED)
        return Made(
            etag, "" if etag == self._copy.object.etag else checksums.recorded(checksums.in_answer(answer.headers))
        )

    async def _is_md5(self, etag: str) -> bool:
        """Whether that ETag at the target is an MD5, as its encryption tells."""
        found = await Objects(self._writing).look(self._destination.bucket, self._copy.target)
        return found is not None and found.object.etag == etag and found.etag_is_md5

    async def _at_target(self) -> S3Object:
        found = await Objects(self._writing).look(self._destination.bucket, self._copy.target)
        if found is None:
            raise TransientError(f"{self._what}: what was there is gone", code="PreconditionFailed")
        return found.object


def read_of(source: Location, key: str) -> str:
    """What reading an object is called in errors."""
    return f"read {printable(key)!r} from the source {source}"


def described(answered: Mapping[str, str]) -> dict[str, str]:
    """What travels with an object, of the headers of an answer, names in lower case, as headers of a PUT."""
    found = {name: value for name, value in answered.items() if name in _TRAVELS or name.startswith(_METADATA)}
    encodings = [each.strip() for each in found.get("content-encoding", "").split(",")]
    if "aws-chunked" in encodings:  # how it was sent to the source, which some stores keep
        kept = ",".join(each for each in encodings if each not in ("aws-chunked", ""))
        found = {name: value for name, value in found.items() if name != "content-encoding"}
        found |= {"content-encoding": kept} if kept else {}
    return found


@contextlib.contextmanager
def _of_source() -> Iterator[None]:
    """Errors in it have no status 501, by which a destination tells that it does not know If-None-Match."""
    try:
        yield
    except ObjectError as error:
        if error.status != HTTPStatus.NOT_IMPLEMENTED:
            raise
        raise ObjectError(str(error), code=error.code) from error


async def _md5(body: Body) -> str:
    return (await computed(body, hashlib.md5(usedforsecurity=False))).hex()
