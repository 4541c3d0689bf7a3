"""Downloads one object, and checks that it is the object that was listed.

Strategy: the request is pinned to the listed ETag. Stores that ignore the pin are found out by the ETag in the
answer, a body that was cut short or goes on by its size, and one that was damaged on its way by a CRC that S3 stores,
which takes a tenth of the time, or by its MD5, where the ETag is one. An object is read whole, or in parts if it is
very large; whoever asks for it bounds the memory for that.
"""

import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from streammerge.dataset.objects import S3Object, printable
from streammerge.errors import ChangedError, ObjectError, TransientError
from streammerge.s3 import checksums
from streammerge.s3.connection import Address, OpenConnection
from streammerge.s3.etags import etag_is_md5, plain
from streammerge.s3.hashing import beside, computed
from streammerge.s3.http_connection import Answer, Body
from streammerge.s3.options import READ_WHOLE
from streammerge.s3.request import send, unanswered
from streammerge.s3.sigv4 import encode_path

_OK, _PARTIAL = 200, 206
_UNKNOWN_HEADER = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED)
_SLOWEST = 10_000  # bytes a second of a body that is not given up, beyond the time for one request
_REFUSAL = 64 * 1024  # bytes of an error, and those too many that are told from an answer that is not S3's
_PIECE = 1 << 18  # bytes that whoever takes them finds in the processor's cache, once they were proved
Write = Callable[[Body], Awaitable[None]]


class Fetched(NamedTuple):
    """An object that was read whole; its body is still to be proved."""

    what: str  # in errors
    body: Body
    md5: str  # that it must have; empty where that is not known
    stored: tuple[str, str] | None  # a checksum that is stored with it: algorithm and value

    def pieces(self) -> Iterator[Body]:
        """The body piece by piece; for any thread. Raises TransientError at its end where it was damaged on its way."""
        digest = checksums.begin(self.stored[0]) if self.stored else hashlib.md5(usedforsecurity=False)
        for start in range(0, len(self.body), _PIECE):
            piece = self.body[start : start + _PIECE]
            if self.stored or self.md5:
                digest.update(piece)
            yield piece
        if self.stored and checksums.in_base_64(digest) == self.stored[1]:
            return
        if self.stored and self.md5:  # the stored one may be wrong: not every store checks what a client sends
            digest = hashlib.md5(self.body, usedforsecurity=False)
        if self.md5:
            _check_md5(self.what, self.md5, digest.digest().hex())
        elif self.stored:
            raise damaged(self.what, f"{self.stored[0].upper()} is not the one that is stored with it")

    def proved(self) -> Body:
        """All of it. Raises as `pieces` does."""
        for _ in self.pieces():
            pass
        return self.body


async def fetch(connection: OpenConnection, bucket: str, found: S3Object) -> Fetched:
    """GET an object of READ_WHOLE bytes at most.

    Raises ChangedError where the object is not the one that was listed, TransientError where the body is not whole or
    none came, and what an answer that is no success means.
    """
    what = f"get {printable(found.key)!r}"
    limit = slow_limit(connection, found.size)
    answer = await get_summed(connection, bucket, found, what=what, time_limit=limit)
    md5 = found.etag if etag_is_md5(found.etag, answer.headers) else ""
    stored = checksums.of_whole(answer.headers)
    if stored and md5 and stored[0] not in checksums.FAST:
        stored = None
    return Fetched(what, answer.body, md5, stored)


async def download(connection: OpenConnection, bucket: str, found: S3Object) -> Body:
    """The same, proved. Raises as `fetch` and `Fetched.proved` do."""
    fetched = await fetch(connection, bucket, found)
    return await beside(fetched.proved, found.size)


async def get_summed(
    connection: OpenConnection, bucket: str, found: S3Object, *, what: str, time_limit: float, passes: bool = False
) -> Answer:
    """GET a whole object as `get_pinned` does, with the checksums that are stored with it.

    Some stores refuse to be asked for them, such as Backblaze B2 with a status of 400: they are asked for none again.
    """
    get = partial(
        get_pinned, connection, bucket, found, what=what, size=found.size, time_limit=time_limit, passes=passes
    )
    if bucket in connection.unsummed:
        return await get({})
    try:
        return await get(checksums.ASKED)
    except ObjectError as error:
        if error.status not in _UNKNOWN_HEADER:
            raise
    answer = await get({})
    connection.unsummed.add(bucket)
    return answer


