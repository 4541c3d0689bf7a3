"""Journals as users meet them: in S3 for another machine, on a full disk, held by a process, told by `status`."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, environment, started, streammerge
from fault_proxy import Exchange, Fault, fault_proxy
from leftovers import until
from oracle import contents
from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from seeding import new_bucket, put_all, put_in_parts
from servers import Server, connect
from streammerge.dataset.job import make_job
from streammerge.dataset.objects import Location
from streammerge.errors import IncompleteError
from streammerge.journal import lease
from streammerge.journal.format import began
from streammerge.journal.history import History
from streammerge.journal.journal import open_journal, read_history
from streammerge.journal.storage import FileStorage, S3Storage
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.options import Options
from streammerge.transfer.deadline import Deadline
from stub_s3 import Answer, refusal, stub_s3

_IMAGES = [f"one/id{number % 4}/{number:02}.jpg" for number in range(24)]


@dataclass(frozen=True, slots=True)
class Place:
    """A source and a destination that nobody else uses."""

    server: Server
    client: Any
    bucket: str

    def run(self, command: str, *more: str, state: Path | None = None) -> Ended:
        """Run a command on them, on a machine whose state directory this is."""
        arguments = [f"s3://{self.bucket}/one/", "--into", f"s3://{self.bucket}/into/", "--json", *more]
        env = environment(self.server, **({"XDG_STATE_HOME": str(state)} if state else {}))
        return streammerge(command, *arguments, env=env)


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
    fixed = place.run("merge", *journal, "--if-exists", "overwrite", state=tmp_path / "b")
    assert (fixed.code, fixed.report["copied"]) == (0, 1)
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
        async with open_client(Options(endpoint_url=place.server.endpoint_url, attempts=2)) as store:
            await _two_writers(where, store)
    assert contents(place.client, place.bucket, "journal/").keys() == {"00000001.journal", "00000002.journal"}


async def test_a_second_run_with_a_journal_in_s3_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run goes on another one stops before it does anything; the first records all, and leaves no lease."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.server.secret_key)
    monkeypatch.setattr(lease, "_RENEWED", 0.2)
    job = make_job([f"s3://{place.bucket}/one/"], into=f"s3://{place.bucket}/into/")
    url = f"s3://{place.bucket}/log/"
    async with open_client(Options(endpoint_url=place.server.endpoint_url, attempts=2)) as store:
        async with open_journal(url, job, store, deadline=Deadline()) as journal:
            assert journal is not None
            refused = await asyncio.to_thread(place.run, "merge", "--journal", url)
            await journal.removing(["into/id0/x.jpg"])
        history = await read_history(url, job, store)
    assert refused.code == 2
    assert "another run of this job is in progress" in refused.report["error"]
    assert contents(place.client, place.bucket, "into/") == {}
    assert history.damaged == 0
    assert contents(place.client, place.bucket, "log/").keys() == {"00000001.journal", "00000002.journal"}


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_killed_run_is_succeeded(seaweed: Server, monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool) -> None:
    """On its machine the next run finds its process gone; on another one it waits until the lease is stale."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweed.secret_key)
    monkeypatch.setattr(lease, "_LOOK", 0.1)
    stale = 2.0 if elsewhere else 3600.0
    monkeypatch.setattr(lease, "_STALE", stale)
    held = Fault(Exchange.until_left, on=("copy",))
    with contextlib.contextmanager(_place)(seaweed) as place, fault_proxy(seaweed, held) as proxy:
        where = Location(place.bucket, "log/")
        job = [f"s3://{place.bucket}/one/", "--into", f"s3://{place.bucket}/into/"]
        with started("merge", *job, "--journal", str(where), env=environment(proxy.server)) as process:
            await asyncio.to_thread(until, lambda: proxy.struck[held] > 0)
            process.kill()
            process.wait(60)
        if elsewhere:
            monkeypatch.setattr(lease, "_process", lambda _: {"system": "another"})
        async with open_client(Options(endpoint_url=seaweed.endpoint_url)) as store:
            await store.probe(where)
            began = time.monotonic()
            async with asyncio.timeout(60), lease.leased(where, store.objects_at(where), Deadline()):
                waited = time.monotonic() - began
        assert (waited >= stale) == elsewhere
        resumed = place.run("merge", "--journal", str(where))
    assert (resumed.code, resumed.report["images"]) == (0, len(_IMAGES))


