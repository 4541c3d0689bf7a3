"""A directory that files are put into: whole or not at all, and never beside it."""

import asyncio
import errno
import fcntl
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from streammerge.errors import IncompleteError, ObjectError, UsageError
from streammerge.pulling.directory import Directory, open_directory
from streammerge.pulling.file_threads import FileThreads
from streammerge.pulling.partial_file import PartialFile
from streammerge.pulling.paths import TEMPORARY

_TIME = 1_750_000_000_123  # of all that is written: milliseconds since the epoch


async def put(folder: Directory, path: str, *pieces: bytes) -> None:
    """Write a file as a download does: one piece as a whole, several as they come."""
    if len(pieces) == 1:
        await folder.put(path, lambda: pieces, _TIME)
        return
    async with PartialFile(folder, path, _TIME) as partial_file:
        for piece in pieces:
            await partial_file.write(piece)


def inside(directory: Path) -> dict[str, bytes]:
    """All files of a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


async def test_puts_files_whole(tmp_path: Path) -> None:
    """Small and large, in folders that were not there, with a time; an older file of that name is replaced."""
    large = [bytes([number]) * 100_000 for number in range(9)]
    with open_directory(tmp_path / "new" / "set") as folder:
        await put(folder, "a/deep/x.jpg", b"abc", b"def")
        await put(folder, "a/y.jpg", b"old")
        await put(folder, "a/y.jpg", *large)
        there = [("a", "deep/x.jpg", 6, _TIME), ("a", "y.jpg", 900_000, _TIME)]
        assert sorted(folder.walk()) == there
        assert not await folder.confirm("a/deep/x.jpg", "00" * 16, 0)
        assert sorted(folder.walk()) == there
        assert await folder.confirm("a/deep/x.jpg", "e80b5017098950fc58aad83c8c14978e", 5)
        assert [found.written for found in sorted(folder.walk())] == [5, _TIME]
        assert folder.classes() == ["a"]
    assert inside(tmp_path / "new/set") == {"a/deep/x.jpg": b"abcdef", "a/y.jpg": b"".join(large)}


async def test_puts_many_at_a_time(tmp_path: Path) -> None:
    """In several threads, into folders that they make at the same time."""
    with open_directory(tmp_path) as folder:
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(put(folder, f"id{number % 7}/{number}.jpg", b"%d" % number))
    assert inside(tmp_path) == {f"id{number % 7}/{number}.jpg": b"%d" % number for number in range(100)}


async def test_closing_waits_for_what_was_only_just_asked_for(tmp_path: Path) -> None:
    """Also where no thread has heard of it yet."""
    with open_directory(tmp_path) as folder:
        tasks = [asyncio.create_task(put(folder, f"a/{number}.jpg", b"abc")) for number in range(20)]
        await asyncio.sleep(0)
        assert not inside(tmp_path)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert len(inside(tmp_path)) == 20


@pytest.mark.parametrize("most", [0, 1, 2])
async def test_works_with_the_threads_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A container may have few, or none left: the files are written all the same, and closing waits for that."""
    ours, begun = threading.Thread.start, list[threading.Thread]()

    def start(thread: threading.Thread) -> None:
        if len(begun) >= most:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        ours(thread)

    with monkeypatch.context() as patch, open_directory(tmp_path) as folder:
        patch.setattr(threading.Thread, "start", start)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for number in range(200):
                group.create_task(put(folder, f"a/{number}.jpg", b"abc"))
        last = asyncio.create_task(put(folder, "a/last.jpg", b"abc"))
        await asyncio.sleep(0)
    await asyncio.wait_for(last, 5)
    assert len(inside(tmp_path)) == 201
    assert min(most, 1) <= len(begun) <= most  # one alone may be fast enough


async def test_never_writes_through_links(tmp_path: Path) -> None:
    """A folder that is a link is refused, whatever it leads to; a file that is a link is replaced, not followed."""
    outside, directory = tmp_path / "outside", tmp_path / "set"
    (outside / "b").mkdir(parents=True)
    (outside / "precious.jpg").write_bytes(b"precious")
    directory.mkdir()
    (directory / "out").symlink_to(outside)
    (directory / "b").mkdir()
    (directory / "b/deep").symlink_to(outside)
    (directory / "b/x.jpg").symlink_to(outside / "precious.jpg")
    with open_directory(directory) as folder:
        for path in ("out/x.jpg", "out/b/x.jpg", "b/deep/x.jpg"):
            with pytest.raises(ObjectError, match="nothing is written through links"):
                await put(folder, path, b"evil")
        await put(folder, "b/x.jpg", b"good")
        assert {found.name for found in folder.walk() if found.size < 0} == {"out", "deep"}
    assert inside(outside) == {"precious.jpg": b"precious"}
    assert (directory / "b/x.jpg").read_bytes() == b"good"
    assert not (directory / "b/x.jpg").is_symlink()
    assert not list(directory.glob(TEMPORARY + "*"))


