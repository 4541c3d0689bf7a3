"""From a merge to a training run: the class list is what ImageFolder finds in the pulled folder."""

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from command import Ended, streammerge
from seeding import new_bucket, put_all
from servers import Server, connect

_NAMES = ["a", "a-b", "a b", "a.b", "a0", "B", "\u00e9", "e\u0301", "\U0001f642", "\uffee", "10", "9"]


def imagefolder_classes(directory: Path) -> list[str]:
    """The rule of torchvision, as torchvision/datasets/folder.py has it in `find_classes`."""
    return sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())


def picture(shade: int) -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 255 - shade)).save(file, "png")
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class World:
    """A server with two sources in a bucket."""

    server: Server
    client: Any
    bucket: str

    def run(self, *arguments: str) -> Ended:
        """Run a command that must succeed."""
        ended = streammerge(*arguments, server=self.server)
        assert ended.code == 0, ended.err
        return ended


@pytest.fixture(scope="module", params=["seaweed", "ceph"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """On a store that lists as a tree, and on one that lists in byte order."""
    server: Server = request.getfixturevalue(request.param)
    client = connect(server)
    bucket = new_bucket(client)
    for source, offset in (("one", 0), ("two", 100)):
        names = _NAMES if source == "one" else [*_NAMES[:5], "too-few"]
        keys = {f"{source}/{name}/{source}.png": picture(offset + number) for number, name in enumerate(names)}
        more = {f"{source}/{name}/more.png": picture(50 + number) for number, name in enumerate(names[:-1])}
        put_all(client, bucket, keys | more)
    put_all(client, bucket, {f"one/{_NAMES[-1]}/more.png": picture(99)})
    yield World(server, client, bucket)
    client.close()


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a manifest."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_merge_and_pull_hand_over_the_same(world: World, tmp_path: Path) -> None:
    """Classes by torchvision's rule, rows for every image; the merge knows the sources, and pull what is there."""
    into = f"s3://{world.bucket}/merged/"
    arguments = ["merge", f"s3://{world.bucket}/one/", f"s3://{world.bucket}/two/", "--into", into]
    files = ["--classes", str(tmp_path / "m.txt"), "--manifest", str(tmp_path / "m.csv")]
    world.run(*arguments)
    world.run(*arguments, *files)  # also where nothing is left to copy
    directory = tmp_path / "set"  # which is not there yet
    files = ["--classes", str(tmp_path / "p.json"), "--manifest", str(directory / "p.csv")]
    world.run("pull", into, str(directory), *files)
    classes = json.loads((tmp_path / "p.json").read_text())
    assert classes == imagefolder_classes(directory) == sorted(_NAMES)
    assert (tmp_path / "m.txt").read_text().splitlines() == classes
    merged, pulled = read(tmp_path / "m.csv"), read(directory / "p.csv")
    assert {row["source"] for row in merged} == {"one", "two"}
    assert [{**row, "source": ""} for row in merged] == pulled
    listed = world.client.list_objects_v2(Bucket=world.bucket, Prefix="merged/")["Contents"]
    found = {item["Key"]: (str(item["Size"]), item["ETag"].strip('"')) for item in listed}
    assert {row["key"]: (row["size"], row["etag"]) for row in pulled} == found
    assert all(classes[int(row["label"])] == row["identity"] for row in pulled)
    assert all(row["key"] == f"merged/{row['path']}" for row in pulled)
    assert all((directory / row["path"]).stat().st_size == int(row["size"]) for row in pulled)


def test_imagefolder_loads_what_was_pulled(world: World, tmp_path: Path) -> None:
    """The real one, where torchvision is installed: its classes and its samples are ours."""
    datasets = pytest.importorskip("torchvision.datasets")
    files = ["--classes", str(tmp_path / "c.json"), "--manifest", str(tmp_path / "m.csv")]
    world.run("pull", f"s3://{world.bucket}/one/", str(tmp_path / "set"), *files)
    loaded = datasets.ImageFolder(tmp_path / "set")
    assert loaded.classes == json.loads((tmp_path / "c.json").read_text())
    ours = {(str(tmp_path / "set" / row["path"]), int(row["label"])) for row in read(tmp_path / "m.csv")}
    assert set(loaded.samples) == ours
    assert loaded[0][0].size == (8, 8)


def test_classes_are_of_the_folder_that_imagefolder_sees(world: World, tmp_path: Path) -> None:
    """Folders that were there before are numbered too, since ImageFolder will; the report warns of them."""
    directory = tmp_path / "set"
    (directory / "A-mine").mkdir(parents=True)
    (directory / "A-mine/x.png").write_bytes(picture(1))
    arguments = ["pull", f"s3://{world.bucket}/one/", str(directory), "--sample", "3"]
    ended = world.run(*arguments, "--classes", str(directory / "classes.txt"))
    classes = (directory / "classes.txt").read_text().splitlines()
    assert classes == imagefolder_classes(directory)
    assert len(classes) == 4
    warning = f"ImageFolder will number 4 folders of {directory}, 1 more than were pulled: A-mine"
    assert warning in " ".join(ended.out.split())
    assert "Unplanned:     1 (files that are not at the prefix; left alone)" in ended.out
    again = world.run(*arguments, "--classes", str(directory / "classes.txt"), "--json")
    assert (again.report["unplanned"], again.report["warnings"]) == (1, [warning])


def test_an_incomplete_merge_hands_nothing_over(world: World, tmp_path: Path) -> None:
    """A manifest that names what is not there would mislead; it is written when the merge is whole."""
    into = f"s3://{world.bucket}/taken/"
    put_all(world.client, world.bucket, {"taken/a/one.png": b"something else"})
    arguments = ["merge", f"s3://{world.bucket}/one/", "--into", into, "--manifest", str(tmp_path / "m.csv")]
    ended = streammerge(*arguments, server=world.server)
    assert ended.code == 3
    assert "m.csv not written" in ended.err
    assert not list(tmp_path.iterdir())
    world.run(*arguments, "--if-exists", "overwrite")
    assert len(read(tmp_path / "m.csv")) == len(_NAMES) * 2
