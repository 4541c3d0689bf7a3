"""A very large file being downloaded: written piece by piece, renamed once it is complete."""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from streammerge.pulling.directory import Directory
from streammerge.pulling.file_writing import meaning, set_time, write_all


class PartialFile:
    """An asynchronous context: `write` pieces inside it. The file is renamed if the block ends well, else removed.

    time: when its content was written, in milliseconds since the epoch, if that is known.

    Work on it that a thread does when its task is cancelled ends before the file goes: that is what the lock is for.
    """

    def __init__(self, folder: Directory, path: str, time: int | None) -> None:
        self._folder = folder
        self._path = path
        self._time = time
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

    async def write(self, piece: bytes | memoryview) -> None:
        """Write a piece. Raises IncompleteError where no file can be written any more, ObjectError where one cannot."""
        await self._do(lambda: self._append(piece))

    async def _do(self, work: Callable[[], None]) -> None:
        try:
            await self._folder.work.do(lambda: self._guarded(work))
        except OSError as error:
            raise meaning(self._path, error) from error

    def _guarded(self, work: Callable[[], None]) -> None:
        with self._lock:
            if not self._over:
                work()

    def _append(self, piece: bytes | memoryview) -> None:
        if self._file < 0:
            self._temporary, self._file = self._folder.create()
        write_all(self._file, piece)

    def _finish(self) -> None:
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
