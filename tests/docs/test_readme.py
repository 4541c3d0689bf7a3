"""What README.md shows is run, and what it says of the project is so."""

import os
import re
import sys
from pathlib import Path

import pytest

from command import environment
from documents import DOCS, README, ROOT, block, blocks, run, section
from seeding import emptied_bucket, put_all
from servers import Server, connect
from streammerge.cli.exits import MEANINGS
from streammerge.report.units import human_bytes

_TEXT = README.read_text("utf-8")


@pytest.fixture
def shell(seaweed: Server, tmp_path: Path) -> dict[str, str]:
    """An environment in which `streammerge` is a command and finds a server."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return environment(seaweed, PATH=path, TMPDIR=str(tmp_path))


def test_the_real_job(seaweed: Server, shell: dict[str, str], tmp_path: Path) -> None:
    """The commands for the real job, to the letter, in a bucket of that very name: inspect, merge, pull."""
    client = connect(seaweed)
    bucket = emptied_bucket(client, "data-labeling.livereachmedia.com")
    folders = {
        "datasets/faces_only/rekognition_set/": ["p1_face.png", "p2_face.png"],
        "datasets/reidnet_v2_training_data/rekognition_set/": ["p1/b.jpg", "p3/a.jpg"],
    }
    put_all(client, bucket, {prefix + key: b"x" for prefix, keys in folders.items() for key in keys})
    seen = run(["bash", "-euc", block(README, "inspect")], shell, tmp_path)
    assert "{identity}_face.{ext}" in seen
    assert re.search(r"^ +2 +1 +2 +1$", seen, re.MULTILINE), "at --min-images 2"
    said = run(["bash", "-euc", block(README, "job")], shell, tmp_path)
    assert "Total identities: 1" in said
    assert f"  s3://{bucket}/datasets/faces_only/rekognition_set/\n" in said
    journal = re.search(r"^  Journal: (\S+)\s+\((.*)\)\n", said, re.MULTILINE)
    assert journal
    assert human_bytes(Path(journal[1]).stat().st_size) == journal[2]
    into = "datasets/reidnet_v3/rekognition_set/"
    listed = client.list_objects_v2(Bucket=bucket, Prefix=into)["Contents"]
    assert [item["Key"] for item in listed] == [into + "p1/b.jpg", into + "p1/p1_face.png"]
    said = run(["bash", "-euc", block(README, "pull")], shell, tmp_path)
    assert "Images: 2 (2 B)" in said
    pulled = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    below = "data/reidnet_v3/p1"
    assert pulled == ["classes.txt", f"{below}/b.jpg", f"{below}/p1_face.png", "manifest.csv"]
    client.close()


def test_every_block_is_run() -> None:
    """No command goes untested: the demo and the tests by themselves, the installation with the guide's."""
    named = ["demo", "install", "inspect", "job", "pull", "tests", "full size"]
    assert [found.name for found in blocks(README)] == named


def test_the_blocks_of_commands_install_what_they_need() -> None:
    """The demo and the tests are set up with extras that exist."""
    project = ROOT.joinpath("pyproject.toml").read_text("utf-8")
    for name in ("demo", "tests"):
        extras = re.search(r"'\.\[(.*?)\]'", block(README, name))
        assert extras
        for extra in extras[1].split(","):
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_what_makes_tests_larger_is_read_by_them() -> None:
    """The tests that are named read the variables that are set for them."""
    lines = block(README, "full size").splitlines()
    assert len(lines) == 2
    for line in lines:
        words = line.split(" ")
        settings, found = [word for word in words if "=" in word], ROOT / words[-1]
        assert settings
        text = "".join(file.read_text("utf-8") for file in (found.glob("*.py") if found.is_dir() else [found]))
        for setting in settings:
            assert f'environ.get("{setting.partition("=")[0]}"' in text, setting


def test_it_is_short() -> None:
    """At most 160 lines: everything else is in docs/."""
    assert len(_TEXT.splitlines()) <= 160


def test_it_leads_to_every_page() -> None:
    """Each page but the site's own front page is linked, so that nothing is found on the site alone."""
    pages = {str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md")} - {"docs/index.md"}
    linked = set(re.findall(r"\]\((docs/[^)#]+\.md)", _TEXT))
    assert linked == pages - {"docs/reference/exit-codes.md"}  # its table is in the README


def test_the_exit_codes_are_those_of_the_reference() -> None:
    """Both tables list the codes that commands end with."""
    codes = set(re.findall(r"^\| ([\d, ]+) \|", section(README, "Exit codes"), re.MULTILINE))
    listed = set(
        re.findall(r"^\| ([\d]+) \|", DOCS.joinpath("reference/exit-codes.md").read_text("utf-8"), re.MULTILINE)
    )
    assert {code for row in codes for code in row.split(", ")} == listed == set(map(str, map(int, MEANINGS)))
