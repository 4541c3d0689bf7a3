"""The deadline of a run that is being stopped: the few seconds that all clean-up shares."""

import asyncio

STOPPED_WITHIN = 14.0  # seconds from the signal to the end; what is left of the 15 that are promised is for the process


class Deadline:
    """Begins with `start`, when the run is first seen to be stopping; until then nothing is bounded."""

    def __init__(self) -> None:
        self._at: float | None = None

    def start(self) -> None:
        """Begin, unless it has begun already. Call it in a running event loop."""
        if self._at is None:
            self._at = asyncio.get_running_loop().time() + STOPPED_WITHIN

    def clear(self) -> None:
        """Bound nothing any more: another task begins in the same process."""
        self._at = None

    def left(self, reserve: float = 0.0) -> float | None:
        """The seconds that are left, less a reserve for what comes later; None while the run is not being stopped."""
        if self._at is None:
            return None
        return max(self._at - reserve - asyncio.get_running_loop().time(), 0.0)
