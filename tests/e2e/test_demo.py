"""The demo, as a newcomer runs it."""

import io
import os
import re
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
    """Everything that is named like an image and has a size is one; the same call gives the same bytes."""
    objects = dict(dataset.objects())
    images = [body for key, body in objects.items() if key.endswith((".jpg", ".png")) and body]
    assert len(images) > 80
    for body in images:
        with Image.open(io.BytesIO(body)) as image:
            image.verify()
    assert objects == dict(dataset.objects())


@_needs_proc
def test_whole_demo(tmp_path: Path) -> None:
    """It proposes the layout, merges, shows the report, and leaves nothing; the developer's own keys do not matter."""
    env = {**os.environ, "TMPDIR": str(tmp_path), "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    ended = streammerge("demo", env=env)
    assert ended.code == 0, ended.err
    assert f"--layout 'faces_only={dataset.FACES_PATTERN}'" in ended.out
    assert "looks flat: 33 images" in ended.out
    assert "MERGE COMPLETE" in ended.out
    for line in (
        "Total identities: 21",
        "Total images: 70",
        "Identities from multiple sources: 21",
        "Skipped (too few images): 15",
    ):
        assert line in ended.out.splitlines()
    assert re.search(r"Copied: 0 +Already there: 70 +Failed: 0", ended.out)
    expect_nothing_left(tmp_path)


@_needs_proc
@pytest.mark.parametrize(
    ("moment", "codes"),
    [("Starting", {130}), ("is up", {130}), ("Let us merge", {130}), ("MERGE COMPLETE", {130, 0}), ("stays up", {0})],
)
def test_interrupted_demo(tmp_path: Path, moment: str, codes: set[int]) -> None:
    """Ctrl-C at any moment ends it with 130, or 0 where it only waits, and leaves no process and no file."""
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "streammerge", "demo", "--keep"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as child:
        try:
            output = child.stdout
            assert output is not None
            until(lambda: moment in output.readline())
            if moment == "stays up":
                lines = [output.readline() for _ in range(5)]
                assert all(re.fullmatch(r"  export \w+=\S+\n", line) for line in lines), "one variable a line"
            time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            _, error = child.communicate(timeout=20)
        finally:
            child.kill()
    assert child.returncode in codes, error
    assert "Traceback" not in error
    expect_nothing_left(tmp_path)
    assert not processes(tmp_path)
