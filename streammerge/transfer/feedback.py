"""Feedback of single requests to the limiter, for tasks whose duration as a whole tells it nothing.

Strategy: a task that moves many bytes, or sends many requests, takes as long as these take. So whoever sends a request
for it reports the time to the first byte of the answer, and whoever retries one, that it was refused. Layers between
them and the pool know nothing of limiters, so the way is a context variable.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_feedback: ContextVar["Feedback | None"] = ContextVar("feedback", default=None)


class Feedback:
    """The feedback of one attempt at a task.

    tell: called at once for each answer, with its seconds, whether it was a refusal, and whether it is the first that
    was none.
    """

    __slots__ = ("answered", "tell")

    def __init__(self, tell: Callable[[float, bool, bool], None]) -> None:
        self.tell = tell
        self.answered = False  # by anything but refusals

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect from all requests that are sent in this block, and in tasks that begin in it."""
        before = _feedback.set(self)
        try:
            yield
        finally:
            _feedback.reset(before)


def first_byte(seconds: float) -> None:
    """Report that the first byte of an answer has just come, after so long."""
    if (feedback := _feedback.get()) is not None:
        first, feedback.answered = not feedback.answered, True
        feedback.tell(seconds, False, first)


def refused(seconds: float) -> None:
    """Report that a request, which will be retried, was refused after so long."""
    if (feedback := _feedback.get()) is not None:
        feedback.tell(seconds, True, False)
