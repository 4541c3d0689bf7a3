"""The page of a large merge: its size, and how long it takes to make it and to open it in headless Chromium.

    python benchmarks/pages.py [--images 1200000] [--keep FILE]

The merge is real, against the stand-in: of a source that is at the destination already, and of one with a tenth of all
images, which are copied. The stand-in's images cannot be decoded, so thumbnails are random pixels, as many as a page
may have. Opening is what the browser's own navigation timing says, read by its DevTools protocol, so its start is not
part of it: until the load event, and until something is painted. Each is the median of five windows.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from loopback.process import StandIn, standin
from PIL import Image

from streammerge import Options, Report, make_job, sync
from streammerge.images.choice import MOST
from streammerge.images.gallery import BUDGET
from streammerge.images.thumbnail import SIZE
from streammerge.report.description import Album, Key, Picture, Strip
from streammerge.report.gallery import Gallery

_WINDOWS = 5
_BOUND = 60.0  # seconds; whatever takes longer hangs
_THERE, _NEW, _INTO = "faces/photos/", "faces/frames/", "faces/merged/"
_TIMING = """new Promise(done => { const told = () => {
  const [opened] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  opened.loadEventEnd && paint ? done([opened.loadEventEnd, paint.startTime]) : setTimeout(told, 10);
}; told(); })"""


def merged(server: StandIn) -> Report:
    """The report of a merge of all that the stand-in has."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    job = make_job([f"s3://{folder}" for folder in (_THERE, _NEW)], f"s3://{_INTO}", min_images=2)
    return sync.merge(job, Options(endpoint_url=server.endpoint, region="us-east-1"))


def pictures() -> Gallery:
    """As many thumbnails as a page may have."""
    shown: list[Picture] = []
    size = 0
    while size < BUDGET:
        body = BytesIO()
        pixels = random.Random(size).randbytes((SIZE // 4) ** 2 * 3)
        Image.frombytes("RGB", (SIZE // 4,) * 2, pixels).resize((SIZE,) * 2).save(body, "JPEG", quality=75)
        shown.append(Picture("photos", f"photos/{len(shown):07}/0.jpg", body.getvalue()))
        size += len(shown[-1].jpeg)
    each = -(-len(shown) // MOST)
    strips = [Strip((Key(f"{row:07}"),), shown[row * each : (row + 1) * each]) for row in range(MOST)]
    return Gallery([Album("Identities", strips)], len(shown), 8192 * len(shown))


@asynccontextmanager
async def _browser() -> AsyncIterator[str]:
    """Chromium; yields the address of its DevTools."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
            f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        try:
            async for line in process.stderr:
                if found := re.search(rb"ws://([0-9.:]+)/", line):
                    yield found[1].decode()
                    return
        finally:
            process.terminate()
            await process.wait()


async def opened(page: Path) -> list[tuple[float, float]]:
    """Seconds until the page's load event and until its first paint, in a new window each time."""
    times = []
    async with _browser() as address, aiohttp.ClientSession() as session:
        for _ in range(_WINDOWS):
            async with session.put(f"http://{address}/json/new?{page.as_uri()}") as answer:
                target = await answer.json(content_type=None)
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as window:
                async with asyncio.timeout(_BOUND):
                    load, paint = await _timing(window)
                times.append((load / 1000, paint / 1000))
            await session.get(f"http://{address}/json/close/{target['id']}")
    return times


async def _timing(window: aiohttp.ClientWebSocketResponse) -> list[float]:
    """Milliseconds until the load event and until the first paint; asked again while the page is not there yet."""
    asked = {"expression": _TIMING, "awaitPromise": True, "returnByValue": True}
    answer: dict[str, Any] = {}
    while "result" not in answer:
        await window.send_json({"id": 1, "method": "Runtime.evaluate", "params": asked})
        while "id" not in (answer := await window.receive_json()):
            pass
    value: list[float] = answer["result"]["result"]["value"]
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_200_000)
    parser.add_argument("--keep", type=Path, help="where to leave the page")
    chosen = parser.parse_args()
    new = chosen.images // 30
    there = [f"--dataset={folder}:identities={9 * new}:images=3" for folder in (_THERE, _INTO)]
    with standin(*there, f"--dataset={_NEW}:identities={new}:images=3:first={8 * new + new // 2}:stem=new-") as server:
        report = merged(server)
    print("| page | size | time to make | until its load event | until its first paint |\n|---|--:|--:|--:|--:|")
    for name, each in {"": report, ", full of thumbnails": replace(report, thumbnails=pictures())}.items():
        started = time.perf_counter()
        html = each.to_html()
        made = time.perf_counter() - started
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            page.write_text(html, "utf-8")
            times = asyncio.run(opened(page))
            load, paint = (median(column) for column in zip(*times, strict=True))
            if chosen.keep is not None:
                shutil.copy(page, chosen.keep)
        size = f"{len(html.encode()) / 1000:,.0f} kB"
        print(f"| {report.images:,} images{name} | {size} | {made:.3f} s | {load:.2f} s | {paint:.2f} s |")


if __name__ == "__main__":
    main()
