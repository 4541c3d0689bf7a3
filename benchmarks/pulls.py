"""Small files a second, and CPU for a file, of `streammerge pull` and s5cmd: paired runs against the stand-in.

    python benchmarks/pulls.py [--runs 5] [--files 20000] [--size 8192] [--latency-ms 0] [--no-checksums] [--folder DIR]

Every round begins with an empty directory for each peer, and with the other peer first. Every peer must bring every
file, byte for byte as many; the table has medians over rounds, and the ratio is the median of each round's: how many
times as fast streammerge was, by the clock and in CPU.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from loopback.process import StandIn, standin
from peers import PeerError, Result, measure, program

PREFIX = "faces/merged/"


def streammerge(server: StandIn, into: Path) -> Result:
    command = [sys.executable, "-m", "streammerge", "pull", f"s3://{PREFIX}", str(into)]
    command += ["--endpoint-url", server.endpoint, "--json", "--quiet"]
    command += ["--listing-order", "sorted"]  # as on Amazon, whose order the stand-in keeps
    return measure(server, [command])


def s5cmd(server: StandIn, into: Path) -> Result:
    into.mkdir()
    command = [
        program("s5cmd"),
        "--endpoint-url",
        server.endpoint,
        "--log",
        "error",
        "cp",
        f"s3://{PREFIX}*",
        f"{into}/",
    ]
    return measure(server, [command])


PEERS: dict[str, Callable[[StandIn, Path], Result]] = {"streammerge": streammerge, "s5cmd": s5cmd}


def run(name: str, server: StandIn, folder: Path, files: int, size: int) -> Result:
    """One run into a new directory, which must hold everything then."""
    into = folder / name
    try:
        result = PEERS[name](server, into)
        found = [path.stat().st_size for path in into.glob("*/*")]
    finally:
        shutil.rmtree(into, ignore_errors=True)
    if found != [size] * files:
        raise PeerError(f"{files:,} files of {size:,} bytes were to arrive, {len(found):,} did")
    result = replace(result, copies=files)
    print(f"{name}: {result.rate:,.0f} files/s, {result.cpu_each:,.0f} µs of CPU each", file=sys.stderr)
    return result


def table(rounds: list[dict[str, Result]]) -> str:
    lines = [
        "| | files/s | CPU per file, µs | peak RSS, MB | connections | requests |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in PEERS:
        runs = [each[name] for each in rounds]
        cells = (
            f"{median(run.rate for run in runs):,.0f}",
            f"{median(run.cpu_each for run in runs):,.0f}",
            f"{median(run.rss_mb for run in runs):,.0f}",
            f"{median(run.connections for run in runs):,.0f}",
            f"{median(run.requests for run in runs):,.0f}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    speed = median(each["streammerge"].rate / each["s5cmd"].rate for each in rounds)
    cpu = median(each["s5cmd"].cpu_each / each["streammerge"].cpu_each for each in rounds)
    return "\n".join([*lines, "", f"streammerge to s5cmd: {speed:.2f} times as fast, {cpu:.2f} files per s5cmd's CPU"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=8192, help="bytes of a file")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of every answer")
    parser.add_argument("--no-checksums", action="store_true", help="the store has none: MD5s prove the files")
    parser.add_argument("--folder", type=Path, help="where to pull to (default: a temporary folder)")
    arguments = parser.parse_args()
    identities = arguments.files // 4
    declared = f"--dataset={PREFIX}:identities={identities}:images=4:size={arguments.size}"
    latency = f"--latency-ms=get={arguments.latency_ms},list={arguments.latency_ms}"
    more = ["--no-checksums"] if arguments.no_checksums else []
    rounds: list[dict[str, Result]] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, standin(declared, latency, *more) as server:
        for number in range(arguments.runs):
            names = list(PEERS)[:: -1 if number % 2 else 1]
            rounds.append({name: run(name, server, Path(folder), identities * 4, arguments.size) for name in names})
    print(table(rounds))


if __name__ == "__main__":
    main()
