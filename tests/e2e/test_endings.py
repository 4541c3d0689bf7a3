"""How a command ends where somebody who was to read, or a place to write to, is gone by then."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import environment, streammerge
from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from servers import Server
from stub_s3 import stub_s3

_BOUND = 60.0  # seconds
_MERGE = ("merge", "s3://bucket/photos/", "--into", "s3://bucket/merged/")


def _three_identities() -> ScriptedS3:
    keys = [f"photos/id{number}/{name}.jpg" for number in range(3) for name in "ab"]
    return ScriptedS3({key: Kept(md5_of(key)) for key in keys})


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with a small source."""
    with stub_s3(_three_identities()) as running:
        yield running


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (_MERGE, 1),
        (("plan", *_MERGE[1:]), 1),
        (("verify", *_MERGE[1:]), 4),
        (("inspect", _MERGE[1]), 1),
    ],
)
def test_page_that_cannot_be_written(server: Server, tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """The report is shown all the same, and with --json it is one object that has the error, too."""
    (tmp_path / "page.html.partial").mkdir()
    env = environment(server, XDG_STATE_HOME=str(tmp_path))
    ended = streammerge(*arguments, "--html", str(tmp_path / "page.html"), "--json", env=env)
    said = f"cannot write {tmp_path / 'page.html'}: Is a directory"
    assert ended.code == code, ended.err
    assert f"streammerge: {said}\n" in ended.err
    assert "Wrote page" not in ended.err
    assert (ended.report["error"], ended.report["exit_code"]) == (said, code)
    assert ended.report["command" if arguments[0] != "inspect" else "prefixes"]


@pytest.mark.parametrize("gone", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_interrupted_with_its_readers(tmp_path: Path, gone: tuple[str, ...]) -> None:
    """Ctrl-C ends `tee` and `jq`, too: copies in flight are finished and recorded, and there are page and exit code."""
    store = _three_identities()

    def slow(request: Request) -> None:
        if request.operation == "copy":
            time.sleep(1)

    store.script = slow
    read, write = os.pipe()
    with stub_s3(store) as server:
        env = environment(server, XDG_STATE_HOME=str(tmp_path))
        command = [sys.executable, "-m", "streammerge", *_MERGE, "--json", "--html", str(tmp_path / "page.html")]
        out, err = (write if name in gone else subprocess.DEVNULL for name in ("stdout", "stderr"))
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
            os.close(write)
            until = time.monotonic() + _BOUND
            while store.count("copy") < 6 and time.monotonic() < until:
                time.sleep(0.01)
            os.close(read)
            process.send_signal(signal.SIGINT)
            assert process.wait(_BOUND) == 130
    assert "<title>Merge: interrupted</title>" in (tmp_path / "page.html").read_text("utf-8")
    (told,) = json.loads(streammerge("status", "--json", env=env).out)["journals"]
    assert told["copied"] == store.count("copy") == 6


def test_journal_that_is_gone_by_then(tmp_path: Path) -> None:
    """Somebody has removed it while the merge went on: there is nothing to say of it, and the report is shown."""
    journal, store = tmp_path / "journal", _three_identities()

    def remove(request: Request) -> None:
        if request.operation == "copy":
            journal.unlink(missing_ok=True)

    store.script = remove
    with stub_s3(store) as running:
        ended = streammerge(*_MERGE, "--listing-order", "sorted", "--journal", str(journal), server=running)
    assert (ended.code, ended.err) == (0, "")
    assert "MERGE COMPLETE" in ended.out
    assert "Journal:" not in ended.out


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_without_stdin_stdout_or_stderr(server: Server, tmp_path: Path, closed: str) -> None:
    """As some that start daemons close them: no socket takes their place, and nothing is written into one."""
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "streammerge", *_MERGE, "--listing-order", "any", "--html", str(page)]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *command],
        env=environment(server, XDG_STATE_HOME=str(tmp_path)), capture_output=True, text=True, timeout=_BOUND,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "" if "2>&-" in closed else f"Wrote page {page}\n")
    assert ("MERGE COMPLETE" in done.stdout) == (">&-" not in closed.split())
    assert "<title>Merge: complete</title>" in page.read_text("utf-8")


def test_the_terminal_goes_away(tmp_path: Path) -> None:
    """The kernel hangs up: copies in flight are finished and recorded, the page is written, the exit code is 129."""
    store, page = _three_identities(), tmp_path / "page.html"

    def slow(request: Request) -> None:
        if request.operation == "copy":
            time.sleep(1)

    store.script = slow
    controller, terminal = pty.openpty()
    with stub_s3(store) as server:
        env = environment(server, XDG_STATE_HOME=str(tmp_path))
        command = [sys.executable, "-m", "streammerge", *_MERGE, "--listing-order", "any", "--html", str(page)]
        login = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        with subprocess.Popen(
            [sys.executable, "-c", login, *command],
            env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        ) as process:  # fmt: skip
            os.close(terminal)
            until = time.monotonic() + _BOUND
            while store.count("copy") < 6 and time.monotonic() < until:
                time.sleep(0.01)
            os.close(controller)
            assert process.wait(_BOUND) == 129
    assert "<title>Merge: interrupted</title>" in page.read_text("utf-8")
    (told,) = json.loads(streammerge("status", "--json", env=env).out)["journals"]
    assert told["copied"] == store.count("copy") == 6


def test_log_file_on_a_full_disk(server: Server, tmp_path: Path) -> None:
    """It is told once, and the run goes on without."""
    env = environment(server, XDG_STATE_HOME=str(tmp_path))
    ended = streammerge(*_MERGE, "--log-file", "/dev/full", "--json", env=env)
    assert (ended.code, ended.report["copied"]) == (0, 6)
    said = "streammerge: cannot write --log-file /dev/full: No space left on device. No more is logged there\n"
    assert ended.err.count("/dev/full") == ended.err.count(said) == 1


def test_log_file(tmp_path: Path) -> None:
    """What a run tells is in the file, with times, whatever stderr shows; a second run is appended."""
    log, store = tmp_path / "log", _three_identities()
    with stub_s3(store) as server:
        env = environment(server, XDG_STATE_HOME=str(tmp_path))
        done = streammerge(*_MERGE, "--log-file", str(log), "-q", env=env)
        failed = streammerge(
            "merge", "s3://bucket/nothing/", "--into", "s3://bucket/merged/", "--log-file", str(log), env=env
        )
    assert (done.code, done.err) == (0, "")
    assert failed.code == 2
    lines = log.read_text("utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) ", line) for line in lines), lines
    texts = [line.split(" ", 2)[2] for line in lines]
    assert texts[0] == f"streammerge {' '.join(_MERGE)} --log-file {log} -q"
    assert "exit code 0" in texts
    assert texts[-1] in failed.err
