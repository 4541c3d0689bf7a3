"""One HTTP/1.1 connection: sends a request and reads its whole answer, within bounds.

Strategy: httptools (llhttp) parses within the transport's callbacks, and one future per request is all that is awaited.
What comes is received into memory that all connections share, but a large body into its own, where it stays, or from
which it is passed on. A connection serves one request at a time. Whatever it brings that nobody asked for spoils it: it
would be taken for the answer to the next request.
"""

import asyncio
import select
from collections.abc import Mapping
from math import inf
from typing import NamedTuple, cast

import httptools

from streammerge.s3.passage import LEAST, Passage

LONGEST = 8 << 20  # bytes of an answer that is read whole; a page of 1,000 keys, percent-encoded, has 3.5 MB
_LONGEST_HEAD = 1 << 16  # bytes of status line and headers
_OVERHEAD = 8  # bytes on the wire for a byte of a body, as in chunks of one byte
_OK = 200
_LARGE = 1 << 16  # bytes of a body that is received where it stays
_WRITTEN = 1 << 18  # bytes of a body that are written at once
_INTERIM = range(100, 200)  # statuses that another answer follows


class UnfitError(OSError):
    """An answer is like none of S3's."""


def too_long(longest: int) -> UnfitError:
    """An answer has a body of more than so many bytes."""
    return UnfitError(f"the answer has more than {longest:,} bytes, so it is not S3's")


Body = bytes | memoryview  # the latter where it is large


class Answer(NamedTuple):
    """What came back; names of headers in lower case. waited: seconds from the sending of the request to its head."""

    status: int
    headers: Mapping[str, str]
    body: Body
    waited: float
    passage: Passage | None = None  # in place of a body, where it is to be passed on


