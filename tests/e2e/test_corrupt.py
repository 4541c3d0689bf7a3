"""Corrupt images by the real command on a real server: found, left out of a merge, and taken once they are fixed."""

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import streammerge
from corrupt_images import CORRUPT, FINE
from seeding import new_bucket, put_all
from servers import Server, connect

_FINE = FINE["fine.jpg"]


@pytest.fixture
def bucket(seaweed: Server) -> Iterator[str]:
    """Every kind of corrupt image, each in an identity with two fine ones, and an image of each fine kind."""
    bodies = {f"set/bad{n:02}/{name}": body for n, (name, (_, body)) in enumerate(CORRUPT.items())}
    bodies |= {f"set/bad{n:02}/fine{shot}.jpg": FINE["fine.jpg"] for n in range(len(CORRUPT)) for shot in range(2)}
    bodies |= {f"set/good/{name}": body for name, body in FINE.items()}
    with contextlib.closing(connect(seaweed)) as client:
        name = new_bucket(client)
        put_all(client, name, bodies)
        yield name


def test_corrupt_images(seaweed: Server, bucket: str, tmp_path: Path) -> None:
    """Each is named, and none else; a merge leaves them out, and takes one that is fixed on the next run."""
    source, corrupt = f"s3://{bucket}/set/", tmp_path / "corrupt.csv"
    ended = streammerge(
        *("inspect", source, "--decode", "all", "--save-corrupt", str(corrupt), "--json"), server=seaweed
    )
    assert ended.code == 0, ended.err
    found = ended.report["decoding"]
    planted = {f"set/bad{n:02}/{name}": kind for n, (name, (kind, _)) in enumerate(CORRUPT.items())}
    assert len(planted) >= 10
    assert {image["key"]: image["problem"] for image in found["examples"]} == planted
    assert (found["images"], found["corrupt"], found["unread"]) == (3 * len(planted) + len(FINE), len(planted), 0)
    assert f"{len(planted)} images that a loader will stumble on (" in " ".join(ended.report["warnings"])
    with corrupt.open(newline="") as file:
        assert {row["key"]: row["problem"] for row in csv.DictReader(file)} == planted

    merge = ["merge", source, "--into", f"s3://{bucket}/merged/", "--ignore-corrupt", str(corrupt), "--json"]
    ended = streammerge(*merge, server=seaweed)
    assert ended.code == 0, ended.err
    assert (ended.report["copied"], ended.report["ignored"]) == (
        found["images"] - len(planted),
        {"corrupt": len(planted)},
    )

    fixed = "set/bad00/cut.jpg"
    with contextlib.closing(connect(seaweed)) as client:
        client.put_object(Bucket=bucket, Key=fixed, Body=FINE["fine.JPEG"])
    ended = streammerge(*merge, server=seaweed)
    assert ended.code == 0, ended.err
    assert (ended.report["copied"], ended.report["ignored"]) == (1, {"corrupt": len(planted) - 1})
    verified = streammerge("verify", *merge[1:], server=seaweed)
    assert verified.code == 0, verified.out


def test_a_sample(seaweed: Server, bucket: str) -> None:
    """As many images as were asked for, the same ones every time; the text names what is wrong."""
    once, again = (
        streammerge("inspect", f"s3://{bucket}/set/", "--decode", "30", "--json", server=seaweed).report["decoding"]
        for _ in range(2)
    )
    assert once["images"] == 30
    assert once["examples"] == again["examples"]
    ended = streammerge("inspect", f"s3://{bucket}/set/", "--decode", "30", server=seaweed)
    assert "Decoded images\n  Decoded:" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["inspect", "--save-corrupt", "c.csv"], "pass --decode all, too"),
        (["inspect", "--decode", "some"], "is neither a number of images nor 'all'"),
        (["inspect", "--decode", "0"], "--decode: no images: omit the option, or pass at least 1, or 'all'"),
        (["verify", "--into", "s3://bucket/out/", "--deep", "00"], "--deep: no images: omit the option"),
        (["plan", "--into", "s3://bucket/out/", "--ignore-corrupt", "missing.csv"], "cannot read the list"),
        (["plan", "--into", "s3://bucket/out/", "--ignore-corrupt", "wrong.csv"], "no column 'bucket'"),
        (["plan", "--into", "s3://bucket/out/", "--ignore-corrupt", "short.csv"], "row 1 has no etag"),
    ],
)
def test_bad_input(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2 before anything is asked of S3."""
    monkeypatch.chdir(tmp_path)
    Path("wrong.csv").write_text("key,etag\na,b\n")
    Path("short.csv").write_text("bucket,key,etag\nbucket,a.jpg,\n")
    ended = streammerge(arguments[0], "s3://bucket/photos/", *arguments[1:])
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
