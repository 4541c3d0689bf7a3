"""Tunes garbage collection for millions of small values, none of which is part of a cycle."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = 50_000, 50, 100  # of allocations, and of collections of the younger generation


@contextmanager
def tuned_process() -> Iterator[None]:
    """Less garbage collection while the block lasts; then the process is as it was.

    What is loaded by now stays, so the collector need not look at it again and again.
    """
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not frozen:
            gc.unfreeze()
