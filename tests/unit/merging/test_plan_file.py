"""The plan as a file."""

import asyncio
import json
from pathlib import Path

import pytest
from samples import a_job, copy, etag_of

from streammerge.dataset.objects import S3Object
from streammerge.errors import UsageError
from streammerge.merging.plan_file import plan_file
from streammerge.planning.plan import CopyTask


async def write(path: Path | None, *batches: list[CopyTask]) -> None:
    """Write copies as `plan` does."""
    async with plan_file(path, a_job()) as append:
        for batch in batches:
            await append(batch)


def files_in(folder: Path) -> list[Path]:
    """What lies in a folder."""
    return list(folder.iterdir())


async def test_a_line_for_every_copy(tmp_path: Path) -> None:
    """Each line says what is copied from where to where, in the plan's order."""
    path = tmp_path / "plan.jsonl"
    second = CopyTask(S3Object("two/é/b.jpg", 2, "e-2", ""), 1, "out/é/b.jpg", "é")
    await write(path, [copy(), second], [], [copy("out/z/c.jpg")])
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert lines[0] == {
        "source": "one",
        "bucket": "data",
        "key": "one/id/a.jpg",
        "to_bucket": "data",
        "to_key": "out/id/a.jpg",
        "size": 1,
        "etag": etag_of("x"),
    }
    assert (lines[1]["source"], lines[1]["to_key"], lines[1]["etag"]) == ("two", "out/é/b.jpg", "e-2")
    assert [line["to_key"] for line in lines] == ["out/id/a.jpg", "out/é/b.jpg", "out/z/c.jpg"]


@pytest.mark.parametrize("name", ["a\nb.jpg", 'a"b.jpg', "a\\b.jpg", "🙂.jpg", "a\x00b.jpg"])
async def test_any_key_is_one_line(tmp_path: Path, name: str) -> None:
    """Keys of any characters survive, one line each."""
    path = tmp_path / "plan.jsonl"
    await write(path, [copy(f"out/id/{name}")])
    text = path.read_text("utf-8")
    assert text.count("\n") == 1
    assert json.loads(text)["to_key"] == f"out/id/{name}"


async def test_an_empty_plan_is_an_empty_file(tmp_path: Path) -> None:
    """Nothing to copy leaves a file that says so, in the place of an older one."""
    path = tmp_path / "plan.jsonl"
    path.write_text("old")
    await write(path, [])
    assert path.read_text() == ""
    assert files_in(tmp_path) == [path]


async def stopped(path: Path) -> None:
    """Write half a plan."""
    async with plan_file(path, a_job()) as append:
        await append([copy()])
        raise asyncio.CancelledError


async def test_a_plan_that_was_not_finished_is_no_plan(tmp_path: Path) -> None:
    """If the run stops, an older plan is still there, whole."""
    path = tmp_path / "plan.jsonl"
    path.write_text("old")
    with pytest.raises(asyncio.CancelledError):
        await stopped(path)
    assert path.read_text() == "old"


async def test_no_file_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path copies go nowhere."""
    monkeypatch.chdir(tmp_path)
    await write(None, [copy()])
    assert files_in(tmp_path) == []


async def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The user is told which file, and why."""
    with pytest.raises(UsageError, match=r"cannot write .*plan\.jsonl: No such file or directory"):
        await write(tmp_path / "missing" / "plan.jsonl", [copy()])
