"""The guide, run block by block on a data set with the five faults that the first run of the job met."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import environment
from documents import DOCS, README, block, blocks, run
from oracle import contents
from prefork import path_with_command
from seeding import emptied_bucket, put_all
from servers import Server, connect
from streammerge.demo.dataset import picture

_GUIDE = DOCS / "guide.md"
_BUCKET = "data-labeling.livereachmedia.com"
_FACES, _SECOND, _INTO = (
    f"datasets/{name}/rekognition_set/" for name in ("faces_only", "reidnet_v2_training_data", "reidnet_v3")
)
_RENAMED = "p4_face_reidnet_v2_training_data"


def _objects() -> dict[str, bytes]:
    """Eight identities, and each of the faults of the first run."""
    faces = {f"{_FACES}p{number}_face.png": picture(number, 0, "PNG") for number in range(1, 7)}  # 1: a flat source
    second = {
        **{f"{_SECOND}p{number}/a.png": picture(number, 1, "PNG") for number in (1, 2, 4)},  # 2: one image in each
        f"{_SECOND}p3/outdoor/b.png": picture(3, 1, "PNG"),  # 3: a nested folder
        f"{_SECOND}p4/p4_face.png": picture(4, 7, "PNG"),  # 4: a collision, whose new name is taken already
        f"{_SECOND}p4/{_RENAMED}.png": picture(4, 8, "PNG"),
        f"{_SECOND}p8/only.png": picture(8, 1, "PNG"),
        f"{_SECOND}notes.txt": b"taken in spring",
    }
    stale = {f"{_INTO}train.rec": b"", f"{_INTO}train.idx": b""}  # 5: what an earlier training run left
    return faces | second | stale


def _expected() -> dict[str, bytes]:
    """What must be at the destination in the end, by key below it."""
    kept = {f"p{number}/p{number}_face.png": picture(number, 0, "PNG") for number in range(1, 5)}
    kept |= {f"p{number}/a.png": picture(number, 1, "PNG") for number in (1, 2, 4)}
    kept["p3/outdoor/b.png"] = picture(3, 1, "PNG")
    kept[f"p4/{_RENAMED}.png"] = picture(4, 8, "PNG")
    kept[f"p4/{_RENAMED}_2.png"] = picture(4, 7, "PNG")
    return kept


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows the guide, in a folder of their own."""

    client: Any
    here: Path
    env: dict[str, str]

    def run(self, name: str) -> str:
        """Run a block; what it prints. Fails unless it succeeds."""
        return self.say(block(_GUIDE, name))

    def say(self, command: str) -> str:
        """Run a command of the shell."""
        return run(["bash", "-euc", command], self.env, self.here)


@pytest.fixture
def reader(seaweed: Server, tmp_path: Path) -> Iterator[Reader]:
    """On a fresh machine, with the data in place."""
    client = connect(seaweed)
    emptied_bucket(client, _BUCKET)
    put_all(client, _BUCKET, _objects())
    env = environment(seaweed, PATH=path_with_command(tmp_path), XDG_STATE_HOME=str(tmp_path / "state"))
    yield Reader(client, tmp_path, env)
    client.close()


def test_the_whole_story(reader: Reader) -> None:
    """`inspect` names each fault, merge handles each, verify passes, pull gives a folder that ImageFolder loads."""
    seen = reader.run("look")
    assert "{identity}_face.{ext}" in seen  # flat
    assert "only when all prefixes are combined" in " ".join(seen.split())  # one image in each
    assert re.search(r"\b1 image in\s+nested\s+folders", seen)  # nested

    planned = reader.run("plan")
    assert "Total identities: 4" in planned
    assert "Total images: 10" in planned
    assert (reader.here / "reidnet_v3.toml").exists()
    assert "\nWrote job file reidnet_v3.toml\n" in planned

    unchanged = reader.run("labels")
    assert unchanged.count("Total images: 10") == 2
    assert 'identity-map = "people.csv"' in (reader.here / "with_map.toml").read_text("utf-8")

    merged = reader.run("merge")
    assert "MERGE COMPLETE" in merged
    assert "Copied:        10 (" in merged
    assert "train.rec" in merged
    assert "</html>" in (reader.here / "merge.html").read_text("utf-8")
    assert "\nWrote page merge.html\n" in merged
    assert "10" in reader.say("streammerge status")

    verified = reader.run("verify")
    assert "train.idx" in verified
    assert "passed</title>" in (reader.here / "verify.html").read_text("utf-8")
    there = contents(reader.client, _BUCKET, _INTO)
    assert there.keys() == _expected().keys()
    for below, body in _expected().items():
        assert reader.client.get_object(Bucket=_BUCKET, Key=_INTO + below)["Body"].read() == body
    last = json.loads(reader.say("streammerge verify reidnet_v3.toml --json"))
    assert (last["missing"], last["different"], last["unplanned"]) == (0, 0, 0)

    assert reader.run("pull").endswith("\nWrote class list classes.txt\nWrote manifest manifest.csv\n")
    folder = reader.here / "reidnet_v3"
    pulled = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}
    assert pulled == _expected()
    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())  # torchvision's rule
    assert (reader.here / "classes.txt").read_text("utf-8").splitlines() == classes
    assert len((reader.here / "manifest.csv").read_text("utf-8").splitlines()) == 1 + len(pulled)


def test_the_installation(tmp_path: Path) -> None:
    """The lines, with a pip that downloads nothing, leave a shell whose commands are those of the new environment."""
    env = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]), "HOME": str(tmp_path)}
    without_pip = 'python3() { command python3 "$@" --without-pip; }; pip() { echo "pip $*"; }'
    for page in (_GUIDE, README):
        said = Reader(None, tmp_path, env).say(f"{without_pip}\n{block(page, 'install')}\ncommand -v python")
        assert said == f"pip install .\n{tmp_path}/streammerge/bin/python\n"


def test_tab_completion(tmp_path: Path) -> None:
    """The line for the shell's start-up file makes bash complete the command."""
    script = f"""
        streammerge() {{ {sys.executable} -m streammerge "$@"; }}
        {block(_GUIDE, "completion")}
        complete -p streammerge"""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "_streammerge_completion" in done.stdout


def test_every_block_is_run() -> None:
    """No command in the guide goes untested."""
    assert [found.name for found in blocks(_GUIDE)] == [
        "install",
        "completion",
        "look",
        "plan",
        "labels",
        "merge",
        "verify",
        "pull",
    ]
