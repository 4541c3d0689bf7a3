"""Sweeps the limiter over simulated stores of every kind, and prints the cells in which it does worst.

    python tests/unit/limiter_sweep.py [--only bucket,queue,change,shared] [--seeds 1] [--worst 8]

Time is simulated: a cell of 30 seconds takes half a second on average, all of them some ten minutes on one core.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from random import Random

from limiter_simulation import Client, Store, steady, together

from streammerge.transfer.limiter import Limiter

LIMITS, LATENCIES, SPREADS = (50, 500, 3500, 10_000), (0.001, 0.02, 0.1, 0.5), (0.0, 0.35)
BURSTS, NOISES = (0.1, 1.0, 3.0), (0.0, 0.01, 0.05, 0.2)
SHARING = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """A store, and who asks it."""

    kind: str  # bucket, queue; change: a bucket whose limit halves after 10 s and doubles after 22; shared: by eight
    limit: int
    latency: float
    spread: float = 0.35
    burst: float = 0.1
    late: bool = False
    noise: float = 0.0  # share refused at random
    seed: int = 1

    def __str__(self) -> str:
        bucket = "" if self.kind == "queue" else f" {self.burst:g} s {'late' if self.late else 'at once'}"
        return (
            f"{self.kind}{bucket}, {self.limit:,}/s, {self.latency * 1000:g} ms ± {self.spread:g}, "
            f"{self.noise:.0%} at random, seed {self.seed}"
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """How a cell was used: shares of the limit from the 10th second on, and of all requests."""

    cell: Cell
    used: float
    refused: float  # beyond what is refused at random
    least: float = 1.0  # the smallest client's share, in equal ones


def show(cell: Cell) -> Shown:
    """Simulate a cell."""
    if cell.kind == "change":
        return _changing(cell)
    limit = steady(cell.limit)
    number = SHARING if cell.kind == "shared" else 1
    store = _store(cell, limit)
    clients = [
        Client(
            store, Limiter(ceiling=_ceiling(cell)), network=0.005 * (number > 1), _random=Random(100 * cell.seed + each)
        )
        for each in range(number)
    ]
    runs = together(clients, 30)
    rates = [run.rate(10, 30) for run in runs]
    refused, served = sum(len(run.refused) for run in runs), sum(len(run.served) for run in runs)
    return Shown(
        cell, sum(rates) / cell.limit, _beyond(cell, refused, served), min(rates) * number / max(1, sum(rates))
    )


def _changing(cell: Cell) -> Shown:
    def limit(now: float) -> float:
        return cell.limit / 2 if 10 <= now < 22 else cell.limit

    run = Client(_store(cell, limit), Limiter(ceiling=_ceiling(cell))).run(34)
    used = min(run.rate(19, 22) / (cell.limit / 2), run.rate(31, 34) / cell.limit)
    return Shown(cell, used, _beyond(cell, len(run.refused), len(run.served)))


def _ceiling(cell: Cell) -> int:
    return max(1024, int(3 * cell.limit * cell.latency))  # the default, where that does


def _store(cell: Cell, limit: Callable[[float], float]) -> Store:
    return Store(
        limit,
        cell.latency,
        queueing=cell.kind == "queue",
        burst=cell.burst,
        refusals=cell.noise,
        spread=cell.spread,
        refuses_late=cell.late,
        random=Random(cell.seed),
    )


def _beyond(cell: Cell, refused: int, served: int) -> float:
    return max(0.0, refused / max(1, refused + served) - cell.noise)


def cells(kinds: list[str], seeds: int) -> Iterator[Cell]:
    """Every cell of the sweep."""
    for seed in range(1, seeds + 1):
        for kind in kinds:
            limits = LIMITS[2:] if kind == "shared" else LIMITS
            latencies = LATENCIES[1:] if kind == "shared" else LATENCIES
            bursts, lates = ((0.1,), (False,)) if kind == "queue" else (BURSTS, (False, True))
            spreads = SPREADS if kind in ("bucket", "queue") else SPREADS[1:]
            for limit, latency, spread, burst, late, noise in product(
                limits, latencies, spreads, bursts, lates, NOISES
            ):
                yield Cell(kind, limit, latency, spread, burst, late, noise, seed)


def main() -> None:
    """Print the worst cells of each kind and each noise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="bucket,queue,change,shared")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--worst", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th cell")
    arguments = parser.parse_args()
    chosen = list(cells(arguments.only.split(","), arguments.seeds))[:: arguments.every]
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        shown = list(workers.map(show, chosen, chunksize=4))
    for kind, noise in product(arguments.only.split(","), NOISES):
        group = [each for each in shown if (each.cell.kind, each.cell.noise) == (kind, noise)]
        sys.stdout.write(f"\n{kind}, {noise:.0%} at random, {len(group)} cells\n")
        for name, worst in (
            ("used", sorted(group, key=lambda each: each.used)),
            ("refused", sorted(group, key=lambda each: -each.refused)),
            ("least", sorted(group, key=lambda each: each.least) if kind == "shared" else []),
        ):
            for each in worst[: arguments.worst]:
                sys.stdout.write(f"  {name:8}{getattr(each, name):8.1%}  {each.cell}\n")


if __name__ == "__main__":
    main()
