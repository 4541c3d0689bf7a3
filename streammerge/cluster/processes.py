"""Starts the worker processes of this machine: forks them from one that has imported what all of them need.

A fork takes a twentieth of the CPU and a quarter of the memory that importing it again would. The process that is
forked has no threads, and keeps the environment and the directory in which it began: if these have changed since, as
they may in a notebook, workers are started from scratch.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Modules, imported in this order; commands are named only, since they are built on this package
_NEEDED = (
    "distributed",
    "streammerge.cluster.worker",
    "streammerge.inspection.on_cluster",
    "streammerge.merging.on_cluster",
    "streammerge.verification.on_cluster",
    "streammerge.s3.client",
    "streammerge.cluster.preload",
)
_METHOD = "distributed.worker.multiprocessing-method"
_began: list[object] = []  # environment and directory of the process that is forked, once it exists


def starting() -> dict[str, Any]:
    """Dask's setting for how to start workers."""
    import dask  # noqa: PLC0415 - optional, and large
    from distributed.utils import get_mp_context  # noqa: PLC0415

    now = [dict(os.environ), os.getcwd()]  # noqa: PTH109 - as it is, unresolved
    if _began and _began != now:
        return {_METHOD: "spawn"}
    _began[:] = now
    with dask.config.set({_METHOD: "forkserver"}):
        get_mp_context().set_forkserver_preload(list(_NEEDED))  # replaces Dask's own list
    return {_METHOD: "forkserver"}


@contextmanager
def outliving_the_terminal() -> Iterator[None]:
    """Processes that are started meanwhile are not ended by a terminal that is closed: the run drains and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # they inherit that
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
