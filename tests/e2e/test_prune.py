"""`merge --prune` on real servers: what it removes, what it asks, and when it removes nothing."""

import os
import pty
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from command import Ended, environment, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge.journal.format import from_line

_BOUND = 60.0
_PLANNED = {"ada/1.jpg": b"first", "ada/2.jpg": b"second", "bob/1.jpg": b"1", "bob/2.jpg": b"2"}
_STALE = {
    "ada/9.jpg": b"not in the plan",
    "zoe/1.jpg": b"of no source",
    "zoe/a\x01b\tc.jpg": b"a key that XML cannot carry",
    "train.rec": b"",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A source, and a destination with more than the plan wants, beside a prefix that begins the same."""

    server: Server
    client: Any
    bucket: str
    into: str

    @property
    def arguments(self) -> list[str]:
        """What is to be merged."""
        return [f"s3://{self.bucket}/one/", "--into", f"s3://{self.bucket}/{self.into}"]

    def merge(self, *more: str) -> Ended:
        """Run it, without a terminal."""
        return streammerge("merge", *self.arguments, "--json", *more, server=self.server)

    def at(self, prefix: str) -> set[str]:
        """What is there."""
        return set(contents(self.client, self.bucket, prefix))


def _place(server: Server) -> Iterator[Place]:
    client = connect(server)
    place = Place(server, client, new_bucket(client), f"merged/{uuid.uuid4().hex}/")
    beside = place.into.rstrip("/") + "2/zoe/1.jpg"
    put_all(client, place.bucket, {f"one/{key}": body for key, body in _PLANNED.items()} | {beside: b"beside"})
    put_all(client, place.bucket, {place.into + key: body for key, body in _STALE.items()})
    yield place
    assert place.at(beside) == {""}, "only what is below the destination may be touched"
    assert place.at("one/") == set(_PLANNED)
    client.close()


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    """On each server in turn."""
    yield from _place(server)


@pytest.fixture
def here(moto_server: Server) -> Iterator[Place]:
    """Where any server will do."""
    yield from _place(moto_server)


def test_prune_leaves_what_the_plan_wants(place: Place, tmp_path: Path) -> None:
    """What is not in the plan is told by reason, recorded, removed and counted; verify finds nothing to say."""
    journal = tmp_path / "journal"
    page = tmp_path / "page.html"
    ended = place.merge("--prune", "--yes", "--journal", str(journal), "--html", str(page))
    assert ended.code == 0, ended.err
    report = ended.report
    assert (report["removed"], report["not_removed"], report["unplanned"]) == (len(_STALE), 0, 0)
    assert (report["unplanned_reasons"], report["recordio"], report["unplanned_examples"]) == ({}, [], [])
    assert f"To remove: {len(_STALE)} unplanned objects in s3://{place.bucket}/{place.into}" in ended.err
    assert "no source  objects: 2\n" in ended.err
    assert report["requests"]["delete"]
    assert "other" not in report["requests"]
    assert report["removed_reasons"] == {"in no folder": 1, "no source": 2, "not in the plan of its identity": 1}
    gone = {key for keys in report["removed_examples"].values() for key in keys}
    assert gone == {place.into + key for key in _STALE}
    assert page.read_text("utf-8").count("Removed because") == 1 + 3  # the head, and on a phone before each reason
    assert place.at(place.into) == set(_PLANNED)
    did = [record for record in map(from_line, journal.read_bytes().splitlines(keepends=True)) if record]
    assert {record["target"] for record in did if record["did"] == "removed"} == {place.into + key for key in _STALE}
    verified = streammerge("verify", *place.arguments, "--json", server=place.server)
    assert (verified.code, verified.report["exact"]) == (0, True)


def test_nothing_is_removed_unless_every_copy_succeeded(here: Place, tmp_path: Path) -> None:
    """After a conflict every unplanned object stays: exit 3, with the reason; status does not send for another run."""
    journal = str(tmp_path / "journal")
    here.client.put_object(Bucket=here.bucket, Key=f"{here.into}ada/1.jpg", Body=b"something else")
    ended = here.merge("--prune", "--yes", "--journal", journal)
    assert (ended.code, ended.report["removed"], ended.report["unplanned"]) == (3, 0, len(_STALE))
    assert ended.report["not_pruned"] == "not removed because of 1 conflict"
    assert here.at(here.into) == {*_PLANNED, *_STALE}
    told = streammerge("status", journal).out
    assert "JOB INCOMPLETE" in told
    assert "To resolve 1 conflict of" in told
    assert "run the same command again" not in told


def test_refused_before_anything_is_done(here: Place) -> None:
    """Without a terminal to ask on, without --prune to say yes to, and for a whole bucket: exit 2, nothing copied."""
    whole = ["merge", f"s3://{here.bucket}/one/", "--into", f"s3://{new_bucket(here.client)}/", "--json"]
    for ended, named in (
        (here.merge("--prune"), "--yes"),
        (here.merge("--yes"), "--prune"),
        (streammerge(*whole, "--prune", "--yes", server=here.server), "a destination with a prefix"),
    ):
        assert ended.code == 2
        assert named in ended.report["error"]
    assert here.at(here.into) == set(_STALE)


@pytest.mark.parametrize(("answer", "removed"), [(b"y\n", True), (b"\n", False), (b"\x04", False)])
def test_the_question_on_a_terminal(here: Place, answer: bytes, *, removed: bool) -> None:
    """Only a yes removes; a no, and the end of input, leave everything, and the merge is complete all the same."""
    code, shown = _on_a_terminal(here, answer)
    assert code == 0, shown
    assert "To remove: 4 unplanned objects in s3://" in shown
    assert (
        "no source  objects: 2" in shown.rpartition("MERGE COMPLETE")[2]
        if removed
        else ("Unplanned:     4 (not confirmed)" in shown)
    )
    assert here.at(here.into) == (set(_PLANNED) if removed else {*_PLANNED, *_STALE})


def test_interrupted_at_the_question(here: Place) -> None:
    """Ctrl-C is no yes: exit 130, everything stays, what was copied too."""
    code, shown = _on_a_terminal(here, b"\x03")
    assert code == 130, shown
    assert "Planned: 2 identities with 4 images: 4 copied" in shown
    assert "Nothing was removed: 4 unplanned objects (not confirmed)" in shown
    assert here.at(here.into) == {*_PLANNED, *_STALE}


def _on_a_terminal(place: Place, answer: bytes) -> tuple[int, str]:
    """Run it on a terminal of its own, and answer its question; exit code, and what the terminal showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streammerge", "merge", *place.arguments, "--prune"]
    # Whoever leads a session and opens a terminal gets Ctrl-C from it.
    opening = ["sh", "-c", 'exec "$@" 0<>"$0"', os.ttyname(theirs)]
    process = subprocess.Popen(
        [*opening, *command], env=environment(place.server), stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, until = b"", time.monotonic() + _BOUND
    try:
        while time.monotonic() < until:
            if wait([ours], 0.1):
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # the other side has gone
                    break
            if answer and b"[y/N]" in shown:
                os.write(ours, answer)
                answer = b""
        return process.wait(_BOUND), shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)
