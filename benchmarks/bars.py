"""The tables of benchmarks/README.md: all peers side by side, and what streammerge must reach and reaches here.

    .venv/bin/python benchmarks/bars.py [--only copies,listing,...] [--runs 5] [--scale 1.0]

Everything is measured against the stand-in and the peers, in pairs, one after the other; figures are medians of the
runs, ratios medians of each round's ratio. A full run takes about an hour; --scale makes all data sets smaller.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, median

import copies
import peers
from loopback.process import StandIn, standin
from peers import Result

Row = tuple[str, str, str, bool]  # what, bar, measured, whether it is met
_LATENCY = ("--latency-ms", "copy=100,list=100")
_SOURCE, _FLAT, _INTO = "faces/source/", "faces/flat/", "faces/into/"
_PATTERN = ("--layout", "flat={identity}_face.{ext}")


def _dataset(objects: int, more: str = "") -> str:
    return f"--dataset={_SOURCE}:identities={objects // 2}:images=2{more}"


def copying(runs: int, scale: float) -> Iterator[Row]:
    """CPU and wall time of a copy, beside all peers."""
    names, count = list(copies.PEERS), int(50_000 * scale)
    for scheme, bar in (("http", 0.6), ("https", 0.4)):
        with tempfile.TemporaryDirectory() as folder:
            shares = {copies.PEERS[name][1] for name in names}
            sets = [f"--dataset={copies.source(share)}:identities={count // share // 2}:images=2" for share in shares]
            with standin(*sets, tls_folder=Path(folder) if scheme == "https" else None) as server:
                rounds = [copies.round_of(server, names, count) for _ in range(runs)]
        print(copies.table(scheme, names, rounds), end="\n\n", flush=True)
        ours, theirs, loop = ([each[name] for each in rounds] for name in ("streammerge", "s5cmd", "aioboto3 loop"))
        cpu = _ratio(ours, theirs, lambda run: run.cpu_each)
        each = f"{median(run.cpu_each for run in ours):.0f} µs"
        yield f"{scheme}: CPU of a copy, to s5cmd's", f"≤ {bar}", f"{cpu:.2f} ({each})", cpu <= bar
        cpu = _ratio(ours, loop, lambda run: run.cpu_each)
        yield f"{scheme}: … to that of an aioboto3 loop", "≤ 1/8", f"1/{1 / cpu:.1f}", cpu <= 1 / 8
        wall = _ratio(ours, theirs, lambda run: 1 / run.rate)
        rate = f"{median(run.rate for run in ours):,.0f} a second"
        yield f"{scheme}: wall time without latency, to s5cmd's", "≤ 1", f"{wall:.2f} ({rate})", wall <= 1


def listing(runs: int, scale: float) -> Iterator[Row]:
    """A million keys, 100 ms a page, beside `s5cmd ls`."""
    keys = int(1_000_000 * scale)
    with standin(_dataset(keys), *_LATENCY) as server:
        pairs = [
            (
                peers.streammerge_plan(server, [_SOURCE], _INTO, keys),
                peers.s5cmd_ls(server, [_SOURCE], _INTO, keys),
            )
            for _ in range(runs)
        ]
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    faster = _ratio(theirs, ours, lambda run: run.seconds)
    wall = f"{median(run.seconds for run in ours):.1f} s"
    yield f"listing {keys:,} keys: times as fast as s5cmd ls", "≥ 10", f"{faster:.1f} ({wall})", faster >= 10
    cpu = median(run.cpu_each for run in ours)
    yield "… CPU of a key", "≤ 12 µs", f"{cpu:.1f} µs", cpu <= 12
    more = median(run.requests for run in ours) / (keys / 1000) - 1
    yield "… more LISTs than keys / 1,000", "≤ 10 %", f"{more:.1%}", more <= 0.1


def limit(runs: int, scale: float) -> Iterator[Row]:
    """100 ms a copy with log-normal jitter, 3,500 a second; buckets of several depths, refusals at once and late."""
    count = int(100_000 * scale)
    with standin(_dataset(count), *_LATENCY, "--jitter", "0.35") as server:
        for burst, late in itertools.product((0.1, 1.0, 3.0), (False, True)):
            shares, refused = [], []
            for _ in range(runs):
                server.control(forget=True, burst=burst, refuse_late=late, limit={"copy": 3500})
                peers.streammerge(server, [_SOURCE], _INTO, count)
                seen = server.statistics()
                first = int(seen["first_copy"])
                shares.append(mean(seen["copies_per_second"][first + 10 : -1]) / 3500)
                refused.append(seen["throttled"]["copy"] / seen["requests"]["copy"])
            share, most = median(shares), 0.01 if burst < 1 else 0.02
            what = f"100 ms, 3,500 a second, bucket of {burst:g} s, refused {'late' if late else 'at once'}"
            yield f"{what}: of the limit after 10 s", "≥ 95 %", f"{share:.1%}", share >= 0.95
            yield "… requests answered 503", f"≤ {most:.0%}", f"{median(refused):.2%}", median(refused) <= most


def changing(runs: int, scale: float) -> Iterator[Row]:
    """The limit halves 12 s after the first copy, and doubles 16 s later."""
    count = int(120_000 * scale)
    halved, doubled, refused = [], [], []
    with standin(_dataset(count), *_LATENCY) as server:
        for _ in range(runs):
            server.control(forget=True, limit={"copy": 3000})
            turns: list[int] = []
            changes = threading.Thread(target=_change, args=(server, turns))
            changes.start()
            peers.streammerge(server, [_SOURCE], _INTO, count)
            changes.join()
            seen = server.statistics()
            rates, (down, up) = seen["copies_per_second"], turns
            halved.append(mean(rates[down + 10 : up]) / 1500)
            doubled.append(mean(rates[up + 11 : -1]) / 3000)
            refused.append(seen["throttled"]["copy"] / seen["requests"]["copy"])
    yield "limit halved: of the limit from 10 s after", "≥ 90 %", f"{median(halved):.0%}", median(halved) >= 0.9
    yield "… doubled again: the same", "≥ 90 %", f"{median(doubled):.0%}", median(doubled) >= 0.9
    yield "… requests answered 503", "", f"{median(refused):.2%}", True


def _change(server: StandIn, turns: list[int]) -> None:
    time.sleep(0.5)  # for the statistics to begin anew
    while server.statistics()["first_copy"] is None:
        time.sleep(0.1)
    for pause, rate in ((12, 1500), (16, 3000)):
        time.sleep(pause)
        server.control(limit={"copy": rate})
        turns.append(int(server.statistics()["seconds"]))


def first_copy(runs: int, scale: float) -> Iterator[Row]:
    """The time from the start of the command to the first copy, a million keys to list."""
    keys = int(1_000_000 * scale)
    with standin(_dataset(keys), *_LATENCY) as server:
        found = median(_first_copy(server, [_SOURCE]) for _ in range(runs))
    yield f"first copy, {keys:,} keys to list", "≤ 2 s", f"{found:.2f} s", found <= 2


def _first_copy(server: StandIn, sources: Sequence[str], *more: str) -> float:
    server.control(forget=True, reset_stats=True)
    line = peers.command(server, "merge", sources, _INTO, *more)
    with tempfile.TemporaryDirectory() as folder:
        env = peers.environment(server, folder)
        with subprocess.Popen(line, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while (first := server.statistics()["first_copy"]) is None and process.poll() is None:
                time.sleep(0.05)
            process.kill()
    return float(first or "inf")


def flat(runs: int, scale: float) -> Iterator[Row]:
    """A flat source, joined while it is listed beside folders of the same identities; memory is of one run each."""
    folders, peak = _dataset(int(750_000 * scale)), []
    for count, bar in ((int(1_000_000 * scale), 110), (int(3_000_000 * scale), 115)):
        images = count + int(750_000 * scale)
        with standin(folders, f"--dataset={_FLAT}:identities={count}:shape=flat", "--page-cache-mb=64") as server:
            peak.append(peers.streammerge_plan(server, [_FLAT, _SOURCE], _INTO, images, *_PATTERN).rss_mb)
        yield (
            f"plan, {count:,} flat images beside folders: peak RSS",
            f"≤ {bar} MiB",
            f"{peak[-1]:.0f} MiB",
            peak[-1] <= bar,
        )
    count = int(1_000_000 * scale)
    with standin(folders, f"--dataset={_FLAT}:identities={count}:shape=flat", *_LATENCY) as server:
        first = median(_first_copy(server, [_FLAT, _SOURCE], *_PATTERN) for _ in range(runs))
        server.control(forget=True)
        images = count + int(750_000 * scale)
        pairs = [
            (
                peers.streammerge_plan(server, [_FLAT, _SOURCE], _INTO, images, *_PATTERN),
                peers.s5cmd_ls(server, [_FLAT, _SOURCE], _INTO, images),
            )
            for _ in range(runs)
        ]
    yield "… 100 ms a page: first copy", "≤ 2 s", f"{first:.2f} s", first <= 2
    faster = median(theirs.seconds / ours.seconds for ours, theirs in pairs)
    wall = f"{median(ours.seconds for ours, _ in pairs):.1f} s"
    yield "… listing: times as fast as s5cmd ls", "≥ 10", f"{faster:.1f} ({wall})", faster >= 10


def whole(_: int, scale: float) -> Iterator[Row]:
    """What a store without order costs, whose listings must be read whole; one run each."""
    peak = []
    for keys in (int(10_000 * scale), int(1_000_000 * scale)):
        with standin(_dataset(keys)) as server:
            peak.append(peers.streammerge_plan(server, [_SOURCE], _INTO, keys, "--listing-order", "any"))
    each = (peak[1].rss_mb - peak[0].rss_mb) * 2**20 / (peak[1].copies - peak[0].copies)
    yield f"read whole, {peak[1].copies:,} objects: memory per object", "≤ 300 B", f"{each:.0f} B", each <= 300


def memory(_: int, scale: float) -> Iterator[Row]:
    """Peak RSS of a merge of 1.4 million objects, and of a tenth of them; one run each."""
    peak = []
    for objects in (int(140_000 * scale), int(1_400_000 * scale)):
        with standin(_dataset(objects)) as server:
            peak.append(peers.streammerge(server, [_SOURCE], _INTO, objects).rss_mb)
    yield "peak RSS, 1.4 million objects merged", "≤ 160 MiB", f"{peak[1]:.0f} MiB", peak[1] <= 160
    yield "… to that of a tenth of them", "≤ 1.15", f"{peak[1] / peak[0]:.2f}", peak[1] <= 1.15 * peak[0]


def seed(runs: int, scale: float) -> Iterator[Row]:
    """The job that this is built for: 300,000 flat images beside 102,000 identities in folders, all of them copied."""
    images, identities, each = int(300_000 * scale), int(102_000 * scale), 9
    count = images + identities * each
    sets = (
        f"--dataset={_FLAT}:identities={images}:shape=flat",
        f"--dataset={_SOURCE}:identities={identities}:images={each}",
    )
    with standin(*sets, *_LATENCY, "--jitter", "0.35", "--limit", "copy=3500") as server:
        ran, refused = [], []
        for _ in range(runs):
            server.control(forget=True)
            ran.append(peers.streammerge(server, [_FLAT, _SOURCE], _INTO, count, *_PATTERN))
            refused.append(server.statistics()["throttled"]["copy"])
    share = median(run.rate for run in ran) / 3500
    seconds, requests = median(run.seconds for run in ran), median(run.requests for run in ran)
    yield f"flat beside folders, {count:,} copies: of the limit, from start to end", "", f"{share:.1%}", True
    yield "… time", "", f"{seconds:.0f} s", True
    yield "… peak RSS", "≤ 110 MiB", f"{(rss := median(run.rss_mb for run in ran)):.0f} MiB", rss <= 110
    yield "… requests", "", f"{requests:,.0f}", True
    yield "… of these answered 503", "≤ 1 %", f"{(over := median(refused) / requests):.2%}", over <= 0.01


def help_text(runs: int, _: float) -> Iterator[Row]:
    """`streammerge --help`."""
    taken = []
    for _run in range(2 * runs):
        start = time.perf_counter()
        subprocess.run([peers.program("streammerge"), "--help"], stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - start)
    yield "streammerge --help", "≤ 0.3 s", f"{median(taken):.2f} s", median(taken) <= 0.3


def old_way(runs: int, scale: float) -> Iterator[Row]:
    """Download, merge on disk, upload: 20,000 objects, 30 ms a request."""
    count = int(20_000 * scale)
    pairs = []
    latency = "copy=30,list=30,get=30,put=30,head=30"
    with standin(_dataset(count), "--latency-ms", latency) as server:
        for _ in range(runs):
            results = []
            for peer in (peers.old_way, peers.streammerge):
                server.control(forget=True)
                results.append(peer(server, [_SOURCE], _INTO, count))
            pairs.append(results)
    faster = median(old.seconds / new.seconds for old, new in pairs)
    taken = f"{median(old.seconds for old, _ in pairs):.0f} s against {median(new.seconds for _, new in pairs):.1f} s"
    yield f"the old way, {count:,} objects, 30 ms: times as slow", "≥ 15", f"{faster:.0f} ({taken})", faster >= 15


def _ratio(one: Sequence[Result], other: Sequence[Result], of: Callable[[Result], float]) -> float:
    return median(of(a) / of(b) for a, b in zip(one, other, strict=True))


PARTS = {
    "copies": copying,
    "listing": listing,
    "limit": limit,
    "changing": changing,
    "first": first_copy,
    "memory": memory,
    "flat": flat,
    "whole": whole,
    "seed": seed,
    "help": help_text,
    "old": old_way,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="default: all of %(default)s")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the data sets; below 1 the bars say little")
    arguments = parser.parse_args()
    lines = ["| what | bar | here | |", "|---|--:|--:|---|"]
    for name in arguments.only.split(","):
        for what, bar, here, met in PARTS[name](arguments.runs, arguments.scale):
            lines.append(f"| {what} | {bar} | {here} | {'' if met else 'missed'} |")
            print(lines[-1], file=sys.stderr)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
