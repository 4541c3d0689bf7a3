"""The journal on a disk: who may have it, what becomes of it when things fail, and that nothing recorded is lost."""

import asyncio
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from report_samples import a_report
from samples import a_job, copy

from streammerge.errors import IncompleteError, UsageError
from streammerge.journal import format as records
from streammerge.journal.format import from_line
from streammerge.journal.history import History
from streammerge.journal.journal import Journal, default_place, open_journal, read_history
from streammerge.journal.status import status
from streammerge.journal.storage import FileStorage, is_held
from streammerge.planning.outcomes import Made
from streammerge.transfer.deadline import Deadline

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client

NOBODY = 65534
NO_STORE = cast("S3Client", None)  # a journal on a disk needs none


def targets(path: Path) -> list[str]:
    """Of the copies that a journal records."""
    found = map(from_line, path.read_bytes().splitlines(keepends=True))
    return [record["target"] for record in found if record and record["did"] == "copied"]


async def record(path: Path, *names: str) -> None:
    """A run that makes these copies."""
    async with open_journal(str(path), a_job(), NO_STORE, deadline=Deadline()) as journal:
        assert journal
        for name in names:
            journal.copied(copy(f"out/id/{name}"), Made("other"))
        journal.ended(a_report())


async def test_what_one_run_records_the_next_one_knows(tmp_path: Path) -> None:
    """The file is its owner's alone, and so is its directory; the second run adds to it."""
    path = tmp_path / "state" / "j"
    await record(path, "1.jpg")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    async with open_journal(str(path), a_job(), NO_STORE, deadline=Deadline()) as journal:
        assert journal
        assert journal.history.judges(copy("out/id/1.jpg"), "other") is True
    await record(path, "2.jpg")
    history = await read_history(str(path), a_job(), NO_STORE)
    assert [history.judges(copy(f"out/id/{name}.jpg"), "other") for name in "123"] == [True, True, None]


