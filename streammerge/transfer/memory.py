"""Memory for bodies that pass through this process: a bound on their bytes at any time."""

import asyncio
import contextlib
from collections import deque
from types import TracebackType


class Memory:
    """A number of bytes, granted first come, first served, so that small bodies do not keep a large one waiting.

    Within an event loop. A body that is larger than all of it takes all of it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def holding(self, size: int) -> "Held":
        """A context, which is entered as soon as there is room for so many bytes."""
        return Held(self, min(size, self.limit))

    async def take(self, size: int) -> None:
        """Wait for a number of bytes; the caller gives them back."""
        if not self._waiting and self.held + size <= self.limit:
            self.held += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(size)
            else:
                with contextlib.suppress(ValueError):  # whoever gave bytes back since then has passed it over
                    self._waiting.remove((size, turn))
                self._serve()
            raise

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self.held -= size
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self.held + self._waiting[0][0] <= self.limit:
            size, turn = self._waiting.popleft()
            if not turn.cancelled():
                self.held += size
                turn.set_result(None)


class Held:
    """Bytes of a memory, while a block lasts."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: Memory, size: int) -> None:
        self._memory = memory
        self._size = size

    async def __aenter__(self) -> None:
        """Wait for them."""
        await self._memory.take(self._size)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give them back."""
        self._memory.give_back(self._size)