async def test_something_else_in_the_way_fails_one_image(tmp_path: Path) -> None:
    """A folder under the name of a file, a file under the name of a folder."""
    (tmp_path / "a/x.jpg").mkdir(parents=True)
    for file in ("b", "a/x.jpg/b"):
        (tmp_path / file).write_bytes(b"a file")
    with open_directory(tmp_path) as folder:
        with pytest.raises(ObjectError, match=r"'a/x.jpg': a folder has that name. Move it away"):
            await put(folder, "a/x.jpg", b"abc")
        with pytest.raises(ObjectError, match=r"'b' is a file or link where a folder must be .*Move it away"):
            await put(folder, "b/x.jpg", b"abc")
        with pytest.raises(ObjectError, match=r"'a/x.jpg/b' is a file"):
            await put(folder, "a/x.jpg/b/b/y.jpg", b"abc")
    assert inside(tmp_path) == {"b": b"a file", "a/x.jpg/b": b"a file"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
async def test_a_full_disk_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """And leaves nothing that is half written."""

    def refuse(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    with open_directory(tmp_path) as folder:
        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(IncompleteError, match="run the same command again"):
            await put(folder, "a/x.jpg", b"abc")
        monkeypatch.undo()
    assert not inside(tmp_path)


async def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """But no file that merely looks alike."""
    (tmp_path / f"{TEMPORARY}1-2").write_bytes(b"half")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"{TEMPORARY}1-2").write_bytes(b"of somebody else")
    with open_directory(tmp_path):
        pass
    assert list(inside(tmp_path)) == [f"a/{TEMPORARY}1-2"]


async def test_without_locks_nothing_of_another_run_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be at work beside this one; the names of what they write differ."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with open_directory(tmp_path) as one:
        name, file = one.create()
        os.close(file)
        with open_directory(tmp_path) as other:
            assert (tmp_path / name).exists()
            await put(other, "a/x.jpg", b"abc")
        one.rename(name, "a/y.jpg")
    assert sorted(inside(tmp_path)) == ["a/x.jpg", "a/y.jpg"]


async def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second is told to wait."""
    with open_directory(tmp_path), pytest.raises(UsageError, match="another pull"), open_directory(tmp_path):
        pass


async def test_leaves_no_empty_directory_that_it_made(tmp_path: Path) -> None:
    """What was there before stays."""
    (tmp_path / "old").mkdir()
    for directory in (tmp_path / "old", tmp_path / "new"):
        with open_directory(directory):
            pass
    assert os.listdir(tmp_path) == ["old"]  # noqa: PTH208 - in an async function pathlib is not allowed either


async def test_cancelled_while_a_thread_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends first, and nothing unfinished is left, nor a file closed that is somebody else's by now."""
    begun, write = threading.Event(), os.write

    def slow(*given: Any) -> int:
        begun.set()
        time.sleep(0.05)
        return write(*given)

    monkeypatch.setattr(os, "write", slow)
    with open_directory(tmp_path) as folder:
        tasks = [asyncio.create_task(put(folder, f"a/{number}.jpg", b"abc")) for number in range(40)]
        await asyncio.to_thread(begun.wait, 5)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    left = inside(tmp_path)
    assert set(left.values()) <= {b"abc"}
    assert not [path for path in left if path.startswith(TEMPORARY)]


@pytest.mark.parametrize("path", ["/proc/streammerge", "/proc/self/status", "/dev/null/x"])
async def test_a_directory_that_cannot_be_is_bad_input(path: str) -> None:
    """A file system that takes no folder, something that is no folder."""
    with pytest.raises(UsageError, match="cannot use"), open_directory(Path(path)):
        pass


async def test_what_somebody_removes_while_it_is_listed_is_not_there(tmp_path: Path) -> None:
    """Neither a file nor a folder that goes meanwhile stops a pull."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.jpg").touch()
    with open_directory(tmp_path) as folder:
        walking = folder.walk()
        found = [next(walking).identity]
        for name in {"a", "b", "c"}.difference(found):
            shutil.rmtree(tmp_path / name)
        found += [file.identity for file in walking]
    assert len(found) == 1


async def test_two_runs_in_one_process_leave_its_settings_as_they_were() -> None:
    """Whichever of them ends first."""
    before = sys.getswitchinterval()
    one, other = FileThreads(), FileThreads()
    one.close()
    assert sys.getswitchinterval() < before
    other.close()
    assert sys.getswitchinterval() == before