async def test_journal_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """However it came about."""
    path = tmp_path / "j"
    await record(path)
    path.chmod(0o644)
    await record(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_other_files_are_left_as_they_are(tmp_path: Path) -> None:
    """What is no journal is neither written to nor closed to others."""
    path = tmp_path / "diary"
    path.write_text("Dear diary\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="not a streammerge journal"):
        await record(path)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("Dear diary\n", 0o644)


async def test_devices_and_directories_are_refused(tmp_path: Path) -> None:
    """Neither is a file; the mode of a device is not touched, and a pipe does not hold the run."""
    os.mkfifo(tmp_path / "pipe")
    mode = os.stat("/dev/full").st_mode  # noqa: PTH116 - at once
    for path in (Path("/dev/full"), tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match=r"--journal"):
            await record(path)
    assert os.stat("/dev/full").st_mode == mode  # noqa: PTH116
    with pytest.raises(UsageError, match="is not a regular file"):
        await asyncio.wait_for(read_history(str(tmp_path / "pipe"), a_job(), NO_STORE), 5)


@pytest.fixture
def guarded() -> Iterator[Path]:
    """A directory that may not be written to, seen by somebody who is not root."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        yield Path(directory)
        if root:
            os.seteuid(0)
        Path(directory).chmod(0o755)


@pytest.mark.parametrize("name", ["j", "state/j"])
async def test_read_only_directory(guarded: Path, name: str) -> None:
    """It is said at once, with what to do."""
    with pytest.raises(UsageError, match=r"cannot open the journal .*Permission denied.*--journal.*--no-journal"):
        await record(guarded / name)


async def test_no_journal_is_no_history(tmp_path: Path) -> None:
    """Reading makes none."""
    path = tmp_path / "none" / "j"
    history = await read_history(str(path), a_job(), NO_STORE)
    assert history.judges(copy(), "x") is None
    assert not path.parent.exists()


async def test_torn_tail_gets_an_end(tmp_path: Path) -> None:
    """What the next run writes does not grow together with what a crash left."""
    path = tmp_path / "j"
    await record(path, "1.jpg")
    with path.open("ab") as file:
        file.write(b"deadbeef {torn")
    await record(path, "2.jpg")
    assert targets(path) == ["out/id/1.jpg", "out/id/2.jpg"]
    (told,) = status([str(path)])
    assert (told.damaged, told.copied, told.state) == (1, 2, "complete")


class Interrupted(Exception):  # noqa: N818 - it stands for one
    """What ends a run early."""


@pytest.mark.parametrize("end", [Interrupted, asyncio.CancelledError])
async def test_what_was_done_last_is_written_however_the_run_ends(tmp_path: Path, end: type[BaseException]) -> None:
    """An error or a signal between two writes costs no record."""
    path = tmp_path / "j"

    async def run() -> None:
        async with open_journal(str(path), a_job(), NO_STORE, deadline=Deadline()) as journal:
            assert journal
            journal.copied(copy("out/id/last.jpg"), Made("other"))
            raise end(*["no more"] * (end is Interrupted))

    with pytest.raises((asyncio.CancelledError, BaseExceptionGroup)):
        await run()
    assert targets(path) == ["out/id/last.jpg"]
    (told,) = status([str(path)])
    assert (told.state, told.runs[-1].reason) == ("interrupted", "interrupted" if end is not Interrupted else "no more")


@pytest.mark.parametrize(("everything", "left"), [(True, 7), (False, None)])
async def test_what_a_stopped_run_has_left(tmp_path: Path, *, everything: bool, left: int | None) -> None:
    """It is known once everything was listed."""
    path = tmp_path / "j"
    report = a_report(all_decided=everything, failed=3, not_attempted=4, conflicts=2, already_present=5)

    async def run() -> None:
        async with open_journal(str(path), a_job(), NO_STORE, deadline=Deadline()) as journal:
            assert journal
            journal.reached = lambda: report
            raise Interrupted

    with pytest.raises(BaseExceptionGroup):
        await run()
    (told,) = status([str(path)])
    last = told.runs[-1]
    assert (last.left, last.conflicts, last.present, told.state) == (left, 2, 5, "interrupted")


class Slow:
    """A place where writing takes its time."""

    interval = 0.001

    def __init__(self) -> None:
        self.at_once = 0
        self.written: list[bytes] = []

    async def learn(self, history: History, fingerprint: str) -> None:
        """There is nothing."""

    async def append(self, lines: bytes) -> None:
        """Add lines."""
        self.at_once += 1
        assert self.at_once == 1, "two writes at once would mingle, or take the same segment in S3"
        await asyncio.sleep(0.005)
        self.at_once -= 1
        self.written.append(lines)


async def test_writes_do_not_overlap() -> None:
    """What is removed is recorded at once, and waits for a write that is under way."""
    place = Slow()
    journal = Journal(place, a_job())
    await journal.begin()
    async with asyncio.TaskGroup() as group:
        group.create_task(journal.keep())
        for number in range(5):
            journal.copied(copy(f"out/id/{number}.jpg"), Made("x"))
            await asyncio.sleep(0.002)
            await journal.removing([f"out/gone/{number}.jpg"])
            assert f"out/gone/{number}.jpg" in place.written[-1].decode()
        journal.close()
    lines = b"".join(place.written).splitlines(keepends=True)
    assert [record["did"] for record in map(from_line, lines) if record] == ["began", *["copied", "removed"] * 5]


class Full(Slow):
    """A place that takes a beginning and nothing more."""

    async def append(self, lines: bytes) -> None:
        """Add lines."""
        if self.written:
            raise IncompleteError("full")
        self.written.append(lines)


async def test_journal_that_cannot_be_written_on_stops_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    """Nothing goes on unrecorded: whatever is at work is cancelled, and soon."""
    place = Full()

    async def append(_: FileStorage, lines: bytes) -> None:
        await place.append(lines)

    monkeypatch.setattr(FileStorage, "append", append)
    monkeypatch.setattr(FileStorage, "interval", 0.001)

    async def run() -> None:
        async with (
            asyncio.timeout(5),
            open_journal(str(tmp_path / "j"), a_job(), NO_STORE, deadline=Deadline()) as journal,
        ):
            assert journal
            journal.copied(copy(), Made("x"))
            await asyncio.sleep(60)

    with pytest.raises(BaseExceptionGroup) as caught:
        await run()
    assert [str(error) for error in caught.value.exceptions] == ["full"]


def test_a_process_holds_it_while_it_runs(tmp_path: Path) -> None:
    """It is held for as long as it is open; a look at it neither waits nor takes it away."""
    path = tmp_path / "j"
    with FileStorage(path):
        assert is_held(path)
        with pytest.raises(UsageError, match="another run of this job is in progress"):
            FileStorage(path)
    assert not is_held(path)
    with FileStorage(path):
        pass


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some network file systems are: a run names both ways out, and status reads the journal all the same."""
    path = tmp_path / "j"
    path.write_bytes(records.began("f", "a into b", "run", 1.0))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UsageError, match=r"cannot lock the journal .*another file system with --journal.*--no-journal"):
        FileStorage(path)
    assert [told.held for told in status([path])] == [False]


@pytest.mark.parametrize("given", ["none", "s3://bucket/journal/", "."])
def test_status_of_what_is_no_journal(tmp_path: Path, monkeypatch: Any, given: str) -> None:
    """A mistake, and named."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=given):
        status([given])


def test_the_same_job_elsewhere_has_another_journal() -> None:
    """A server's name is in the file's; Amazon's is not, however it is said; a password never is."""
    job = a_job()
    amazon = default_place(job)
    assert default_place(job, "https://s3.eu-west-1.amazonaws.com") == amazon
    assert default_place(job, None, [None]) == amazon
    assert default_place(job, None, ["https://minio.lan"]) != default_place(job, None, ["https://other.lan"]) != amazon
    assert default_place(job, "http://127.0.0.1:9000") == amazon.replace(".journal", "-127.0.0.1_9000.journal")
    places = {default_place(job, f"http://key:secret@host{tail}") for tail in ("", "/", "/s3", ":1", "[")}
    assert len(places) == 3
    assert not any("secret" in place for place in places)


def test_a_journal_says_which_rules_are_not_the_default_ones() -> None:
    """As options, beside where from and where to."""
    assert str(a_job()) == str(a_job(min_images=2))
    assert str(a_job(min_images=3, duplicates="none")) == f"{a_job()} (--min-images 3 --duplicates none)"


def test_status_goes_on_past_what_is_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named, and the journals beside it are told of."""
    monkeypatch.setattr("streammerge.journal.status.state_directory", lambda: tmp_path)
    (tmp_path / "a.journal").write_text("Dear diary\n")
    (tmp_path / "b.journal").write_bytes(records.began("f", "a into b", "run", 1.0))
    assert [told.job for told in status()] == ["a into b"]
    assert "a.journal is not a streammerge journal" in caplog.text
