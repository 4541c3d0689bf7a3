"""What several processes come to on one machine: the table of `--workers` in benchmarks/README.md.

    .venv/bin/python benchmarks/clusters.py [--only speed,cpu,limit,plan,skew] [--scale 1.0] [--keys 20_000_000]

Client, scheduler, workers and the stand-in share the cores: what waits for latency scales here, what computes does not.
"""

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean

import peers
import psutil
import uvloop
from loopback.process import StandIn, standin

import streammerge
from streammerge.cluster.settings import ClusterSettings
from streammerge.report.progress import Progress, WorkerProgress

Row = tuple[str, str, str, bool]  # what, bar, measured, whether it is met
_SOURCE, _OTHER, _INTO = "faces/source/", "faces/other/", "faces/into/"
_HALVES = ("faces/half/", "faces/other-half/")
_PR_SET_CHILD_SUBREAPER = 36  # of Linux
_LATENCY = ("--latency-ms", "copy=100,list=100")


class _Watching(Progress):
    """Keeps what the workers came to."""

    seen: Sequence[WorkerProgress] = ()

    def workers(self, workers: Sequence[WorkerProgress]) -> None:
        self.seen = workers


def _merged(server: StandIn, workers: int, *, concurrency: int) -> tuple[streammerge.Report, Sequence[WorkerProgress]]:
    """Merge by so many workers; their report, and what each of them came to."""
    server.control(forget=True, reset_stats=True)
    job = streammerge.make_job([f"s3://{_SOURCE}"], into=f"s3://{_INTO}", min_images=1)
    options = streammerge.Options(endpoint_url=server.endpoint, listing_order="sorted", concurrency=concurrency)
    watching = _Watching()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(peers.environment(server, folder))
        report = uvloop.run(
            streammerge.merge(job, options, progress=watching, cluster=ClusterSettings(workers=workers))
        )
    return report, watching.seen


def _rate(server: StandIn) -> float:
    """Copies a second from the first second of copying to the last, without both."""
    seen = server.statistics()
    return float(mean(seen["copies_per_second"][int(seen["first_copy"]) + 1 : -1]))


def speed(asked: argparse.Namespace) -> Iterator[Row]:
    """100 ms a copy, so many in flight per worker."""
    rates = {}
    for workers, count in ((1, 20_000), (8, 120_000)):
        with standin(f"--dataset={_SOURCE}:identities={int(count * asked.scale) // 2}:images=2", *_LATENCY) as server:
            _merged(server, workers, concurrency=asked.in_flight)
            rates[workers] = _rate(server)
    faster = rates[8] / rates[1]
    measured = f"{faster:.1f} ({rates[1]:,.0f} and {rates[8]:,.0f} copies per second)"
    yield f"100 ms, {asked.in_flight} in flight per worker: 8 workers to 1", "≥ 6.5", measured, faster >= 6.5


def cpu(asked: argparse.Namespace) -> Iterator[Row]:
    """CPU of all processes, without latency."""
    count = int(200_000 * asked.scale)
    sets = [f"--dataset={_SOURCE}:identities={count // 2}:images=2"]
    sets += [f"--dataset={half}:identities={count // 4}:images=2" for half in _HALVES]
    with standin(*sets) as server:
        whole = peers.command(server, "merge", [_SOURCE], _INTO)
        halves = [peers.command(server, "merge", [half], f"{_INTO}{half}") for half in _HALVES]
        one, two, workers = (
            _cpu_of(server, commands) / count * 1e6 for commands in ([whole], halves, [[*whole, "--workers", "2"]])
        )
    ratio = workers / one
    measured = f"{ratio:.2f} ({workers:.0f} against {one:.0f} µs)"
    yield f"CPU per copy, {count:,} copies: 2 workers, all processes, to one process", "≤ 1.2", measured, ratio <= 1.2
    measured = f"{workers / two:.2f} ({workers:.0f} against {two:.0f} µs)"
    yield "… to two processes at once, each with half of the copies", "", measured, True


