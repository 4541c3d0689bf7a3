"""Relays: objects from one stand-in to another, by `streammerge merge` and by `rclone copy`, in paired runs.

    python benchmarks/relays.py [--runs 3] [--only small,large,huge]

small: 20,000 objects of 8 kB. large: 200 of 20 MB. huge: one of 6 GiB, in parts, by streammerge alone. Every answer
takes 30 ms. All objects must arrive; ratios are the medians of the ratios of pairs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loopback.process import StandIn, standin
from peers import PeerError, environment, program

_BULK = Path(__file__).parent / "loopback" / "bulk.py"
_LATENCY = 30  # milliseconds
_LATENCIES = f"--latency-ms=get={_LATENCY},put={_LATENCY},list={_LATENCY},head={_LATENCY}"
_PARTS = {"small": (20_000, 8192), "large": (200, 20_000_000), "huge": (1, 6 << 30)}  # objects, and bytes of each
_WORKERS = "64"  # of rclone


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run took."""

    seconds: float
    cpu: float  # seconds
    rss: float  # MiB


@contextmanager
def bulk(*arguments: str) -> Iterator[StandIn]:
    """A stand-in for large objects."""
    command = [sys.executable, str(_BULK), "--latency-ms", str(_LATENCY), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield StandIn(json.loads(process.stdout.readline())["endpoint"])
        finally:
            process.terminate()


def _streammerge(source: StandIn, destination: StandIn, into: str) -> list[str]:
    ends = ["--source-endpoint-url", source.endpoint, "--endpoint-url", destination.endpoint]
    rules = ["--min-images", "1", "--quiet", "--json", "--no-journal", "--listing-order", "sorted"]
    return [
        sys.executable,
        "-m",
        "streammerge",
        "merge",
        "s3://faces/from/",
        "--into",
        f"s3://faces/{into}",
        *ends,
        *rules,
    ]


def _rclone(source: StandIn, destination: StandIn, into: str) -> list[str]:
    # provider=Minio: for AWS, rclone refuses to stream over HTTP
    remotes = [
        f":s3,provider=Minio,env_auth=true,no_check_bucket=true,endpoint='{place.endpoint}':faces/{prefix}"
        for place, prefix in ((source, "from/"), (destination, into))
    ]
    how = ["--fast-list", "--transfers", _WORKERS, "--checkers", _WORKERS, "--log-level", "ERROR"]
    return [program("rclone"), "copy", *how, *remotes]


def _run(name: str, source: StandIn, destination: StandIn, part: str, turn: int) -> Ran:
    (objects, size), into = _PARTS[part], f"{name}{turn}/"
    command = {"streammerge": _streammerge, "rclone": _rclone}[name](source, destination, into)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(destination, folder),
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    found = _sizes(destination, into)
    if process.returncode or found != (objects, objects * size):
        raise PeerError(f"{name} ended with {process.returncode}; {found} arrived")
    ran = Ran(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    print(f"{name}: {seconds:.1f} s, CPU {ran.cpu:.1f} s, RSS {ran.rss:.0f} MiB", file=sys.stderr)
    return ran


def _sizes(place: StandIn, into: str) -> tuple[int, int]:
    """How many objects are below a prefix, and how many bytes they have."""
    count = total = 0
    after = ""
    while True:
        url = f"{place.endpoint}/faces?list-type=2&prefix={into}&start-after={after}"
        with urllib.request.urlopen(url) as reply:
            page = reply.read().decode()
        keys, sizes = (
            [entry.partition(f"</{tag}>")[0] for entry in page.split(f"<{tag}>")[1:]] for tag in ("Key", "Size")
        )
        count, total = count + len(sizes), total + sum(map(int, sizes))
        if "<IsTruncated>true" not in page:
            return count, total
        after = keys[-1]


def _pairs(part: str, runs: int) -> list[dict[str, Ran]]:
    objects, size = _PARTS[part]
    names = ["streammerge"] if part == "huge" else ["streammerge", "rclone"]
    with ExitStack() as stack:
        if part == "small":
            data = f"--dataset=faces/from/:identities={objects // 4}:images=4:size={size}"
            source = stack.enter_context(standin(data, _LATENCIES))
            destination = stack.enter_context(standin("--bucket", "faces", _LATENCIES))
        else:
            source = stack.enter_context(bulk("--objects", str(objects), "--size", str(size)))
            destination = stack.enter_context(bulk())
        return [
            {name: _run(name, source, destination, part, turn) for name in (names if turn % 2 else names[::-1])}
            for turn in range(runs)
        ]


def _table(part: str, pairs: Sequence[dict[str, Ran]]) -> Iterator[str]:
    objects, size = _PARTS[part]
    yield f"{part}: {objects:,} of {size:,} bytes, {len(pairs)} runs"
    for name in pairs[0]:
        seconds, cpu, rss = (median(getattr(pair[name], what) for pair in pairs) for what in ("seconds", "cpu", "rss"))
        rate = (
            f"{objects / seconds:,.0f} objects/s" if part == "small" else f"{objects * size / seconds / 1e6:,.0f} MB/s"
        )
        yield f"  {name}: {seconds:.1f} s, {rate}, CPU {cpu / objects * 1e6:,.0f} µs each, peak RSS {rss:.0f} MiB"
    if len(pairs[0]) > 1:
        faster = median(pair["rclone"].seconds / pair["streammerge"].seconds for pair in pairs)
        cpu = median(pair["streammerge"].cpu / pair["rclone"].cpu for pair in pairs)
        yield f"  streammerge to rclone: {faster:.2f} times as fast, {cpu:.2f} of its CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(_PARTS), help="parts, with commas")
    arguments = parser.parse_args()
    for part in arguments.only.split(","):
        print("\n".join(_table(part, _pairs(part, arguments.runs))), flush=True)


if __name__ == "__main__":
    main()
