"""The engine: Dask, on this machine or on an existing cluster; imported only if one is asked for."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from streammerge.cluster.settings import ClusterSettings
from streammerge.errors import IncompleteError, UsageError
from streammerge.report.progress import Progress

if TYPE_CHECKING:
    from distributed import Client

    from streammerge.cluster.members import Cluster

_REACHED_WITHIN = 10.0  # seconds for the scheduler
_PATIENCE = 60.0  # seconds for a first worker
_LOCAL = {
    "distributed.worker.profile.enabled": False,  # a sample of all stacks every 10 ms costs 3 % of the CPU
    "distributed.admin.system-monitor.interval": "5s",  # twice a second by default, in scheduler, nannies and workers
    "distributed.admin.tick.interval": "500ms",  # of checks that event loops respond; 20 ms by default
    "distributed.admin.low-level-log-length": 10,  # of messages, tasks included, that are kept; 1,000 by default
    "distributed.scheduler.work-stealing": False,  # each task is pinned to its worker
    "distributed.comm.timeouts.connect": "10s",
}


@asynccontextmanager
async def open_cluster(
    cluster: "ClusterSettings | Client | None", progress: Progress
) -> AsyncIterator["Cluster | None"]:
    """A cluster whose workers have our versions, or None if none is asked for.

    Raises UsageError if Dask is not installed, the scheduler cannot be reached, or a worker has other versions;
    IncompleteError if a worker of this machine does not start.
    """
    if cluster is None or (isinstance(cluster, ClusterSettings) and not cluster):
        yield None
        return
    from streammerge.cluster.members import INSTALL, Cluster  # noqa: PLC0415 - loaded only for a cluster, as below
    from streammerge.cluster.processes import outliving_the_terminal, starting  # noqa: PLC0415

    try:
        import dask  # noqa: PLC0415 - optional, and large
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(f"--workers and --scheduler need Dask. {INSTALL}") from error
    async with AsyncExitStack() as stack:
        stack.enter_context(_quiet())
        local = None
        if isinstance(cluster, ClusterSettings) and cluster.workers is not None:
            stack.enter_context(dask.config.set(_LOCAL | starting()))
            starts = LocalCluster(
                n_workers=cluster.workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                asynchronous=True,
            )
            try:
                with outliving_the_terminal():
                    local = await stack.enter_async_context(starts)
            except RuntimeError as error:  # Dask has closed what it had started
                raise IncompleteError(
                    "a worker process ended while it started, as when memory runs out. Run the same command again, or "
                    "with fewer workers"
                ) from error
        address, security = _where(cluster, local)
        try:
            client = await stack.enter_async_context(
                Client(address, security=security, asynchronous=True, timeout=_REACHED_WITHIN)
            )
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"cannot reach the scheduler at {address}: {error}. Start one with `dask scheduler`, and workers with "
                "`dask worker ADDRESS`"
            ) from error
        reached = Cluster(client, address, owned=local is not None)
        await _check_workers(reached)
        if client.dashboard_link:
            progress.note(f"Dask's dashboard: {client.dashboard_link}")
        yield reached


def _where(cluster: "ClusterSettings | Client", local: Any) -> tuple[str, Any]:
    if local is not None:
        return local.scheduler_address, local.security
    if isinstance(cluster, ClusterSettings):
        return str(cluster.scheduler), None
    return cluster.scheduler.address, cluster.security


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask's messages about workers that leave; we report what matters."""
    known = [*logging.root.manager.loggerDict, "distributed", "tornado", "asyncio"]  # some set their own level
    loggers = [logging.getLogger(name) for name in known if name.split(".")[0] in ("distributed", "tornado", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


async def _check_workers(cluster: "Cluster") -> None:
    """Raises UsageError unless there are workers, each with our versions."""
    from streammerge.cluster.members import misfits, workers_of  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    while not (found := await workers_of(cluster)):
        if loop.time() > until:
            raise UsageError(
                f"no worker at {cluster.address} within {_PATIENCE:.0f} seconds. Start some: "
                f"dask worker {cluster.address} --nthreads 1"
            )
        await asyncio.sleep(0.2)
    for problem in (await misfits(cluster, found)).values():
        raise UsageError(problem)
