"""`status` of several journals: one that cannot be read hides none, and those of completed jobs can be removed."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from command import Ended, environment, streammerge
from streammerge.journal import format as records
from streammerge.journal.storage import FileStorage


def journal(path: Path, *, complete: bool) -> Path:
    """The journal of a job that has come to an end."""
    ended = records.ended(complete=complete, at=2.0, left=int(not complete))
    path.write_bytes(records.began("f", f"job {path.stem}", "run", 1.0) + ended)
    return path


def clean(journals: Iterable[Path], *more: str) -> Ended:
    """Run `status --clean` where there is no terminal."""
    return streammerge("status", "--clean", *more, *map(str, journals), env=environment(None))


def test_one_that_is_no_journal_hides_none(tmp_path: Path) -> None:
    """It is named on stderr, the others are told of, and the exit code says that the input was wrong."""
    one, other = journal(tmp_path / "one", complete=True), journal(tmp_path / "other", complete=False)
    diary, missing = tmp_path / "diary", tmp_path / "missing"
    diary.write_text("Dear diary\n")
    ended = streammerge("status", *map(str, (one, diary, missing, other)), "--json", env=environment(None))
    assert ended.code == ended.report["exit_code"] == 2
    assert [told["job"] for told in ended.report["journals"]] == ["job one", "job other"]
    assert f"{diary} is not a streammerge journal" in ended.report["error"]
    assert f"there is no journal {missing}" in ended.err


def test_journals_of_completed_jobs_are_removed(tmp_path: Path) -> None:
    """No other is, nor one that a run has; without a terminal nothing is, unless --yes says so."""
    done, held, undone = (journal(tmp_path / name, complete=name != "undone") for name in ("done", "held", "undone"))
    weighed = streammerge("status", str(done), str(undone), env=environment(None))
    assert "`streammerge status --clean` removes them" in " ".join(weighed.out.split())
    refused = clean([done, held, undone])
    assert (refused.code, done.exists()) == (2, True)
    assert "pass --yes" in refused.err
    size = done.stat().st_size
    with FileStorage(held):
        ended = clean([done, held, undone], "--yes", "--json")
    assert (ended.code, ended.report) == (0, {"removed": [str(done)], "bytes": size})
    assert [path.exists() for path in (done, held, undone)] == [False, True, True]
    again = clean([held, undone], "--yes")
    assert (again.code, again.out) == (0, f"Removed 1 journal ({size} B)\n")
    assert clean([undone], "--yes").out == "No journal of a completed job\n"
    assert undone.exists()


@pytest.mark.parametrize(("answer", "stays"), [("n\n", True), ("y\n", False), ("\n", True)])
def test_it_asks_on_a_terminal(tmp_path: Path, answer: str, *, stays: bool) -> None:
    """It shows what would go, and takes anything but a yes for a no."""
    done = journal(tmp_path / "done", complete=True)
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "streammerge", "status", "--clean", str(done)]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=environment(None)) as process:
        os.close(end)
        os.write(terminal, answer.encode())
        shown = b""
        while b"emoved" not in shown.partition(b"[y/N]")[2]:
            shown += os.read(terminal, 4096)
    os.close(terminal)
    assert process.returncode == 0
    assert b"job done" in shown
    assert done.exists() == stays
