"""One data set with everything that spoils labels, on real servers: named, stopped or warned of, and set right."""

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_NFC, _NFD = "Jos\u00e9", "Jose\u0301"
_CELEBS = {
    **{f"{n:07}/{m}.jpg": b"celeb %d %d" % (n, m) for n in range(12) for m in range(2)},
    **{f"big/{n}.jpg": b"big %d" % n for n in range(9)},
    **{f"wrong/{n}.jpg": b"wrong %d" % n for n in range(2)},
    f"{_NFC}/0.jpg": b"jose 0",
    "John_Smith/0.jpg": b"john 0",
    "carl/1.jpg": b"carl 1",
    "carl/thumb_1.jpg": b"small carl",
}
_JUNK = ["big/._0.jpg", ".ipynb_checkpoints/0.jpg", "__MACOSX/big/0.jpg"]
_GLINT = {f"set/{n:07}/{m}.jpg": b"glint %d %d" % (n, m) for n in range(12) for m in range(2)}
_NAMES = {f"{_NFD}/1.jpg": b"jose 1", "john-smith /1.jpg": b"john 1"}
_COLD = {"cold/0.jpg": b"cold 0", "cold/1.jpg": b"cold 1"}
_THERE = {"carl/0.jpg": b"carl 0", "carl/": b"", "": b""}


@dataclass(frozen=True, slots=True)
class _World:
    server: Server
    client: Any
    bucket: str
    has_archive: bool

    def run(self, command: str, *more: str, glint: str = "glint/set/") -> Ended:
        sources = [f"celebs=s3://{self.bucket}/celebs/", f"glint=s3://{self.bucket}/{glint}"]
        sources += [f"names=s3://{self.bucket}/names/"]
        into = [] if command == "inspect" else ["--into", f"s3://{self.bucket}/out/"]
        return streammerge(command, *sources, *into, "--json", *more, server=self.server)

    @property
    def there(self) -> set[str]:
        return set(contents(self.client, self.bucket, "out/"))


@pytest.fixture(params=["seaweed", "ceph", "ministack_server"])
def world(request: pytest.FixtureRequest) -> Iterator[_World]:
    """Three sources and a set at the destination; archived images where the server keeps storage classes."""
    server: Server = request.getfixturevalue(request.param)
    client = connect(server)
    has_archive = request.param == "ministack_server"
    world = _World(server, client, new_bucket(client), has_archive)
    put_all(client, world.bucket, {f"celebs/{key}": body for key, body in _CELEBS.items()})
    put_all(client, world.bucket, {f"celebs/{key}": b"junk" for key in _JUNK})
    put_all(client, world.bucket, {f"glint/{key}": body for key, body in _GLINT.items()})
    put_all(client, world.bucket, {f"names/{key}": body for key, body in _NAMES.items()})
    put_all(client, world.bucket, {f"out/{key}": body for key, body in _THERE.items()})
    if has_archive:
        put_all(client, world.bucket, {f"names/{key}": body for key, body in _COLD.items()}, StorageClass="GLACIER")
    yield world
    client.close()


def test_labels_are_set_right(world: _World, tmp_path: Path) -> None:
    """`inspect` names each fault, `plan` stops or warns before a byte is copied, and the options fix each."""
    before = world.there
    refused = world.run("plan", glint="glint/")
    assert refused.code == 2
    found = re.search(r"glint=s3://[^/]+/(\S+)", refused.err)
    assert found is not None
    assert found[1] == "glint/set/"

    faults = ["share at least 12 identities whose names are numbers", "4 identities are probably 2 under several names"]
    looked = " ".join(world.run("inspect").report["warnings"])
    for words in [*faults, "3 junk or hidden images", *(["2 GLACIER"] if world.has_archive else [])]:
        assert words in looked
    planned = world.run("plan")
    assert planned.code == 0
    warned = " ".join(planned.report["warnings"])
    for words in [*faults, "pass --append", *(["merge will stop: 2 images"] if world.has_archive else [])]:
        assert words in warned
    assert planned.report["ignored"] == {"AppleDouble file": 2, "cache folder": 1}

    path = tmp_path / "map.csv"
    options = ["--namespace", "glint=g-", "--append", "--cap-images", "5", "--exclude", "*/thumb_*"]
    options += ["--archived", "skip"]
    assert world.run("plan", *options, "--identity-map-template", str(path)).code == 0
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    assert {(source, spelt, to) for source, spelt, to in rows[1:] if spelt != to} == {
        ("names", _NFD, _NFC),
        ("names", "john-smith ", "John_Smith"),
    }
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["celebs", "wrong", ""])
    options += ["--identity-map", str(path)]
    fixed = world.run("plan", *options)
    assert (fixed.report["twins"], fixed.report["foreign"], world.there) == (0, False, before)
    assert not fixed.report["warnings"]
    _merge_and_train(world, options, tmp_path)


def _merge_and_train(world: _World, options: list[str], tmp_path: Path) -> None:
    merged = world.run("merge", *options, "--classes", str(tmp_path / "merged.json"))
    assert merged.code == 0, merged.err
    assert merged.report["identity_map"] == {"renamed": 2, "dropped": 1}
    assert (merged.report["capped"], merged.report["identities"], merged.report["images"]) == (4, 28, 59)
    assert world.run("verify", *options).code == 0
    assert world.run("merge", *options).report["copied"] == 0
    assert {"carl/0.jpg", "carl/1.jpg", f"{_NFC}/1.jpg", "John_Smith/1.jpg", "g-0000000/0.jpg"} <= world.there
    directory = tmp_path / "set"
    pulled = streammerge(
        "pull",
        f"s3://{world.bucket}/out/",
        str(directory),
        "--classes",
        str(tmp_path / "pulled.json"),
        "--json",
        server=world.server,
    )
    assert pulled.code == 0, pulled.err
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())  # torchvision's rule
    assert len(classes) == 28
    for name in ("merged.json", "pulled.json"):
        assert json.loads((tmp_path / name).read_text("utf-8")) == classes
