"""The workers of a cluster: lists them, checks whether they fit a run, and calls them."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streammerge.cluster import worker
from streammerge.cluster.pickling import pack
from streammerge.cluster.task import Task, Work
from streammerge.cluster.worker import LostError, Versions, versions
from streammerge.dataset.objects import Location
from streammerge.errors import IncompleteError, StreamMergeError, UsageError

if TYPE_CHECKING:
    from distributed import Client

INSTALL = "In a checkout, run: pip install '.[cluster]'"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that was reached. owned: its workers were started for this run."""

    client: "Client"
    address: str
    owned: bool


async def workers_of(cluster: Cluster) -> list[str]:
    """The addresses of all workers. Raises IncompleteError where the scheduler is gone."""
    try:
        return list(await cluster.client.nthreads())
    except (OSError, ValueError) as error:
        raise gone(cluster) from error


async def misfits(cluster: Cluster, addresses: list[str]) -> dict[str, str]:
    """Which of these workers cannot be used, and why; one that does not answer is about to leave."""
    mine = versions()
    answers = await call(cluster, versions, addresses)
    return {
        address: _misfit(address, mine, answer)
        for address, answer in answers.items()
        if answer != mine and not isinstance(answer, OSError)
    }


def _misfit(address: str, mine: Versions, theirs: Any) -> str:
    if not isinstance(theirs, Versions):
        return f"worker {address} cannot run streammerge ({theirs!r}). Install it there, too. {INSTALL}"
    return (
        f"worker {address} has streammerge {theirs.streammerge} on Python {theirs.python}, and this process has "
        f"streammerge {mine.streammerge} on Python {mine.python}: install the same on both"
    )


async def welcome(cluster: Cluster, address: str, run: str, work: Work, servers: Mapping[Location, str]) -> None:
    """Have a worker open S3 for a run.

    servers: the server of each prefix, as this process reaches it. Raises UsageError where the worker cannot be used,
    LostError where it does not answer, IncompleteError where the scheduler is gone.
    """
    if problem := (await misfits(cluster, [address])).get(address):
        raise UsageError(problem)
    answers = await call(cluster, worker.begin, [address], run, pack(work), owned=cluster.owned)
    begun = answers.get(address)
    if begun is None or isinstance(begun, OSError):
        raise LostError
    if not isinstance(begun, dict):
        why = begun if isinstance(begun, StreamMergeError) else repr(begun)
        raise UsageError(f"worker {address}: {why}")
    for place, server in begun.items():
        if server != servers[place]:
            raise UsageError(
                f"worker {address} reaches {place} at {server}, and this process at {servers[place]}: pass "
                "--endpoint-url, so that all of them use the same server"
            )


async def result_of(
    cluster: Cluster, address: str, run: str, task: Task, *, known: Sequence[Any], reading: asyncio.Semaphore
) -> bytes | None:
    """Have a worker do a task; its result, or None if the worker was lost. reading: how many results are read at once.

    Raises IncompleteError where the scheduler is gone.
    """
    from distributed import wait  # noqa: PLC0415 - optional
    from distributed.client import FutureCancelledError, FuturesCancelledError  # noqa: PLC0415

    future = cluster.client.submit(
        worker.run_task,
        run,
        pack(task, known),
        key=f"streammerge-{run}-{task.number}-{task.attempt}-{secrets.token_hex(2)}",
        workers=[address],
        pure=False,
    )
    try:
        await wait(future)
        async with reading:
            data: bytes = await future
            return data
    except (LostError, FutureCancelledError, FuturesCancelledError, OSError) as error:
        if cluster.client.status != "running":
            raise gone(cluster) from error
        return None
    finally:
        future.release()


async def call(
    cluster: Cluster, function: Callable[..., Any], addresses: Sequence[str], *arguments: Any, **named: Any
) -> dict[str, Any]:
    """Call a function on workers: what each of them that still answers has returned, or raised.

    Raises IncompleteError where the scheduler is gone.
    """
    try:
        answers: dict[str, Any] = await cluster.client.run(
            function, *arguments, workers=list(addresses), on_error="return", **named
        )
    except (OSError, ValueError) as error:
        raise gone(cluster) from error
    return answers


def gone(cluster: Cluster) -> IncompleteError:
    """The error for a scheduler that no longer answers."""
    return IncompleteError(
        f"the scheduler at {cluster.address} is gone. What was copied is kept; start the cluster again and run the "
        "same command again to resume"
    )


def deserted(cluster: Cluster, seconds: float) -> IncompleteError:
    """The error for a cluster that has had no worker for some time."""
    return IncompleteError(
        f"there has been no worker at {cluster.address} for {seconds:.0f} seconds. What was copied is kept; start "
        "workers and run the same command again to resume"
    )
