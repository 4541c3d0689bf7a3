"""S3 as the rest of streammerge sees it: probe a prefix, list a page, copy an object, get one.

Strategy: LIST and CopyObject are signed and sent by our own HTTP (`http.py`), because there are millions of them;
everything rare goes through botocore. A method sends one request and says by its exception what became of it;
whoever calls owns the retries. Each location has its connection, which is opened when the location is probed; locations
that are reached alike share one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from streammerge.dataset.objects import MAX_KEY_BYTES, Location, Page, S3Object, printable
from streammerge.errors import (
    ChangedError,
    ObjectError,
    RunError,
    S3Error,
    UsageError,
)
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3.connection import OpenConnection, Shared, connect
from streammerge.s3.continuation import Continuation
from streammerge.s3.copy_object import copy_whole, has_md5_etag
from streammerge.s3.download import Fetched, Write, download, fetch, stream
from streammerge.s3.http_connection import Body
from streammerge.s3.multipart import CopiedParts, MultipartCopy
from streammerge.s3.objects import Objects
from streammerge.s3.options import Options
from streammerge.s3.probe import probe
from streammerge.s3.relay import WHOLE, Relay
from streammerge.s3.relay_parts import RelayedParts
from streammerge.s3.request import send
from streammerge.s3.sigv4 import encode_query
from streammerge.s3.uploads import Uploads, abort, begun, left_behind
from streammerge.s3.xml import parse_page
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.memory import Memory

if TYPE_CHECKING:
    from streammerge.dataset.connection import Connection


class S3Client:
    """Sources and destination, each over its connection, for as long as `stack` is open.

    deadline: by when a run that is being stopped has cleaned up. requests: sent so far, by kind, retries included.
    uploads: where multipart uploads are recorded while they are open; None for nowhere.
    """

    def __init__(self, options: Options, stack: contextlib.AsyncExitStack) -> None:
        self.options = options
        self._shared = Shared(options)
        self.deadline, self.requests = self._shared.deadline, self._shared.requests
        self.uploads: Uploads | None = None
        self._memory = Memory(options.memory)
        self._seen: dict[S3Object, bytes] = {}
        self._relays: dict[tuple[Connection, Connection], bool] = {}  # by the connections of source and destination
        self._stack = stack
        self._opening = asyncio.Lock()
        self._open: dict[Connection, tuple[OpenConnection, Objects]] = {}  # as a location names it

    async def _opened(self, location: Location) -> OpenConnection:
        """The connection of a location, which is opened if it is not. Raises UsageError where that cannot be."""
        asked = location.connection
        async with self._opening:
            if asked not in self._open:
                whole = asked.over(self.options.connection)
                if whole not in self._open:
                    opened = await self._stack.enter_async_context(connect(self.options.reaching(asked), self._shared))
                    self._open[whole] = opened, Objects(opened)
                self._open[asked] = self._open[whole]
        return self._at(location)

    def _at(self, location: Location) -> OpenConnection:
        """The connection of a location that was probed."""
        return self._open[location.connection][0]

    def objects_at(self, location: Location) -> Objects:
        """Single objects in the bucket of a location that was probed, and whatever else its connection reaches."""
        return self._open[location.connection][1]

    def server_of(self, location: Location) -> str:
        """Which server a location that was probed is on, by its address."""
        return self._at(location).server

    def time_at(self, location: Location) -> str:
        """The time at a location that was probed, by its server's clock, to the second, as LIST writes it."""
        at = self._at(location).clock.timestamp()
        return f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[9:11]}:{at[11:13]}:{at[13:15]}"

    def bound_rate(self, rate: float) -> None:
        """From now on send at most so many requests a second, where they are bounded."""
        if self._shared.turns is not None:
            self._shared.turns.pace.rate = rate

    def overlap(self, one: Location, other: Location) -> bool:
        """Whether some key lies in both of two locations that were probed."""
        return one.has_keys_of(other) and self.on_one_server(one, other)

    def on_one_server(self, one: Location, other: Location) -> bool:
        """Whether a request to one of two locations that were probed may name the other; Amazon is one server."""
        return self._at(one).server == self._at(other).server

    def promises_order(self, location: Location) -> bool:
        """Whether listings of this (probed) bucket may be trusted to come in UTF-8 byte order."""
        if self.options.listing_order == "auto":
            return self._at(location).addresses[location.bucket].ordered is True
        return self.options.listing_order == "sorted"

    def order_advice(self, locations: Iterable[Location]) -> str | None:
        """What to try where listings of these (probed) buckets are read whole because their order is not known."""
        addresses = [self._at(location).addresses[location.bucket] for location in locations]
        unknown = sorted({address.host for address in addresses if address.ordered is None})
        if not unknown or self.options.listing_order != "auto":
            return None
        return (
            f"{', '.join(unknown)} is not known to list keys in UTF-8 byte order, so every listing is read to its end "
            "first, at about 150 bytes of memory per object. If it does, --listing-order sorted saves the wait and the "
            "memory; every page is checked"
        )

    async def probe(self, location: Location, *, delimiter: str = "", after: str = "") -> Page:
        """The first page below a prefix, past the key `after`, by botocore; must come first for every bucket.

        Raises UsageError with what to do where the prefix cannot be listed.
        """
        return await probe(await self._opened(location), location, delimiter=delimiter, after=after)

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """LIST up to 1,000 keys below a prefix, from `token` on, else from the first key past `after`.

        Raises TransientError, RunError or ObjectError.
        """
        query = {"list-type": "2", "encoding-type": "url", "prefix": location.prefix}
        if token is not None:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after
        connection = self._at(location)
        address = connection.addresses[location.bucket]
        what = f"LIST {location}"
        headers = dict(connection.options.payer_headers)
        path = address.path or "/"
        answer = await send(
            connection, "GET", address, path, headers, kind="list", what=what, query=encode_query(query)
        )
        page = parse_page(bytes(answer.body), what, connection.etags.read)
        for listed in page.objects:
            if not listed.key.startswith(location.prefix):
                raise RunError(f"{what}: the server listed {printable(listed.key)!r}, which is not below that prefix")
        return page

    async def below(self, location: Location) -> list[S3Object]:
        """All objects below a prefix of a (probed) bucket, in byte order; for prefixes that hold few.

        Raises as `list_page` does, after the usual attempts.
        """
        retries = RetryPolicy(self.options.attempts)
        continuation = Continuation()
        found: list[S3Object] = []
        token: str | None = None
        while True:
            page = await with_retries(lambda token=token: self.list_page(location, token=token), retries)  # type: ignore[misc]
            found += page.objects
            token = page.token
            if token is None:
                return sorted(found)
            continuation.follow(token, f"LIST {location}")

    def relays(self, source: Location, destination: Location) -> bool:
        """Whether objects of a source go through memory: no connection reaches both it and the destination.

        Both were probed. Raises UsageError where S3 is to copy what it cannot.
        """
        pair = source.connection, destination.connection
        if pair not in self._relays:
            self._relays[pair] = self._is_relayed(source, destination)
        return self._relays[pair]

    def _is_relayed(self, source: Location, destination: Location) -> bool:
        apart, transfer = not self.on_one_server(source, destination), self.options.transfer
        if transfer == "server-side" and apart:
            raise UsageError(
                f"{source} is on another server than the destination {destination}, and no S3 server copies from "
                "another: omit --transfer server-side"
            )
        if transfer != "auto":
            return transfer == "relay"
        return apart or self._at(source).options.profile != self._at(destination).options.profile

    async def copy(self, copy: CopyTask, source: Location, destination: Location) -> Made | S3Object:
        """Copy one object, server-side or through memory (`relays`), pinned to the ETag that was listed.

        Returns what was made, or the object that has come to lie at the target since it was listed.
        Raises ChangedError where the source is not, or no longer, what was listed, DeniedError, ObjectError,
        TransientError, RunError.
        """
        size_of, length = copy.object.size, len(copy.target.encode())
        if length > MAX_KEY_BYTES:
            raise ObjectError(
                f"copy {printable(copy.object.key)!r}: its key at the destination would have {length:,} bytes, "
                f"and S3 allows {MAX_KEY_BYTES:,}",
                code="KeyTooLongError",
            )
        way = self._at(source), self._at(destination), copy, source, destination
        relays = self.relays(source, destination)
        if relays and size_of <= min(WHOLE, self._memory.limit // 2):
            return await Relay(*way).run(self._memory)
        try:
            if relays:
                parts = RelayedParts(*way, memory=self._memory, seen=self._seen)
                return await MultipartCopy(*way, parts=parts, uploads=self.uploads).run()
            if size_of > self.options.multipart_threshold:
                return await MultipartCopy(*way, parts=CopiedParts(*way), uploads=self.uploads).run()
            return await copy_whole(*way)
        except ChangedError as error:
            # A 412 may be about the source or about the target, and not every server says which
            if error.status == HTTPStatus.PRECONDITION_FAILED and not copy.replaces:
                with contextlib.suppress(ChangedError):
                    if (found := await self.objects_at(destination).look(destination.bucket, copy.target)) is not None:
                        return found.object
            raise

    async def uploads_of(self, location: Location, key: str) -> dict[str, float]:
        """The multipart uploads of a key that are open, and when each was begun, by the clock of this machine.

        Raises StreamMergeError.
        """
        return await begun(self._at(location), f"list the uploads of {printable(key)!r}", location.bucket, key)

    async def abort(self, location: Location, key: str, upload: str) -> None:
        """Abort a multipart upload that an earlier run may have left. Raises StreamMergeError, with what to do."""
        parts = {"Bucket": location.bucket, "Key": key, "UploadId": upload}
        try:
            await abort(self._at(location), f"abort the upload of {printable(key)!r}", parts)
        except S3Error as error:
            raise RunError(f"{error}; {left_behind(parts)}") from error

    async def fetch(self, location: Location, found: S3Object) -> Fetched:
        """GET an object of at most READ_WHOLE bytes as it was listed; its content is still to be proved.

        Raises ChangedError where the object is not what was listed (any more), DeniedError, ObjectError,
        TransientError, RunError.
        """
        return await fetch(self._at(location), location.bucket, found)

    async def get(self, location: Location, found: S3Object) -> Body:
        """The same, proved as far as it can be. Raises what `fetch` raises."""
        return await download(self._at(location), location.bucket, found)

    async def stream(self, location: Location, found: S3Object, write: Write) -> None:
        """The same for an object of any size: `write` its body in parts, the last of which proves the others.

        Raises what `fetch` raises, and what `write` raises.
        """
        await stream(self._at(location), location.bucket, found, write)

    async def etags_are_md5(self, copy: CopyTask, source: Location, destination: Location) -> bool:
        """Whether the ETags of both objects are MD5s of the content: not with KMS or SSE-C. Looks at each once.

        Asked again for every object, since a bucket may hold both kinds. One that may not be asked is taken to have an
        MD5: that finds differences where there are none, but never overlooks one. Raises TransientError, RunError.
        """
        return await self.etag_is_md5(destination, copy.target) and await self.etag_is_md5(source, copy.object.key)

    async def etag_is_md5(self, location: Location, key: str) -> bool:
        """Whether the ETag of one object is an MD5 of its content; as for `etags_are_md5`."""
        return await has_md5_etag(self._at(location), location.bucket, key)


@contextlib.asynccontextmanager
async def open_client(options: Options) -> AsyncIterator[S3Client]:
    """An S3Client for as long as the block lasts."""
    async with contextlib.AsyncExitStack() as stack:
        yield S3Client(options, stack)
