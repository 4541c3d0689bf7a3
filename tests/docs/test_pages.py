"""The commands and programs in docs/, run page by page, each page in a fresh folder and on a fresh bucket."""

import sys
from pathlib import Path

import pytest

from command import environment
from corrupt_images import encoded
from documents import DOCS, block, blocks, run
from prefork import path_with_command
from seeding import emptied_bucket, put_all
from servers import Server, connect

_PAGES = {
    str(page.relative_to(DOCS)): page
    for page in sorted(DOCS.rglob("*.md"))
    if any(found.language in ("sh", "python") for found in blocks(page)) and page.name != "guide.md"  # test_guide.py
}
_OBJECTS = {
    "photos/ada/1.jpg": encoded("JPEG"),
    "photos/ada/2.jpg": encoded("JPEG"),
    "photos/ada/thumbs/2.jpg": encoded("JPEG"),
    "photos/bob/1.jpg": encoded("JPEG"),
    "faces/bob_face.png": encoded("PNG"),
    "faces/cyd_face.png": encoded("PNG"),
}


@pytest.mark.parametrize("name", _PAGES)
def test_every_block_runs(seaweed: Server, tmp_path: Path, name: str) -> None:
    """Each block ends well, one after the other, where `job.toml` is the job that the page about job files shows."""
    client = connect(seaweed)
    put_all(client, emptied_bucket(client, "bucket"), _OBJECTS)
    client.close()
    tmp_path.joinpath("job.toml").write_text(block(DOCS / "job-files.md", "job.toml"), "utf-8")
    env = environment(seaweed, PATH=path_with_command(tmp_path), XDG_STATE_HOME=str(tmp_path / "state"))
    ran = 0
    for found in blocks(_PAGES[name]):
        if found.language == "sh":
            assert run(["bash", "-euc", found.text], env, tmp_path)
        elif found.language == "python":
            assert run([sys.executable, "-c", found.text], env, tmp_path).endswith("complete: True copied: 5\n")
        ran += found.language in ("sh", "python")
    assert ran > 0


def test_what_is_no_command_is_checked_elsewhere() -> None:
    """A block of data is one that some test reads by its name."""
    named = {
        (name.name, found.name)
        for name in DOCS.rglob("*.md")
        for found in blocks(name)
        if found.language in ("toml", "json")
    }
    assert named == {("job-files.md", "job.toml"), ("permissions.md", "policy"), ("relaying.md", "vendor.toml")}
