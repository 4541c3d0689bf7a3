"""What README.md shows is run, and what it lists is complete."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command import environment
from seeding import emptied_bucket, put_all
from servers import Server, connect
from streammerge.cli.commands import commands
from streammerge.core.inspected import InspectionReport, PrefixReport, Together
from streammerge.core.rendering import human_bytes

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text("utf-8")


def block(name: str) -> str:
    """The fenced block that follows the comment of that name."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block {name}"
    return found[1]


@pytest.fixture
def shell(seaweed: Server, tmp_path: Path) -> dict[str, str]:
    """An environment in which `streammerge` is a command and finds a server."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return environment(seaweed, PATH=path, TMPDIR=str(tmp_path))


def run(command: list[str], env: dict[str, str], cwd: Path) -> str:
    """What a command prints. Fails unless it succeeds."""
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_real_job(seaweed: Server, shell: dict[str, str], tmp_path: Path) -> None:
    """The commands for the real job, to the letter, in a bucket of that very name: look, merge, pull."""
    client = connect(seaweed)
    bucket = emptied_bucket(client, "data-labeling.livereachmedia.com")
    folders = {
        "datasets/faces_only/rekognition_set/": ["p1_face.png", "p2_face.png"],
        "datasets/reidnet_v2_training_data/rekognition_set/": ["p1/b.jpg", "p3/a.jpg"],
    }
    put_all(client, bucket, {prefix + key: b"x" for prefix, keys in folders.items() for key in keys})
    seen = run(["bash", "-euc", block("inspect")], shell, tmp_path)
    assert "{identity}_face.{ext}" in seen
    assert "at --min-images 2: 1 identity with 2 images" in seen
    said = run(["bash", "-euc", block("job")], shell, tmp_path)
    assert "Total identities: 1" in said
    assert f"  faces_only                s3://{bucket}/datasets/faces_only/rekognition_set/\n" in said
    journal = re.search(r"^Journal: +(.*)\n +(.*); keep it", said, re.MULTILINE)
    assert journal
    assert human_bytes(Path(journal[1]).stat().st_size) == journal[2]
    into = "datasets/reidnet_v3/rekognition_set/"
    listed = client.list_objects_v2(Bucket=bucket, Prefix=into)["Contents"]
    assert [item["Key"] for item in listed] == [into + "p1/b.jpg", into + "p1/p1_face.png"]
    said = run(["bash", "-euc", block("pull")], shell, tmp_path)
    assert "Images: 2 (2 B)" in said
    pulled = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    below = "data/reidnet_v3/p1"
    assert pulled == ["classes.txt", f"{below}/b.jpg", f"{below}/p1_face.png", "manifest.csv"]
    client.close()


def test_the_python_example(seaweed: Server, shell: dict[str, str], tmp_path: Path) -> None:
    """The example of the API runs as it stands."""
    client = connect(seaweed)
    put_all(client, emptied_bucket(client, "bucket"), {"photos/p1/a.jpg": b"x", "faces_only/p1_face.png": b"y"})
    said = run([sys.executable, "-c", block("api")], shell, tmp_path)
    assert "Total images: 2" in said
    assert said.endswith("complete: True copied: 2\n")
    client.close()


def test_the_job_files(seaweed: Server, shell: dict[str, str], tmp_path: Path) -> None:
    """The job that is shown can be planned, and the commands write one and merge it."""
    client = connect(seaweed)
    put_all(client, emptied_bucket(client, "bucket"), {"photos/p1/a.jpg": b"x", "faces_only/p1_face.png": b"y"})
    tmp_path.joinpath("shown.toml").write_text(block("job file"), "utf-8")
    assert "Total images: 2" in run(["streammerge", "plan", "shown.toml"], shell, tmp_path)
    assert "Copied:        2" in run(["bash", "-euc", block("save job")], shell, tmp_path)
    client.close()


def test_the_pages(seaweed: Server, shell: dict[str, str], tmp_path: Path) -> None:
    """Each of the commands writes the page that it names."""
    client = connect(seaweed)
    put_all(client, emptied_bucket(client, "bucket"), {"photos/p1/a.jpg": b"x", "faces_only/p1_face.png": b"y"})
    run(["bash", "-euc", block("page")], shell, tmp_path)
    titles = [re.findall("<title>(.*)</title>", tmp_path.joinpath(f"{name}.html").read_text("utf-8"))
              for name in ("before", "plan", "merge", "verify")]  # fmt: skip
    assert [title for (title,) in titles] == [
        "Inspection: 4 warnings", "Merge plan: nothing copied yet", "Merge: complete", "Verification: exactly the plan"
    ]  # fmt: skip
    client.close()


def test_every_option_is_listed() -> None:
    """The table of options has all that the commands take, and nothing else."""
    table = README[README.index("### Options") : README.index("### Exit codes")]
    listed = set(re.findall(r"(?<!-)--[a-z][a-z-]+", table)) | set(re.findall(r"`(-[a-z])`", table))
    taken = {
        name
        for command in (commands.commands[verb] for verb in commands.commands if verb != "demo")
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("-")
    }
    assert listed == taken - {"--quiet", "--verbose"}  # listed by their short names
    rows = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    firsts = [name for row in rows for name in re.findall(r"(?<!-)--[a-z][a-z-]+", row)]
    assert {name for name in firsts if firsts.count(name) > 1} == {"--duplicates"}  # inspect has one of its own


def test_every_field_of_an_inspection_is_listed() -> None:
    """What README.md says of the JSON of `inspect` names each field of it and of its prefixes."""
    text = README[README.index("That of `inspect` has") : README.index("### Exit codes")]
    fields = [field.name for kind in (InspectionReport, PrefixReport, Together) for field in dataclasses.fields(kind)]
    assert [name for name in fields if f"`{name}`" not in text] == []


def test_the_blocks_of_commands_install_what_they_need() -> None:
    """The demo and the tests are set up with extras that exist."""
    project = ROOT.joinpath("pyproject.toml").read_text("utf-8")
    for name in ("demo", "tests"):
        extras = re.search(r"'\.\[(.*?)\]'", block(name))
        assert extras
        for extra in extras[1].split(","):
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_what_makes_tests_larger_is_read_by_them() -> None:
    """The tests that are named read the variables that are set for them."""
    lines = block("full size").splitlines()
    assert len(lines) == 2
    for line in lines:
        *settings, _, path = line.split(" ")
        found = ROOT / path
        text = "".join(file.read_text("utf-8") for file in (found.glob("*.py") if found.is_dir() else [found]))
        for setting in settings:
            assert f'environ.get("{setting.partition("=")[0]}"' in text, setting


def test_every_row_of_trouble_names_a_test() -> None:
    """What the table says of faults is tested, by tests of these names."""
    table = README[README.index("### When things go wrong") : README.index("### The IAM policy")]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.rpartition(" | ")[2])
        assert named, row
        for name in named:
            assert f"def {name}(" in tests, name
