"""Runs in a process that may have few open files, whatever the concurrency asked for, and however slow S3 is."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import environment
from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from stub_s3 import Answer, stub_s3

_IMAGES = {f"from/id{number % 50}/{number}.jpg": Kept(md5_of("xxx")) for number in range(400)}
_SCRIPT = """
import asyncio, resource, sys
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
import streammerge
options = streammerge.Options(endpoint_url=sys.argv[1], attempts=2, concurrency=400, listing_order="sorted")
if sys.argv[3] == "pull":
    report = asyncio.run(streammerge.pull("s3://bucket/from/", sys.argv[4], options))
    print(report.pulled, report.failed)
else:
    job = streammerge.make_job(["s3://bucket/from/"], into="s3://bucket/into/")
    report = asyncio.run(streammerge.merge(job, options))
    print(report.copied, report.failed)
"""


class _Slow(ScriptedS3):
    """Takes its time, so that many requests are in flight."""

    def _get(self, request: Request) -> Answer:
        time.sleep(0.2)
        return Answer(200, "xxx", {"ETag": f'"{self.objects[request.key].etag}"'})

    def _copy(self, request: Request) -> Answer:
        time.sleep(0.2)
        return super()._copy(request)


@pytest.mark.parametrize("command", ["pull", "merge"])
def test_few_open_files_are_enough(tmp_path: Path, command: str) -> None:
    """As from Python, where nothing but the library adapts: all arrives, and nothing is attempted in vain."""
    s3 = _Slow(_IMAGES)
    with stub_s3(s3) as server:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, server.endpoint_url, "120", command, str(tmp_path / "there")],
            env=environment(server), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "400 0\n"
    assert "Too many open files" not in done.stderr
    assert s3.count("get" if command == "pull" else "copy") == 400
