"""Whatever ends a merge early: what S3 had been asked for by then is made, and it is in the journal and the report."""

import contextlib
import resource
import signal
import threading
from pathlib import Path

import pytest

from command import Ended, environment, finished, started, streammerge
from leftovers import until
from scripted_s3 import Kept, Request, ScriptedS3, md5_of
from stub_s3 import Answer, refusal, stub_s3

_BOUND = 60.0  # seconds
_SLOW = [f"into/ada/{number}.jpg" for number in range(3)]  # fewer than the limiter ever allows
_OTHERS = [f"into/bob/{number:03}.jpg" for number in range(300)]
_ARGUMENTS = ("merge", "s3://bucket/from/", "--into", "s3://bucket/into/", "--min-images", "1", "--json")


class _Server(ScriptedS3):
    """Makes the slow copies only when it is let go; by then the cause of the end, an answer to the others, has come."""

    def __init__(self, *, others: Answer | None = None, listing: Answer | None = None, answers: int = 1) -> None:
        super().__init__({key.replace("into/", "from/"): Kept(md5_of(key)) for key in _SLOW + _OTHERS}, self._script)
        self.all_in_flight = threading.Event()
        self.go = threading.Event()
        self._others = others
        self._listing = listing
        self._in_flight = 0
        self._answers = answers  # that are the cause together
        self._lock = threading.Lock()

    @property
    def made(self) -> list[str]:
        """The keys at the destination."""
        return [key for key in list(self.objects) if key.startswith("into/")]

    def _script(self, request: Request) -> Answer | None:
        if request.operation == "copy" and request.key in _SLOW:
            with self._lock:
                self._in_flight += 1
                if self._in_flight == len(_SLOW):
                    self.all_in_flight.set()
            assert self.go.wait(_BOUND)
        elif request.operation == "copy" and self._others:
            return self._cause(self._others)
        elif request.operation == "list" and self._listing and request.query["prefix"] == "from/":
            if "start-after" in request.query:  # of another key range
                return self.page(request, keys=False)
            if "continuation-token" in request.query:
                return self._cause(self._listing)
            return self.page(request, token="more") if "delimiter" not in request.query else None
        return None

    def _cause(self, answer: Answer) -> Answer:
        assert self.all_in_flight.wait(_BOUND)
        with self._lock:
            self._answers -= 1
            last = not self._answers
        if last:
            timer = threading.Timer(0.5, self.go.set)  # after the cause has come
            timer.daemon = True
            timer.start()
        return answer


def _check(server: _Server, ended: Ended, journal: Path, *, reason: str) -> None:
    """Everything that was made is told, and so is the reason."""
    until(lambda: set(_SLOW) <= set(server.made))
    report = ended.report
    assert reason in report["stopped"]
    assert "nterrupted" not in ended.err
    assert report["copied"] == len(server.made)
    (told,) = streammerge("status", str(journal), "--json", env=environment(None)).report["journals"]
    assert told["copied"] == len(server.made)
    assert reason in told["runs"][-1]["reason"]


@pytest.mark.parametrize(
    ("server", "more", "code", "reason"),
    [
        (_Server(others=refusal(400, "InvalidRequest"), answers=4), ("--max-failures", "3"), 3, "--max-failures"),
        (
            _Server(others=refusal(500, "InternalError"), answers=64),
            ("--attempts", "1"),
            3,
            "fails every request",
        ),
        (
            _Server(listing=refusal(403, "AccessDenied")),
            ("--listing-order", "sorted"),
            1,
            "cannot be listed completely",
        ),
    ],
    ids=["max failures", "circuit breaker", "failed listing"],
)
def test_what_was_in_flight_is_made_and_recorded(
    tmp_path: Path, server: _Server, more: tuple[str, ...], code: int, reason: str
) -> None:
    """The cause is told as it is, after the copies in flight have come to their end."""
    journal = tmp_path / "journal"
    with stub_s3(server) as running:
        ended = streammerge(*_ARGUMENTS, *more, "--journal", str(journal), env=environment(running))
        server.go.set()
        assert ended.code == code, ended.err
        _check(server, ended, journal, reason=reason)


def test_a_full_disk_under_the_journal(tmp_path: Path) -> None:
    """It is no interruption; when there is room again by the end, the journal has all that was made."""
    server, journal = _Server(), tmp_path / "journal"
    with stub_s3(server) as running:
        env = environment(running)
        with started(*_ARGUMENTS, "--journal", str(journal), env=env) as process:
            assert server.all_in_flight.wait(_BOUND)
            size = journal.stat().st_size
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            assert process.stderr is not None
            said = next(line for line in process.stderr if line.startswith("Stopping; copies still in flight: "))
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            server.go.set()
            ended = finished(process, env)
        assert "Waiting up to 10 seconds" in said
        assert ended.code == 3, ended.err
        _check(server, ended, journal, reason="cannot write the journal")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        pytest.param((), "", id="whole"),
        pytest.param(
            ("--multipart-threshold", "2", "--part-size", "1"),
            "aws s3api abort-multipart-upload",
            id="in parts",
            marks=pytest.mark.full,
        ),
        pytest.param(
            ("--journal", "s3://bucket/log/"), "The journal s3://bucket/log/ is incomplete", id="journal in S3"
        ),
    ],
)
def test_an_interruption_is_over_soon(tmp_path: Path, more: tuple[str, ...], named: str) -> None:
    """Though S3 answers nothing any more: within 15 seconds, and what could not be cleaned up is named."""
    server = _Server()
    never = threading.Event()

    def script(request: Request) -> Answer | None:
        if request.key.startswith("log/") and not server.all_in_flight.is_set():  # the journal's beginning
            return Answer(200, headers={"ETag": f'"{md5_of("")}"'})
        if request.operation in ("part", "copy", "abort"):
            server.all_in_flight.set()
            assert never.wait(_BOUND)
            return refusal(503, "SlowDown")
        return None

    server.script = script
    with stub_s3(server) as running, contextlib.ExitStack() as stack:
        stack.callback(never.set)
        env = environment(running, XDG_STATE_HOME=str(tmp_path))
        with started(*_ARGUMENTS, *more, env=env) as process:
            assert server.all_in_flight.wait(_BOUND)
            process.send_signal(signal.SIGINT)
            ended = finished(process, env, timeout=25)  # beyond what is promised: the machine is shared
        assert ended.code == 130
        assert ended.report["stopped"] == "interrupted"
        assert named in ended.err
