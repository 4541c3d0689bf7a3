"""Journals as users meet them: in S3 for another machine, on a full disk, held by a process, told by `status`."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, environment, streammerge
from oracle import contents
from seeding import new_bucket, put_all, put_in_parts
from servers import Server, connect
from streammerge.core.keys import Location
from streammerge.core.records import History, began
from streammerge.errors import IncompleteError
from streammerge.places import LocalFile, Segments
from streammerge.s3.options import Options
from streammerge.s3.store import S3Store, open_store

_IMAGES = [f"one/id{number % 4}/{number:02}.jpg" for number in range(24)]


@dataclass(frozen=True, slots=True)
class Place:
    """A source and a destination that nobody else uses."""

    server: Server
    client: Any
    bucket: str

    def run(self, verb: str, *more: str, state: Path | None = None) -> Ended:
        """Run a verb on them, on a machine whose state directory this is."""
        arguments = [f"s3://{self.bucket}/one/", "--into", f"s3://{self.bucket}/into/", "--json", *more]
        env = environment(self.server, **({"XDG_STATE_HOME": str(state)} if state else {}))
        return streammerge(verb, *arguments, env=env)


def _place(server: Server) -> Iterator[Place]:
    with contextlib.closing(connect(server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, dict.fromkeys(_IMAGES, b"x"))
        yield Place(server, client, bucket)


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    """On each server in turn."""
    yield from _place(server)


@pytest.fixture
def here(moto_server: Server) -> Iterator[Place]:
    """Where any server will do."""
    yield from _place(moto_server)


def test_journal_in_s3_serves_another_machine(place: Place, tmp_path: Path) -> None:
    """What one machine recorded, another one knows, and goes on from there; a stranger's key among it is refused."""
    segments = f"journals/of-this-job-{uuid.uuid4().hex}/"
    journal = ("--journal", f"s3://{place.bucket}/{segments}")
    put_in_parts(place.client, place.bucket, "one/id0/parts.jpg", b"content of parts")
    assert place.run("merge", *journal, state=tmp_path / "a").code == 0
    assert sorted(contents(place.client, place.bucket, segments)) == ["00000001.journal", "00000002.journal"]
    put_in_parts(place.client, place.bucket, "into/id0/parts.jpg", b"CONTENT OF PARTS")
    found = place.run("verify", *journal, state=tmp_path / "b")
    assert (found.code, found.report["different_reasons"]) == (4, {"not what the journal recorded": 1})
    mended = place.run("merge", *journal, "--if-exists", "overwrite", state=tmp_path / "b")
    assert (mended.code, mended.report["copied"]) == (0, 1)
    assert len(contents(place.client, place.bucket, segments)) == 4
    put_all(place.client, place.bucket, {f"{segments}notes.txt": b"?"})
    refused = place.run("merge", *journal)
    assert refused.code == 2
    assert "notes.txt" in refused.report["error"]


