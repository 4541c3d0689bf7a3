"""Passes the body of an answer on as the body of a request while it comes: no more than a piece of it is in memory.

Strategy: two connections take turns. What one reads the other writes at once, out of one buffer; what the other side
does not take in at once keeps the first from reading on. The time limit is that of whichever is waited for.
"""

import asyncio
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 1 << 18  # bytes of a body; a smaller one is read whole
PIECE = 1 << 20  # bytes of a body that are read and written at once, at most: a fifth faster than a quarter of it


class Source(Protocol):
    """The connection that the body comes by."""

    due: float

    def hold(self, *, back: bool) -> None:
        """Read no more, or go on."""

    def received(self, *, exactly: bool) -> None:
        """All was taken in; `exactly`: nothing came behind it."""

    def abort(self) -> None:
        """Close it."""


class Sink(Protocol):
    """The connection that the body goes by."""

    due: float

    @property
    def is_blocked(self) -> bool:
        """Whether what was written must stay as it is until `Passage.go_on` is called."""

    @property
    def has_unread(self) -> bool:
        """Whether something has come that is still to be read."""

    def write(self, piece: memoryview | bytes) -> None:
        """Send a piece."""


class Passage:
    """A body of which no more has come than what came with its head. A context: close it, whatever becomes of it."""

    def __init__(self, source: Source, size: int) -> None:
        self.first = b""  # what came with the head
        self.explain: Callable[[BaseException], Exception] = RuntimeError  # what it means that it broke off
        self.closed: Callable[[], None] = lambda: None  # called when its connection is free, or of no more use
        self._source = source
        self._size = self._rest = size
        self._buffer = memoryview(bytearray(min(PIECE, size + 1)))
        self._sink: Sink | None = None
        self._limit = source.due
        self._error: BaseException | None = None
        self._over = asyncio.get_running_loop().create_future()

    def __len__(self) -> int:
        """Its bytes in all."""
        return self._size

    async def pass_to(self, sink: Sink) -> int:
        """Pass it on until all is passed, or `stop` is called; returns how many bytes are left.

        Raises what `explain` makes of an error of the source.
        """
        self._sink, self._limit = sink, sink.due
        try:
            self._pass(self.first)
            await self._over
        finally:
            self._sink, sink.due = None, self._limit
        if self._error is not None:
            raise self.explain(self._error) from self._error
        return self._rest

    @property
    def room(self) -> memoryview:
        """Where to read into: not to the end of the body exactly, for then nothing is seen of what may follow it."""
        return self._buffer[:-1] if self._rest == len(self._buffer) else self._buffer

    def take(self, size: int) -> None:
        """Pass on what was read into the buffer."""
        if self._sink is None or not self._sink.has_unread:
            self._take(size)
            return
        # That may be a refusal, which is lost if a write fails before it is read; so the loop reads it first
        self._source.hold(back=True)
        loop = self._over.get_loop()
        loop.call_soon(loop.call_soon, self._take, size)

    def _take(self, size: int) -> None:
        if self._sink is None or self._over.done():
            self._source.abort()
            return
        self._source.hold(back=False)
        taken = min(size, self._rest)
        self._pass(self._buffer[:taken])
        if not self._rest:
            self._source.received(exactly=taken == size)

    def _pass(self, piece: memoryview | bytes) -> None:
        assert self._sink is not None
        self._rest -= len(piece)
        self._sink.write(piece)
        if self._rest:
            self.go_on()
        else:
            self.stop()

    def go_on(self) -> None:
        """Read on, unless what was written is still to be taken in."""
        if self._sink is not None and not self._over.done():
            blocked = self._sink.is_blocked
            self._sink.due, self._source.due = (self._limit, inf) if blocked else (inf, self._limit)
            self._source.hold(back=blocked)

    def stop(self) -> None:
        """No more of it is wanted."""
        if not self._over.done():
            self._over.set_result(None)

    def fail(self, error: BaseException) -> None:
        """The source has broken off."""
        if not self._over.done():
            self._error = error
            self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._rest:
            self._source.abort()
        self.closed()
