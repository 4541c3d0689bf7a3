"""`--include`, `--exclude` and `--extensions` as users of other tools type them."""

import json
from pathlib import Path

import pytest

from command import Ended, streammerge
from seeding import new_bucket, put_all
from servers import Server, connect

_ONE = {"ann/1.jpg": b"1", "ann/2.png": b"2", "ann/thumbs/1.jpg": b"3", "bob/1.jpg": b"4"}
_TWO = {"ann/9.jpg": b"5", "dan/1.png": b"6"}


@pytest.fixture(scope="module")
def bucket(seaweed: Server) -> str:
    """Two sources."""
    client = connect(seaweed)
    bucket = new_bucket(client)
    put_all(client, bucket, {f"one/{key}": body for key, body in _ONE.items()})
    put_all(client, bucket, {f"two/{key}": body for key, body in _TWO.items()})
    client.close()
    return bucket


def _run(server: Server, bucket: str, command: str, *more: str) -> Ended:
    sources = [f"one=s3://{bucket}/one/", f"two=s3://{bucket}/two/", "--into", f"s3://{bucket}/out/"]
    return streammerge(command, *sources, "--min-images", "1", "--json", *more, server=server)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--include", "one=ann/*"], "ann/1.jpg ann/2.png ann/9.jpg ann/thumbs/1.jpg dan/1.png"),
        (["--exclude", "*/thumbs/*"], "ann/1.jpg ann/2.png ann/9.jpg bob/1.jpg dan/1.png"),
        (["--exclude", "*", "--include", "*.png"], "ann/2.png dan/1.png"),
        (
            ["--exclude", "*/thumbs/*", "--include", "*/1.jpg", "--include", "two=*"],
            "ann/1.jpg ann/9.jpg bob/1.jpg dan/1.png",
        ),
        (
            ["--include", "one=ann/*", "--exclude", "one=*.png", "--extensions", "two=jpg"],
            "ann/1.jpg ann/9.jpg ann/thumbs/1.jpg",
        ),
    ],
)
def test_what_is_left(seaweed: Server, bucket: str, tmp_path: Path, options: list[str], left: str) -> None:
    """Includes leave the rest out, excludes always do, in either order, by source or for all."""
    path = tmp_path / "plan.jsonl"
    planned = _run(seaweed, bucket, "plan", "--output", str(path), *options)
    assert planned.code == 0, planned.err
    targets = [json.loads(line)["to_key"] for line in path.read_text("utf-8").splitlines()]
    assert sorted(target.removeprefix("out/") for target in targets) == left.split()


def test_a_filter_that_leaves_nothing(seaweed: Server, bucket: str) -> None:
    """It stops a run before anything is copied; a glob that matches no key at all is refused."""
    for command in ("merge", "plan"):
        nothing = _run(seaweed, bucket, command, "--include", "one=ann")
        assert nothing.code == 2
        assert "leave none of its 4 images (such as ann/1.jpg)" in nothing.err
    rooted = _run(seaweed, bucket, "merge", "--include", "one=/ann/*")
    assert rooted.code == 2
    assert "Write 'ann/*'" in rooted.err