async def get_pinned(
    connection: OpenConnection,
    bucket: str,
    found: S3Object,
    more: Mapping[str, str],
    *,
    what: str,
    size: int,
    success: int = _OK,
    time_limit: float | None = None,
    passes: bool = False,
) -> Answer:
    """GET an object, or a part of it, with one answer that is read whole, unless it has a passage.

    more: further headers, such as a range. size: the bytes that must come. The rest is as `send` has it.
    Raises as `download` does; a passage raises that, too.
    """
    address, path, headers = _request(connection, bucket, found)
    headers.update(more)
    answer = await send(
        connection,
        "GET",
        address,
        path,
        headers,
        kind="get",
        what=what,
        longest=size + _REFUSAL,
        success=success,
        time_limit=time_limit,
        passes=passes,
    )
    with contextlib.ExitStack() as failed:
        if answer.passage is not None:
            failed.enter_context(answer.passage).explain = partial(unanswered, what)
        _check_etag(what, found.etag, answer.headers)
        _check_range(what, headers.get("range", ""), answer.headers)
        _check_size(what, size, len(answer.body if answer.passage is None else answer.passage))
        failed.pop_all()
    return answer


async def stream(connection: OpenConnection, bucket: str, found: S3Object, write: Write) -> None:
    """GET an object, and `write` its body, in parts of READ_WHOLE bytes: one is in memory at any time.

    Raises what `download` raises, after parts that prove worthless then, and what `write` says.
    """
    if found.size <= READ_WHOLE:
        await write(await download(connection, bucket, found))
        return
    what, digest, has_md5 = f"get {printable(found.key)!r}", hashlib.md5(usedforsecurity=False), False
    for start in range(0, found.size, READ_WHOLE):
        size = min(READ_WHOLE, found.size - start)
        answer = await get_pinned(
            connection,
            bucket,
            found,
            {"range": f"bytes={start}-{start + size - 1}"},
            what=what,
            size=size,
            success=_PARTIAL,
            time_limit=slow_limit(connection, size),
        )
        has_md5 = etag_is_md5(found.etag, answer.headers)
        if has_md5:
            await computed(answer.body, digest)
        await write(answer.body)
    if has_md5:
        _check_md5(what, found.etag, digest.hexdigest())


def _request(connection: OpenConnection, bucket: str, found: S3Object) -> tuple[Address, str, dict[str, str]]:
    """Where a GET goes, its path, and its headers but for the signature."""
    address = connection.addresses[bucket]
    headers = dict(connection.options.payer_headers)
    if found.etag:
        headers["if-match"] = connection.etags.quoted(found.etag)
    return address, f"{address.path}/{encode_path(found.key)}", headers


def slow_limit(connection: OpenConnection, size: int) -> float:
    """The seconds that are allowed for a request with so many bytes of a body, either way."""
    return connection.options.timeout + size / _SLOWEST


def _check_etag(what: str, etag: str, answered: Mapping[str, str]) -> None:
    """Raises ChangedError where an answer is about another object than that with this ETag."""
    if (found := plain(answered.get("etag", ""))) and etag and found != etag:
        raise ChangedError(f"{what}: it changed after it was listed", code="ETagMismatch", status=_OK)


def _check_range(what: str, asked: str, answered: Mapping[str, str]) -> None:
    """Raises TransientError where an answer says that it is another part than that which was asked for."""
    part = answered.get("content-range", "").partition("/")[0].lower()  # bytes 0-99/1234 (RFC 9110, 14.4)
    if asked and part and part != asked.replace("=", " "):
        raise TransientError(f"{what}: {printable(part)!r} came instead of {asked!r}", code="InvalidRange")


def _check_size(what: str, size: int, received: int) -> None:
    """Raises TransientError where a body does not have so many bytes."""
    if received > size:
        raise TransientError(f"{what}: more came than its {size:,} bytes", code="IncompleteBody")
    if received < size:
        raise TransientError(f"{what}: {received:,} bytes came instead of {size:,}", code="IncompleteBody")


def _check_md5(what: str, etag: str, digest: str) -> None:
    if digest != etag:
        raise damaged(what, "MD5 is not its ETag")


def damaged(what: str, why: str) -> TransientError:
    """The error for a body that is not what it must be; `why` says what of it differs."""
    return TransientError(f"{what}: its {why}: it was damaged on its way", code="BadDigest")
