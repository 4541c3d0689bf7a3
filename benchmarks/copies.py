"""Copies a second, and CPU for a copy, of streammerge and its peers: paired runs against the stand-in, as a table.

    python benchmarks/copies.py [--runs 5] [--copies 50000] [--peers s5cmd,rclone,...] [--schemes http,https]

In every round each peer runs once, so that what else the machine does meets them all. The table has medians over
rounds; its ratios are medians of each round's ratio to the first peer of the list: how many times as fast that one is,
and how many times its CPU this one takes. Slow peers copy fewer objects.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import peers
from loopback.process import StandIn, standin
from peers import Peer, PeerError, Result

PEERS: dict[str, tuple[Peer, int]] = {  # and by how much fewer objects it copies
    "streammerge": (peers.streammerge, 1),
    "s5cmd": (peers.s5cmd, 1),
    "rclone": (peers.rclone, 5),
    "aws cli": (peers.aws_cli, 10),
    "obstore loop": (peers.obstore_loop, 1),
    "aioboto3 loop": (peers.aioboto3_loop, 5),
    "old way": (peers.old_way, 25),
}
BUCKET = "faces"


def source(share: int) -> str:
    return f"{BUCKET}/part-{share}/"


def round_of(server: StandIn, names: Sequence[str], copies: int) -> dict[str, Result]:
    """Run every peer once; one that is missing or fails is told of and left out of the round."""
    results: dict[str, Result] = {}
    for name in names:
        run, share = PEERS[name]
        server.control(forget=True)
        try:
            results[name] = run(server, [source(share)], f"{BUCKET}/merged/", copies // share)
        except PeerError as problem:
            print(f"{name}: {problem}", file=sys.stderr)
        else:
            print(f"{name}: {_line(results[name])}", file=sys.stderr)
    return results


def _line(result: Result) -> str:
    served = result.server_cpu / result.copies * 1e6
    return f"{result.rate:,.0f} copies/s, {result.cpu_each:,.0f} µs of CPU each and {served:,.0f} µs of the server's"


def table(scheme: str, names: Sequence[str], rounds: Sequence[dict[str, Result]]) -> str:
    lines = [
        (
            f"| {scheme} | copies/s | ratio | CPU per copy, µs | ratio | peak RSS, MB"
            " | requests per copy | connections | objects |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    known = [name for name in names if any(name in each for each in rounds)]
    for name in known:
        runs = [each[name] for each in rounds if name in each]
        pairs = [(each[known[0]], each[name]) for each in rounds if {known[0], name} <= each.keys()]
        cells = [
            name,
            f"{median(run.rate for run in runs):,.0f}",
            f"{median(first.rate / run.rate for first, run in pairs):.2f}" if pairs else "",
            f"{median(run.cpu_each for run in runs):,.0f}",
            f"{median(run.cpu_each / first.cpu_each for first, run in pairs):.2f}" if pairs else "",
            f"{median(run.rss_mb for run in runs):,.0f}",
            f"{median(run.requests / run.copies for run in runs):.2f}",
            f"{median(run.connections for run in runs):,.0f}",
            f"{runs[0].copies:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--copies", type=int, default=50_000)
    parser.add_argument("--peers", default=",".join(PEERS), help="default: all of %(default)s")
    parser.add_argument("--schemes", default="http,https")
    parser.add_argument("--standin", nargs="*", default=[], help="more arguments for the stand-in, without --")
    arguments = parser.parse_args()
    names = arguments.peers.split(",")
    shares = {PEERS[name][1] for name in names}
    declared = [f"--dataset={source(share)}:identities={arguments.copies // share // 2}:images=2" for share in shares]
    for scheme in arguments.schemes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            tls = Path(folder) if scheme == "https" else None
            with standin(*declared, *(f"--{option}" for option in arguments.standin), tls_folder=tls) as server:
                rounds = [round_of(server, names, arguments.copies) for _ in range(arguments.runs)]
        print(table(scheme, names, rounds), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
