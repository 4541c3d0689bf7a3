"""Examines images in one process per core: a decoder that crashes costs one image, never the run."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streammerge.errors import RunError

if TYPE_CHECKING:
    from streammerge.images.examination import Problem


@asynccontextmanager
async def decoders() -> AsyncIterator["Decoders"]:
    """Processes for as long as the block lasts; they also end when this process is killed.

    Raises RunError where they cannot be started.
    """
    found = Decoders()
    try:
        await found.start()
        yield found
    finally:
        found.close()


class Decoders:
    """A pool of processes that is replaced when one of them crashes."""

    def __init__(self) -> None:
        self._pool = _new_pool()
        self._alone = asyncio.Lock()

    async def start(self) -> None:
        """Wait until a process has started. Raises RunError where none does."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, int)
        except (BrokenProcessPool, OSError) as error:
            raise RunError(
                "cannot start the processes that decode images. A script that asks for that must do so under "
                "`if __name__ == '__main__':`"
            ) from error

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)

    async def examine(self, key: str, body: bytes) -> "Problem | None":
        """What is wrong with an image; None if nothing is."""
        from streammerge.images.examination import Problem, examine  # noqa: PLC0415 - brings Pillow, which is optional

        loop = asyncio.get_running_loop()
        pool = self._pool
        with contextlib.suppress(BrokenProcessPool):
            return await loop.run_in_executor(pool, examine, key, body)
        async with self._alone:  # some image has crashed a process, and took the others with it: is it this one?
            if self._pool is pool:
                pool.shutdown(wait=False)
                self._pool = _new_pool()
            alone = _new_pool(1)
            try:
                return await loop.run_in_executor(alone, examine, key, body)
            except BrokenProcessPool:
                return Problem("cannot be decoded", "the decoder crashed")
            finally:
                alone.shutdown(wait=False)


def _new_pool(workers: int | None = None) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    return ProcessPoolExecutor(workers, mp_context=spawn, initializer=_begin)


def _begin() -> None:
    """In a new process: leave Ctrl-C to the parent, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