def _cpu_of(server: StandIn, commands: Sequence[Sequence[str]]) -> float:
    """The CPU seconds of commands that run at once, and of all processes that they have started.

    Workers are children of a process that outlives the command: this process takes its place as their parent.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    server.control(forget=True)
    others = {child.pid for child in psutil.Process().children()}
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, command in enumerate(commands):
            home = Path(folder, str(number))
            home.mkdir()
            env = peers.environment(server, str(home)) | {"HOME": str(home)}
            subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env, cwd=home)
        while ours := [child.pid for child in psutil.Process().children() if child.pid not in others]:
            _, status, usage = os.wait4(ours[0], 0)
            if os.waitstatus_to_exitcode(status) > 0:
                raise peers.PeerError(f"a process of {commands} has failed")
            seconds += usage.ru_utime + usage.ru_stime
    return seconds


def limit(asked: argparse.Namespace) -> Iterator[Row]:
    """8 workers at one limit of 3,500 a second."""
    count = int(120_000 * asked.scale)
    dataset = f"--dataset={_SOURCE}:identities={count // 2}:images=2"
    with standin(dataset, *_LATENCY, "--limit", "copy=3500") as server:
        workers = _merged(server, 8, concurrency=1024)[1]
        seen = server.statistics()
    share = mean(seen["copies_per_second"][int(seen["first_copy"]) + 10 : -2]) / 3500
    refused = seen["throttled"]["copy"] / seen["requests"]["copy"]
    copied = [worker.copied for worker in workers]
    slowest = min(copied) / mean(copied)
    yield "8 workers at one limit of 3,500 per second: share of it after 10 s", "≥ 90 %", f"{share:.1%}", share >= 0.9
    yield "… requests answered 503", "≤ 3 %", f"{refused:.2%}", refused <= 0.03
    yield "… slowest worker, relative to the mean", "≥ 0.5", f"{slowest:.2f}", slowest >= 0.5


def plan(asked: argparse.Namespace) -> Iterator[Row]:
    """Many objects in two sources, 2 workers."""
    times, peak = [], 0.0
    for count in (int(1_000_000 * asked.scale), int(asked.keys * asked.scale)):
        sets = [f"--dataset={name}:identities={count // 4}:images=2" for name in (_SOURCE, _OTHER)]
        with standin(*sets, "--page-cache-mb", "64") as server, _peak_rss() as rss:
            command = peers.command(server, "plan", [_SOURCE, f"other=s3://{_OTHER}".removeprefix("s3://")], _INTO)
            command = [part.replace("s3://other=", "other=") for part in command]
            result = peers.measure(server, [[*command, "--workers", "2"]])
            times.append((result.said or {})["seconds"] / count * 1e6)
        peak = max(rss())
    ratio = times[1] / times[0]
    measured = f"{ratio:.2f} ({times[1]:.1f} against {times[0]:.1f} µs)"
    yield (
        f"plan of {count:,} objects, two sources, 2 workers: time per key to that of 1 million",
        "≤ 1.1",
        measured,
        (ratio <= 1.1),
    )
    yield "… peak RSS of each process", "≤ 180 MiB", f"{peak:.0f} MiB", peak <= 180


class _peak_rss:  # noqa: N801 - a function of a context
    """Samples the memory of this process's descendants but the stand-in."""

    def __enter__(self) -> Callable[[], Sequence[float]]:
        self._peaks: dict[int, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return lambda: list(self._peaks.values()) or [0.0]

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.5):
            for child in psutil.Process().children(recursive=True):
                try:
                    if any("standin.py" in argument for argument in child.cmdline()):
                        continue
                    rss = child.memory_info().rss / 2**20
                except psutil.Error:
                    continue
                self._peaks[child.pid] = max(self._peaks.get(child.pid, 0.0), rss)


def skew(asked: argparse.Namespace) -> Iterator[Row]:
    """One identity has 30 % of all images; all begin with the same 200 characters."""
    count = int(150_000 * asked.scale)
    dataset = f"--dataset={_SOURCE}:identities={int(count * 0.7) // 2}:images=2:shape=giant"
    with standin(dataset, *_LATENCY) as server:
        began = time.perf_counter()
        report, workers = _merged(server, 8, concurrency=asked.in_flight)
        seconds = time.perf_counter() - began
    idle = max(worker.idle for worker in workers) / report.seconds
    measured = f"{idle:.1%} of {report.seconds:.0f} s ({seconds:.0f} s with start and end)"
    yield (
        "one identity has 30 % of all images, 8 workers: share of time idle, the worst worker",
        "≤ 20 %",
        measured,
        (idle <= 0.2),
    )


PARTS = {"speed": speed, "cpu": cpu, "limit": limit, "plan": plan, "skew": skew}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="default: all of %(default)s")
    parser.add_argument("--scale", type=float, default=1.0, help="of the data sets; below 1 the bars say little")
    parser.add_argument("--in-flight", type=int, default=64, help="copies of a worker, of speed and skew")
    parser.add_argument("--keys", type=int, default=20_000_000, help="of the larger plan")
    arguments = parser.parse_args()
    lines = ["| what | bar | here | |", "|---|--:|--:|---|"]
    for name in arguments.only.split(","):
        for what, bar, here, met in PARTS[name](arguments):
            lines.append(f"| {what} | {bar} | {here} | {'' if met else 'missed'} |")
            print(lines[-1], file=sys.stderr, flush=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
