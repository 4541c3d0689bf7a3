"""A large file on its way into a folder: written as its pieces come, and named when it is whole."""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from streammerge.folder import Folder, meaning, set_time, write_all

_AT_ONCE = 256 * 1024  # bytes gathered before they are written


class Arrival:
    """An asynchronous context: `write` pieces inside it. The file gets its name if the block ends well, else it goes.

    time: when its content was written, in milliseconds since the epoch, if that is known.

    Work on it that a thread does when its task is cancelled ends before the file goes: that is what the lock is for.
    """

    def __init__(self, folder: Folder, path: str, time: int | None) -> None:
        self._folder = folder
        self._path = path
        self._time = time
        self._pieces: list[bytes] = []
        self._held = 0  # bytes
        self._temporary = ""
        self._file = -1
        self._lock = threading.Lock()
        self._over = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raises as `write` does, and ObjectError where the name is not to be had."""
        try:
            if error is None:
                await self._do(self._finish)
        finally:
            self._discard()

    async def write(self, piece: bytes) -> None:
        """Take a piece. Raises IncompleteError where no file can be written any more, ObjectError where this cannot."""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= _AT_ONCE:
            await self._do(self._flush)

    async def _do(self, work: Callable[[], None]) -> None:
        try:
            await self._folder.work.do(lambda: self._guarded(work))
        except OSError as error:
            raise meaning(self._path, error) from error

    def _guarded(self, work: Callable[[], None]) -> None:
        with self._lock:
            if not self._over:
                work()

    def _flush(self) -> None:
        if self._file < 0:
            self._temporary, self._file = self._folder.create()
        write_all(self._file, b"".join(self._pieces))
        self._pieces.clear()
        self._held = 0

    def _finish(self) -> None:
        self._flush()
        set_time(self._file, self._time)
        self._close()
        self._folder.rename(self._temporary, self._path)
        self._temporary = ""

    def _discard(self) -> None:
        with self._lock:
            self._over = True
            self._close()
            if self._temporary:
                self._folder.discard(self._temporary)

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