async def test_second_writer_in_s3_is_noticed(place: Place) -> None:
    """Two runs that began at once: the second to write is stopped; what it sent twice itself is no second writer."""
    where = Location(place.bucket, "journal/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", place.server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", place.server.secret_key)
        async with open_store(Options(endpoint_url=place.server.endpoint_url, attempts=2)) as store:
            await _two_writers(where, store)
    assert contents(place.client, place.bucket, "journal/").keys() == {"00000001.journal", "00000002.journal"}


async def _two_writers(where: Location, store: S3Store) -> None:
    first, second = Segments(where, store), Segments(where, store)
    for segments in (first, second):
        await segments.learn(History(), "job")
    await first.append(b"one\n")
    with pytest.raises(IncompleteError, match="another streammerge is at work"):
        await second.append(b"two\n")
    repeated = Segments(where, store)
    await repeated.append(b"one\n")  # its answer was lost, it was sent again
    await first.append(b"three\n")


def test_journal_in_the_data_is_refused(here: Place) -> None:
    """A journal below a source or the destination would become a part of it."""
    for below in ("one/journal/", "into/", ""):
        refused = here.run("merge", "--journal", f"s3://{here.bucket}/{below}")
        assert refused.code == 2
        assert "overlaps" in refused.report["error"]
    assert contents(here.client, here.bucket, "into/") == {}


def _with_file_limit(here: Place, journal: Path, kilobytes: int) -> Ended:
    """A merge that may not write files larger than this, as if the disk were full."""
    command = [sys.executable, "-m", "streammerge", "merge", f"s3://{here.bucket}/one/", "--json"]
    command += ["--into", f"s3://{here.bucket}/into/", "--journal", journal.name]
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes * 1024},) * 2); "
    script = f"{limit}import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=journal.parent, env=environment(here.server),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def test_full_disk(here: Place, tmp_path: Path) -> None:
    """No room to begin: exit 2, nothing copied. No room to go on: exit 3, and what `status` says then does the rest."""
    journal = tmp_path / "journal"
    refused = _with_file_limit(here, journal, 0)
    assert (refused.code, contents(here.client, here.bucket, "into/")) == (2, {})
    assert "--no-journal" in refused.report["error"]
    stopped = _with_file_limit(here, journal, 1)
    assert stopped.code == 3
    assert "cannot write the journal" in stopped.report["error"]
    to_go_on = streammerge("status", str(journal), "--json").report["journals"][0]["command"]
    assert f"To go on: {to_go_on}\n" in streammerge("status", str(journal)).out
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    again = subprocess.run(
        ["bash", "-euc", to_go_on], cwd=tmp_path, env=environment(here.server, PATH=path), capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    report = json.loads(again.stdout)
    assert report["copied"] + report["already_present"] == len(_IMAGES)
    told = streammerge("status", str(journal), "--json").report["journals"][0]
    assert told["state"] == "complete"
    assert told["damaged"] <= 1  # the line that the full disk cut off


def test_second_process_on_a_job_and_status(here: Place, tmp_path: Path) -> None:
    """The second process is refused and does no damage; status, without any network, says that one is at work."""
    journal = tmp_path / "journal"
    assert here.run("merge", "--journal", str(journal)).code == 0
    before = journal.read_bytes()
    offline = environment(None)
    with LocalFile(journal):
        refused = here.run("merge", "--journal", str(journal))
        assert refused.code == 2
        assert "another streammerge is at work on this job" in refused.report["error"]
        told = streammerge("status", str(journal), env=offline)
        assert "State:    a run is at work" in told.out
    assert journal.read_bytes() == before
    told = streammerge("status", str(journal), "--json", env=offline)
    assert told.code == 0
    (found,) = told.report["journals"]
    assert (found["state"], found["held"], found["copied"], found["bytes"]) == ("complete", False, 24, 24)
    assert found["size"] == len(before)


def test_status_of_the_state_directory(tmp_path: Path) -> None:
    """All journals there; none is none, and what is no journal is a mistake."""
    env = environment(None, XDG_STATE_HOME=str(tmp_path))
    empty = streammerge("status", env=env)
    assert (empty.code, empty.out) == (0, f"No journal in {tmp_path / 'streammerge'}\n")
    for number in range(2):
        path = tmp_path / "streammerge" / f"{number}.journal"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(began("of the job", f"job {number}", "run", 2.0 - number))
    told = streammerge("status", "--json", env=env)
    assert [one["job"] for one in told.report["journals"]] == ["job 1", "job 0"], "newest last"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "streammerge", "status"]
        unsaid = subprocess.run(
            command, env=env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert unsaid.returncode == 1
    assert unsaid.stderr.startswith("streammerge: cannot write the report to stdout: No space left on device")
    (tmp_path / "diary").write_text("Dear diary\n")
    wrong = streammerge("status", str(tmp_path / "diary"), "--json", env=env)
    assert wrong.code == 2
    assert json.loads(wrong.out) == {
        "error": f"{tmp_path / 'diary'} is not a journal of streammerge",
        "exit_code": 2,
    }