class HttpConnection(asyncio.BufferedProtocol):
    """One connection, and the answer that is being read from it, if one is awaited.

    received: memory for what was just received, which others of the same event loop may use as well.
    """

    def __init__(self, received: memoryview) -> None:
        self.idle_since = self.due = 0.0  # seconds of the loop's clock; they are their pool's
        self.moved, self.patience = 0.0, inf  # when something came last; seconds for which nothing may
        self.is_spoilt = False  # it may not be used again
        self._transport: asyncio.Transport  # from `connection_made` on
        self._parser = httptools.HttpResponseParser(self)
        self._awaited: asyncio.Future[Answer] | None = None
        self._buffer = received
        self._longest = 0
        self._passes = False  # a large body is passed on
        self._feeds: Passage | None = None  # the body that is being sent, if that comes from another connection
        self._asked = self._waited = 0.0  # when, and how long for the head of its answer
        self._blocked: asyncio.Future[None] | None = None  # until more may be written
        self._begin()

    def _begin(self) -> None:
        self._status = self._received = self._size = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._whole: memoryview | None = None  # a large body of a length that was announced
        self._rest = memoryview(b"")  # what of it is still to come, and a byte that is not to come
        self._passage: Passage | None = None  # or it is passed on
        self._keeps = False  # the connection may be used again after it
        self._in_body = self._is_read = self._is_head = False

    def ask(
        self, head: bytes, longest: int, loop: asyncio.AbstractEventLoop, *, passes: bool = False
    ) -> asyncio.Future[Answer]:
        """Send a request, but for a body that is not in `head`; the future has its answer, of at most so many bytes.

        passes: the answer is there before its body, if that is large and the request a success.
        It fails with an OSError or an HttpParserError.
        """
        self._begin()
        self._longest, self._passes = longest, passes
        self._is_head = head.startswith(b"HEAD ")
        self._awaited = loop.create_future()
        self._asked = self.moved = loop.time()
        self._transport.write(head)
        return self._awaited

    async def send_body(self, body: Body | Passage) -> None:
        """Send the body of the request that was sent last, as the other side takes it in, until an answer is there.

        Raises what a passage raises.
        """
        if isinstance(body, Passage):
            self._feeds = body
            try:
                rest = await body.pass_to(self)
            finally:
                self._feeds = None
        else:
            pieces = memoryview(body)
            while pieces and self._awaited is not None:
                self.write(pieces[:_WRITTEN])
                pieces = pieces[_WRITTEN:]
                if self._blocked is not None:
                    await self._blocked
            rest = len(pieces)
        self.is_spoilt = self.is_spoilt or rest > 0

    @property
    def is_blocked(self) -> bool:
        """Whether the other side has not taken in what was written, which must stay as it is until then."""
        return self._blocked is not None

    @property
    def has_unread(self) -> bool:
        """Whether something has come that is still to be read."""
        return not self._transport.is_closing() and bool(self._arrived.poll(0))

    def write(self, piece: memoryview | bytes) -> None:
        """Send a piece of a body."""
        if not self._transport.is_closing():
            self._transport.write(piece)

    def hold(self, *, back: bool) -> None:
        """Receive no more, or go on."""
        self.moved = inf if back else asyncio.get_running_loop().time()  # nothing can come while it is held
        if not self._transport.is_closing():
            (self._transport.pause_reading if back else self._transport.resume_reading)()

    def pause_writing(self) -> None:
        """The other side does not take in what was written."""
        self._blocked = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It has."""
        blocked, self._blocked = self._blocked, None
        if blocked is not None and not blocked.done():
            blocked.set_result(None)
        if self._feeds is not None:
            self._feeds.go_on()

    def abort(self) -> None:
        """Close it at once, without an error for a pending answer."""
        self.is_spoilt, self._awaited = True, None
        if self._feeds is not None:
            self._feeds.stop()
        self._transport.abort()

    def fail(self, error: BaseException) -> None:
        """Close it at once, with an error for a pending answer."""
        awaited, passage = self._awaited, self._passage
        self.abort()
        if passage is not None:
            passage.fail(error)
        if awaited is not None and not awaited.done():
            awaited.set_exception(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._arrived = select.poll()
        self._arrived.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        # So that it is blocked as long as a byte is left; at 0 TLS would be blocked by nothing
        self._transport.set_write_buffer_limits(1 if transport.get_extra_info("sslcontext") else 0)

    def get_buffer(self, _: int) -> memoryview:
        """Where to receive what comes next."""
        return self._passage.room if self._passage is not None else self._rest or self._buffer

    def buffer_updated(self, count: int) -> None:
        """Read on."""
        if self._passage is not None:
            self._passage.take(count)
        elif self._awaited is None:
            self.abort()
        else:
            self.moved = self._awaited.get_loop().time()
            (self._fill if self._rest else self._parse)(count)  # a large body goes past the parser

    def _parse(self, count: int) -> None:
        self._received += count
        try:
            self._parser.feed_data(self._buffer[:count])
        except httptools.HttpParserCallbackError as error:
            self.fail(error.__context__ or error)  # as it was raised below, a bug too
        except httptools.HttpParserError as error:
            self.fail(error)
        else:
            if self._is_read:
                if self._is_head:
                    self._parser = httptools.HttpResponseParser(self)  # the old one still waits for the body
                self._answer()
            elif self._passage is not None:
                self.hold(back=True)
                self._passage.first = b"".join(self._body)
                self._answer()
            elif self._received > _LONGEST_HEAD + (_OVERHEAD * self._longest if self._in_body else 0):
                self.fail(too_long(self._longest))

    def _fill(self, count: int) -> None:
        """Take in a piece of a large body."""
        self._rest = self._rest[count:]
        if len(self._rest) <= 1:
            self.received(exactly=len(self._rest) == 1)
            self._answer()

    def received(self, *, exactly: bool) -> None:
        """A large body has come; `exactly`: nothing came behind it."""
        self._passage = None
        self.is_spoilt = not self._keeps or not exactly
        self._parser = httptools.HttpResponseParser(self)  # the old one still waits for the body

    def eof_received(self) -> None:
        """Close it; that ends a body of unannounced length."""
        self.is_spoilt = True
        if self._in_body and not self._is_read and not {"content-length", "transfer-encoding"} & self._headers.keys():
            self._answer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail a pending answer."""
        self.resume_writing()
        where = "in the middle of its answer" if self._received else "without an answer"
        closed = ConnectionResetError(f"the server closed the connection {where}")
        self.fail(exc if isinstance(exc, OSError) else closed)

    def _answer(self) -> None:
        awaited, self._awaited = self._awaited, None
        pieces, whole = self._body, self._whole
        self._body, self._whole, self._rest = [], None, memoryview(b"")  # or an idle connection would keep them
        if self._feeds is not None:
            self._feeds.stop()
        self.is_spoilt = self.is_spoilt or self.is_blocked  # what is unsent would go before the next request
        self.resume_writing()  # a refusal may come before the body was sent, of which no more is taken in then
        if awaited is not None and not awaited.done():
            body = whole or (b"" if self._passage else pieces[0] if len(pieces) == 1 else b"".join(pieces))
            awaited.set_result(Answer(self._status, self._headers, body, self._waited, self._passage))

    def on_message_begin(self) -> None:
        """For the parser: a second answer has come with the first, of which nothing counts."""
        self.is_spoilt = self.is_spoilt or self._is_read

    def on_header(self, name: bytes, value: bytes) -> None:
        """For the parser: keep it."""
        if not self._is_read:
            self._headers[name.decode("latin-1").lower()] = value.strip(b" \t").decode("utf-8", "replace")

    def on_headers_complete(self) -> None:
        """For the parser: now the status is known."""
        if self._is_read:
            return
        self._status = self._parser.get_status_code()
        if self._status in _INTERIM:
            self._headers = {}
            return
        self._in_body = True
        if self._awaited is not None:
            self._waited = self._awaited.get_loop().time() - self._asked
        if self._is_head:  # its answer has the headers of a body, and none
            self._is_read = True
            self.is_spoilt = not self._parser.should_keep_alive()
            return
        size = int(self._headers.get("content-length", "0"))
        if size > self._longest:
            raise too_long(self._longest)
        if size > _LARGE and "transfer-encoding" not in self._headers:
            self._keeps = self._parser.should_keep_alive()
            if self._passes and self._status == _OK and size > LEAST:
                self._passage = Passage(self, size)
            else:
                self._rest = memoryview(bytearray(size + 1))
                self._whole = self._rest[:size]

    def on_body(self, body: bytes) -> None:
        """For the parser: keep it."""
        if self._is_head:
            self.is_spoilt = True
        elif not self._is_read:
            self._size += len(body)
            if self._size > self._longest:
                raise too_long(self._longest)
            if self._whole is None:
                self._body.append(body)
            else:
                self._rest[: len(body)] = body
                self._rest = self._rest[len(body) :]

    def on_message_complete(self) -> None:
        """For the parser: that was the answer, unless it was an interim one."""
        if self._in_body and not self._is_read:
            self._is_read = True
            self.is_spoilt = not self._parser.should_keep_alive()  # which it forgets on return
