"""Multipart uploads of a run that was killed: the next run of the job aborts them, and no others."""

import threading
import time
from pathlib import Path

import pytest

from command import environment, finished, started, streammerge, workers_of
from scripted_s3 import Kept, Request, Script, ScriptedS3, md5_of
from streammerge.journal.history import History
from streammerge.journal.storage import learn_file
from stub_s3 import Answer, refusal, stub_s3

_BOUND = 60.0
_LARGE = {f"from/ada/{number}.jpg": Kept(md5_of(f"{number}")) for number in range(3)}
_ARGUMENTS = ["merge", "s3://bucket/from/", "--into", "s3://bucket/into/", "--min-images", "1"]
_ARGUMENTS += ["--multipart-threshold", "2", "--part-size", "4", "--attempts", "1", "--json"]


def _uploads(journal: Path) -> dict[str, str]:
    """What is open, as a journal says; whichever job it is of."""
    history = History()
    fingerprint = journal.read_text().partition('"fingerprint":"')[2].partition('"')[0]
    learn_file(history, journal, fingerprint)
    return history.uploads


def _held(came: threading.Semaphore, killed: threading.Event) -> Script:
    """Parts wait until somebody was killed."""

    def script(request: Request) -> Answer | None:
        if request.operation == "part" and not killed.is_set():
            came.release()
            assert killed.wait(_BOUND)
        return None

    return script


def test_what_a_killed_run_left_is_aborted_by_the_next(tmp_path: Path) -> None:
    """Each was recorded before its first part; somebody else's upload, of the same key even, stays."""
    killed, came = threading.Event(), threading.Semaphore(0)
    s3 = ScriptedS3(dict(_LARGE), _held(came, killed))
    s3.uploads["foreign"] = {}
    journal = tmp_path / "journal"
    with stub_s3(s3) as server:
        env = environment(server)
        with started(*_ARGUMENTS, "--journal", str(journal), env=env) as process:
            for _ in range(3):
                assert came.acquire(timeout=_BOUND)
            process.kill()
            process.wait(_BOUND)
        killed.set()
        left = _uploads(journal)
        assert left.keys() <= s3.uploads.keys()
        assert len(left) == 3
        ended = streammerge(*_ARGUMENTS, "--journal", str(journal), env=env)
    assert ended.code == 0, ended.err
    assert "Aborted 3 multipart uploads that an earlier run of this job left behind" in ended.err
    assert s3.uploads == {"foreign": {}}
    assert (s3.count("abort"), ended.report["copied"]) == (3, 3)
    assert _uploads(journal) == {}


@pytest.mark.parametrize("workers", [(), ("--workers", "1", "--listing-order", "sorted")], ids=["alone", "worker"])
def test_what_a_run_that_was_killed_has_begun_and_not_heard_of(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """The server has begun the uploads, and the answer is on its way; an older upload of the same key stays."""
    killed, came = threading.Event(), threading.Semaphore(0)

    def script(request: Request) -> Answer | None:
        if request.operation != "create" or killed.is_set():
            return None
        answer = s3._create(request)
        came.release()
        assert killed.wait(_BOUND)
        return answer

    s3 = ScriptedS3(dict(_LARGE), script)
    arguments = [*_ARGUMENTS, *workers, "--journal", str(tmp_path / "journal")]
    with stub_s3(s3) as server:
        env = environment(server)
        with started(*arguments, env=env) as process:
            for _ in range(3):
                assert came.acquire(timeout=_BOUND)
            left = workers_of(process.pid)
            process.kill()
            process.wait(_BOUND)
            for worker in left:
                worker.wait(_BOUND)
        killed.set()
        assert len(s3.uploads) == 3
        s3.uploads["foreign"], s3.begun["foreign"] = {}, (s3.begun["upload-1"][0], time.time() - 3600)
        ended = streammerge(*arguments, env=env)
    assert ended.code == 0, ended.err
    assert "Aborted 3 multipart uploads that an earlier run of this job left behind" in ended.err
    assert (s3.uploads, ended.report["copied"]) == ({"foreign": {}}, 3)


@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_what_a_killed_worker_left_is_aborted(tmp_path: Path, victim: str) -> None:
    """By the same run, once another worker has done its task; if the whole run was killed, by the next."""
    killed, came = threading.Event(), threading.Semaphore(0)
    s3 = ScriptedS3(dict(_LARGE), _held(came, killed))
    s3.uploads["foreign"] = {}
    journal = tmp_path / "journal"
    arguments = [*_ARGUMENTS, "--workers", "1", "--listing-order", "sorted", "--journal", str(journal)]
    with stub_s3(s3) as server:
        env = environment(server)
        with started(*arguments, env=env) as process:
            for _ in range(3):
                assert came.acquire(timeout=_BOUND)
            assert len(_uploads(journal)) == 3
            (worker,) = workers_of(process.pid)
            if victim == "worker":
                worker.kill()
                worker.wait(_BOUND)
                killed.set()
                ended = finished(process, env, timeout=_BOUND)
            else:
                process.kill()
                process.wait(_BOUND)
                worker.wait(_BOUND)
                killed.set()
                ended = streammerge(*arguments, env=env)
                assert "Aborted 3 multipart uploads that an earlier run of this job left behind" in ended.err
    assert ended.code == 0, ended.err
    assert s3.uploads == {"foreign": {}}
    assert (s3.count("abort"), ended.report["copied"]) == (3, 3)
    assert _uploads(journal) == {}


def test_an_upload_that_stays_is_named_and_tried_again(tmp_path: Path) -> None:
    """Without the permission to abort it is warned of, the merge goes on, and the next run tries again."""
    script = {"part": refusal(403, "AccessDenied"), "abort": refusal(403, "AccessDenied")}
    s3 = ScriptedS3({"from/ada/0.jpg": Kept(md5_of("0"))}, lambda request: script.get(request.operation))
    journal = tmp_path / "journal"
    with stub_s3(s3) as server:
        env = environment(server)
        streammerge(*_ARGUMENTS, "--journal", str(journal), env=env)
        (upload,) = _uploads(journal)
        del script["part"]
        ended = streammerge(*_ARGUMENTS, "--journal", str(journal), env=env)
        assert (ended.code, ended.report["copied"]) == (0, 1), ended.err
        assert f"--upload-id {upload} (which needs s3:AbortMultipartUpload)" in ended.err
        assert list(_uploads(journal)) == [upload]
        script.clear()
        assert streammerge(*_ARGUMENTS, "--journal", str(journal), env=env).code == 0
    assert (s3.uploads, _uploads(journal)) == ({}, {})
