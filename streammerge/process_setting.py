"""Settings of the process that runs change: the first run changes them, and the last one restores them."""

import threading
from collections.abc import Callable
from types import TracebackType


class ProcessSetting:
    """A context that several runs may be in at once, in any threads; only the first changes the setting.

    change: changes it, and returns what restores it.
    """

    def __init__(self, change: Callable[[], Callable[[], None]]) -> None:
        self._change = change
        self._restore: Callable[[], None] | None = None
        self._runs = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._runs:
                self._restore = self._change()
            self._runs += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs and self._restore is not None:
                self._restore()