def test_a_store_without_conditions_is_warned_of() -> None:
    """Its 501 is no end: without the condition it takes both, lease and segments, and what that may cost is said."""
    kept = {"one/ada/1.jpg": Kept(md5_of("1"))}

    def script(request: Request) -> Answer | None:
        if request.operation != "copy" or "x-amz-copy-source" in request.headers:
            return None
        if "if-none-match" in request.headers or "if-match" in request.headers:
            return refusal(501, "NotImplemented")
        s3.objects[request.key] = Kept(md5_of(request.key))
        return Answer(200, headers={"ETag": f'"{md5_of(request.key)}"'})

    s3 = ScriptedS3(kept, script)
    with stub_s3(s3) as server:
        ended = streammerge(
            "merge", "s3://bucket/one/", "--into", "s3://bucket/into/", "--min-images", "1",
            "--journal", "s3://bucket/log/", env=environment(server), timeout=60,
        )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "does not implement If-None-Match on PutObject: a second run of this job may start" in ended.err
    assert "log/00000001.journal" in s3.objects


async def _two_writers(where: Location, store: S3Client) -> None:
    first, second = S3Storage(where, store), S3Storage(where, store)
    for segments in (first, second):
        await segments.learn(History(), "job")
    await first.append(b"one\n")
    with pytest.raises(IncompleteError, match="another run of this job is in progress"):
        await second.append(b"two\n")
    repeated = S3Storage(where, store)
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
    said = "Choose another place with --journal, or pass --no-journal"
    assert refused.report["error"] == f"cannot write the journal journal: File too large. {said}"
    stopped = _with_file_limit(here, journal, 1)
    assert stopped.code == 3
    assert "cannot write the journal" in stopped.report["error"]
    to_go_on = streammerge("status", str(journal), "--json").report["journals"][0]["command"]
    assert f"Resume with: {to_go_on}\n" in streammerge("status", str(journal)).out
    elsewhere = environment(here.server, PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    del elsewhere["AWS_ENDPOINT_URL"]  # another shell has the keys at most
    again = subprocess.run(
        ["bash", "-euc", to_go_on], cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=60, check=True
    )
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
    with FileStorage(journal):
        refused = here.run("merge", "--journal", str(journal))
        assert refused.code == 2
        assert "another run of this job is in progress" in refused.report["error"]
        told = streammerge("status", str(journal), env=offline)
        assert "JOB RUNNING" in told.out
    assert journal.read_bytes() == before
    told = streammerge("status", str(journal), "--json", env=offline)
    assert told.code == 0
    (found,) = told.report["journals"]
    assert (found["state"], found["held"], found["copied"], found["bytes"]) == ("complete", False, 24, 24)
    assert found["size"] == len(before)


def test_status_of_a_job_that_was_refused(here: Place, tmp_path: Path) -> None:
    """Wrong input, here an archived image: nothing was copied, and status does not propose to run it again."""
    here.client.put_object(Bucket=here.bucket, Key="one/id0/old.jpg", Body=b"x", StorageClass="GLACIER")
    journal = tmp_path / "journal"
    refused = here.run("merge", "--journal", str(journal))
    assert refused.code == 2
    assert "1 image to copy archived" in refused.report["error"]
    told = streammerge("status", str(journal)).out
    assert "JOB REFUSED" in told
    assert "Resume with" not in told


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
        "error": f"{tmp_path / 'diary'} is not a streammerge journal",
        "exit_code": 2,
    }


@pytest.mark.parametrize("home", ["raise RuntimeError(name)", "return pathlib.Path('~/.local/state', name)"])
def test_nobody_has_a_home_directory(here: Place, tmp_path: Path, home: str) -> None:
    """In a container whose user has none, merge asks for a place, and what only reads a journal needs none."""
    (tmp_path / "platformdirs.py").write_text(f"import pathlib\ndef user_state_path(name):\n    {home}\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    env = environment(here.server, PYTHONPATH=path)
    said = "streammerge: there is no directory for journals: HOME is not set, and this user has no home directory. "
    said += "Set HOME or XDG_STATE_HOME"
    job = (f"s3://{here.bucket}/one/", "--into", f"s3://{here.bucket}/into/")
    for command, code, message in (
        (("plan", *job), 0, ""),
        (("merge", *job), 2, f"{said}, choose a place with --journal, or pass --no-journal\n"),
        (("merge", *job, "--no-journal"), 0, ""),
        (("verify", *job), 0, ""),
        (("status",), 2, f"{said}\n"),
    ):
        ended = streammerge(*command, env=env)
        assert ended.code == code, ended.err
        assert message in ended.err
