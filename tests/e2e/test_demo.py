"""The demo, as a newcomer runs it."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from command import streammerge
from leftovers import expect_nothing_left, processes, until
from streammerge.demo import dataset

_needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def test_images_are_images() -> None:
    """Everything named like an image, unless empty, is one; the same call gives the same bytes."""
    objects = dict(dataset.objects())
    images = [body for key, body in objects.items() if key.endswith((".jpg", ".png")) and body]
    assert len(images) > 80
    for body in images:
        with Image.open(io.BytesIO(body)) as image:
            image.verify()
    assert objects == dict(dataset.objects())


@_needs_proc
def test_whole_demo(tmp_path: Path) -> None:
    """It inspects, merges, shows the reports, and leaves nothing but pages; the developer's own keys do not matter."""
    env = {**os.environ, "TMPDIR": str(tmp_path), "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    ended = streammerge("demo", env=env)
    assert ended.code == 0, ended.err
    assert f"--layout 'faces_only={dataset.FACES_PATTERN}'" in ended.out
    assert "faces_only is flat: 33 images in no folder" in ended.out
    assert "Total identities: 18   From multiple sources: 0" in ended.out  # with the namespace
    assert "MERGE COMPLETE" in ended.out
    for line in (
        "Total identities: 21",
        "Total images: 70",
        "Identities from multiple sources: 21",
        "Skipped (too few images): 15",
    ):
        assert line in ended.out.splitlines()
    assert re.search(r"Copied: 0 +Already there: 70 +Failed: 0", ended.out)
    pages = [Path(line.strip()) for line in ended.out.splitlines() if line.endswith(".html")]
    assert [page.name for page in pages] == ["inspect.html", "merge.html"]
    assert all(page.read_text("utf-8").count("data:image/jpeg") > 20 for page in pages)
    shutil.rmtree(pages[0].parent)
    expect_nothing_left(tmp_path)


@_needs_proc
@pytest.mark.parametrize(
    ("moment", "number", "codes"),
    [
        pytest.param("Starting", signal.SIGINT, {130}, marks=pytest.mark.full),
        ("is up", signal.SIGINT, {130}),
        ("Merge them", signal.SIGTERM, {143}),
        pytest.param("MERGE COMPLETE", signal.SIGINT, {130, 0}, marks=pytest.mark.full),
        ("runs until", signal.SIGINT, {0}),
        pytest.param("runs until", signal.SIGHUP, {129}, marks=pytest.mark.full),
    ],
)
def test_interrupted_demo(tmp_path: Path, moment: str, number: int, codes: set[int]) -> None:
    """A signal at any moment ends it with the signal's code, or 0 where it only waits; no process or file is left."""
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "streammerge", "demo", "--keep"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as child:
        try:
            output = child.stdout
            assert output is not None
            until(lambda: moment in output.readline())
            if moment == "runs until":
                lines = [output.readline() for _ in range(5)]
                assert all(re.fullmatch(r"  export \w+=\S+\n", line) for line in lines), "one variable per line"
            time.sleep(0.1)
            child.send_signal(number)
            _, error = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode in codes, error
    assert "Traceback" not in error
    for pages in tmp_path.glob("streammerge-demo-*"):
        shutil.rmtree(pages)
    expect_nothing_left(tmp_path)
    assert not processes(tmp_path)
