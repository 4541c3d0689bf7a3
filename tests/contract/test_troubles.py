"""Failures that were silent or ended in a traceback once: told by a stub, seen in the store or in the real command."""

import asyncio
import calendar
import contextlib
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from command import Ended, environment, finished, started, streammerge
from leftovers import until
from scripted_s3 import Kept, Request, ScriptedS3, follow_no_script, md5_of, whole_etag
from servers import Server
from streammerge import merge
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import DeniedError, IncompleteError, ObjectError, RunError, TransientError, UsageError
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.planning.report import Report
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.options import ListingOrder, Options
from stub_s3 import Answer, refusal, stub_s3

_BOUND = 120.0  # seconds; whatever takes longer hangs
_SOURCE, _DESTINATION = Location("bucket", "from/"), Location("bucket", "into/")
_IMAGES = {f"from/ada/{number}.jpg": Kept(md5_of(str(number))) for number in range(3)}
_LARGE = "from/ada/large.jpg"
_LARGE_TARGET = "into/ada/large.jpg"
_COPY = CopyTask(S3Object(_LARGE, 3, md5_of("large"), "2026-01-01T00:00:00.000Z"), 0, _LARGE_TARGET, "ada")
_ARGUMENTS = ("merge", "s3://bucket/from/", "--into", "s3://bucket/into/", "--min-images", "1", "--attempts", "2")
_KMS = {"x-amz-server-side-encryption": "aws:kms"}
_PROBES = 3  # of the destination, the folders of a source, and its first objects
_NEWER = "2026-03-01T00:00:00.000Z"


@contextlib.contextmanager
def _served(s3: ScriptedS3) -> Iterator[Server]:
    """The stub, with the environment of this process so that it is found."""
    with stub_s3(s3) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        yield server


@contextlib.asynccontextmanager
async def _store(s3: ScriptedS3) -> AsyncIterator[S3Client]:
    """A store that copies in parts of one byte, probed."""
    with _served(s3) as server:
        options = Options(endpoint_url=server.endpoint_url, timeout=60, attempts=2, multipart_threshold=2, part_size=1)
        async with open_client(options) as store:
            await store.probe(_SOURCE)
            yield store


def _job() -> Job:
    return make_job(["s3://bucket/from/"], into="s3://bucket/into/", min_images=1)


async def _merge(s3: ScriptedS3, *, order: ListingOrder = "any") -> Report:
    """Merge in this process, within bounds."""
    with _served(s3) as server:
        options = Options(endpoint_url=server.endpoint_url, timeout=60, attempts=2, listing_order=order)
        async with asyncio.timeout(_BOUND):
            return await merge(_job(), options)


def _run(s3: ScriptedS3, *arguments: str, **more: str) -> Ended:
    """Merge by the real command."""
    with stub_s3(s3) as server:
        in_order = ("--listing-order", "sorted")  # or its line of advice would be among what is told
        return streammerge(*_ARGUMENTS, *in_order, *arguments, env=environment(server, **more), timeout=_BOUND)


def _only_line(ended: Ended) -> str:
    """The one line that a command which failed says."""
    (line,) = ended.err.splitlines()
    assert line.startswith("streammerge: ")
    return line


class _Held:
    """A script that holds requests of one kind back until it is told to let go."""

    def __init__(self, operation: str, then: Callable[[Request], Answer | None] = follow_no_script) -> None:
        self.came = threading.Event()
        self.go = threading.Event()
        self._operation = operation
        self._then = then

    def __call__(self, request: Request) -> Answer | None:
        if request.operation == self._operation:
            self.came.set()
            assert self.go.wait(_BOUND)
        return self._then(request)


def _refusing(operation: str, status: int, code: str) -> Callable[[Request], Answer | None]:
    return lambda request: refusal(status, code) if request.operation == operation else None


def _large(script: Callable[[Request], Answer | None]) -> ScriptedS3:
    return ScriptedS3({_LARGE: Kept(_COPY.object.etag)}, script)


async def _cancelled_during(s3: ScriptedS3, held: _Held) -> None:
    """Cancel a copy in parts while a request is held, then let that go; raises what the copy raises."""
    async with _store(s3) as store:
        copying = asyncio.create_task(store.copy(_COPY, _SOURCE, _DESTINATION))
        assert await asyncio.to_thread(held.came.wait, _BOUND)
        copying.cancel()
        await asyncio.sleep(0.05)
        held.go.set()
        async with asyncio.timeout(_BOUND):
            await copying


async def test_an_upload_that_began_while_it_was_cancelled_is_aborted() -> None:
    """A cancellation that comes before the answer to CreateMultipartUpload leaves no upload behind."""
    held = _Held("create")
    s3 = _large(held)
    with pytest.raises(asyncio.CancelledError):
        await _cancelled_during(s3, held)
    assert (s3.count("create"), s3.count("abort")) == (1, 1)
    assert s3.uploads == {}


async def test_an_upload_that_may_have_begun_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Where CreateMultipartUpload is not answered in time its upload has no name, so the target is in a warning."""
    held = _Held("create")
    with caplog.at_level(logging.WARNING), _served(_large(held)) as server:
        options = Options(endpoint_url=server.endpoint_url, timeout=0.5, attempts=1, multipart_threshold=2)
        async with open_client(options) as store:
            await store.probe(_SOURCE)
            with pytest.raises(TransientError):
                await store.copy(_COPY, _SOURCE, _DESTINATION)
        held.go.set()
    assert held.came.is_set()
    assert _LARGE_TARGET in caplog.text


async def test_a_cancellation_outlives_an_abort_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """What is left behind is named in a warning, and the cancellation is still one."""
    held = _Held("part", _refusing("abort", 403, "AccessDenied"))
    s3 = _large(held)
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await _cancelled_during(s3, held)
    assert s3.count("abort") == 1
    assert "upload-1" in caplog.text
    assert _LARGE_TARGET in caplog.text


async def test_an_abort_that_fails_hides_no_reason(caplog: pytest.LogCaptureFixture) -> None:
    """The error of the copy is the one of its part; what the abort left is said beside it."""

    def script(request: Request) -> Answer | None:
        codes = {"part": (412, "PreconditionFailed"), "abort": (403, "AccessDenied")}
        return refusal(*codes[request.operation]) if request.operation in codes else None

    s3 = _large(script)
    with caplog.at_level(logging.WARNING):
        async with _store(s3) as store:
            with pytest.raises(ObjectError) as refused:
                await store.copy(_COPY, _SOURCE, _DESTINATION)
    assert refused.value.code == "PreconditionFailed"
    assert "upload-1" in caplog.text
    assert "AccessDenied" in caplog.text


@pytest.mark.parametrize("first", [refusal(503, "SlowDown"), Answer(200), refusal(200, "InternalError")])
async def test_an_abort_is_tried_again(first: Answer) -> None:
    """One answer that does not say that it was done does not leave an upload behind."""

    def script(request: Request) -> Answer | None:
        if request.operation == "part":
            return refusal(412, "PreconditionFailed")
        return first if request.operation == "abort" and s3.count("abort") == 1 else None

    s3 = _large(script)
    async with _store(s3) as store:
        with pytest.raises(ObjectError, match="PreconditionFailed"):
            await store.copy(_COPY, _SOURCE, _DESTINATION)
    assert s3.count("abort") == 2
    assert s3.uploads == {}


@pytest.mark.full  # it waits for all of the time that copies in flight are given
def test_sigterm_while_aborts_fail() -> None:
    """The command ends by the signal all the same, and says which upload is left."""
    held = _Held("part", _refusing("abort", 403, "AccessDenied"))
    s3 = ScriptedS3({_LARGE: Kept(_COPY.object.etag)}, held)
    with stub_s3(s3) as server:
        env = environment(server)
        arguments = [*_ARGUMENTS, "--multipart-threshold", "2", "--part-size", "1"]
        with started(*arguments, env=env) as process:
            until(held.came.is_set)
            process.send_signal(signal.SIGTERM)
            ended = finished(process, env, timeout=_BOUND)
        held.go.set()
    assert ended.code == 143, ended.err
    assert "upload-1" in ended.err
    assert (s3.count("create"), s3.count("abort")) == (1, 1)


async def test_a_lost_answer_to_complete_is_a_success() -> None:
    """The second try hears that the upload is gone, and the ETag of the target says that the first one was it."""

    def script(request: Request) -> Answer | None:
        if request.operation == "complete" and s3.count("complete") == 1:
            s3.complete(request)
            return refusal(500, "InternalError")
        return None

    s3 = _large(script)
    async with _store(s3) as store:
        await store.copy(_COPY, _SOURCE, _DESTINATION)
    assert s3.count("complete") == 2
    assert s3.objects[_LARGE_TARGET].etag == whole_etag(*(md5_of(f"{_LARGE_TARGET} {part}") for part in (1, 2, 3)))


@pytest.mark.parametrize("aborts", [True, False])
async def test_an_upload_that_outlives_its_object_is_aborted(caplog: pytest.LogCaptureFixture, *, aborts: bool) -> None:
    """A second try to complete it is refused because of the object that the first has made: it may still be open."""

    def script(request: Request) -> Answer | None:
        if request.operation == "abort" and not aborts:
            return refusal(403, "AccessDenied")
        if request.operation != "complete":
            return None
        if s3.count("complete") > 1:
            return refusal(412, "PreconditionFailed")
        still_open = dict(s3.uploads)
        s3.complete(request)
        s3.uploads.update(still_open)
        return refusal(500, "InternalError")

    s3 = _large(script)
    async with _store(s3) as store:
        assert isinstance(await store.copy(_COPY, _SOURCE, _DESTINATION), Made)
    assert bool(s3.uploads) is not aborts
    assert ("aws s3api abort-multipart-upload" in caplog.text) is not aborts


@pytest.mark.parametrize(
    "there",
    [None, Kept(f"{md5_of('old')}-3", modified=_NEWER), Kept(f"{md5_of('old')}-2"), Kept(md5_of("large"))],
)
async def test_an_upload_that_somebody_aborted_is_no_success(
    monkeypatch: pytest.MonkeyPatch, there: Kept | None
) -> None:
    """Whatever else lies at the target, of equal size and in parts or not, is no proof of a lost answer."""
    ours = BaseHTTPRequestHandler.send_header

    def send_header(self: BaseHTTPRequestHandler, name: str, value: str) -> None:
        ours(self, name, str(_COPY.object.size) if (self.command, name) == ("HEAD", "Content-Length") else value)

    monkeypatch.setattr(BaseHTTPRequestHandler, "send_header", send_header)
    s3 = _large(_refusing("complete", 404, "NoSuchUpload"))
    if there is not None:
        s3.objects[_LARGE_TARGET] = there
    async with _store(s3) as store:
        with pytest.raises(ObjectError) as refused:
            await store.copy(_COPY, _SOURCE, _DESTINATION)
    assert refused.value.code == "NoSuchUpload"
    assert s3.objects.get(_LARGE_TARGET) == there


@pytest.mark.parametrize(
    "body", ["", "<Odd/>", "<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>"]
)
@pytest.mark.parametrize("operation", ["create", "part", "complete"])
async def test_200_without_what_it_must_say_is_no_success(operation: str, body: str) -> None:
    """A copy in parts that was never put together is not told as made, and is an error of ours."""
    s3 = _large(lambda request: Answer(200, body) if request.operation == operation else None)
    async with asyncio.timeout(_BOUND), _store(s3) as store:
        with pytest.raises(TransientError, match="was answered without"):
            await store.copy(_COPY, _SOURCE, _DESTINATION)
    assert _LARGE_TARGET not in s3.objects
    assert not s3.uploads


_EXPIRED = "2020-01-01T00:00:00Z"


@pytest.mark.parametrize("then", ["exit 255", f"EXPIRES={_EXPIRED}"])
@pytest.mark.parametrize("parts", [False, True])
def test_credentials_that_cannot_be_renewed(tmp_path: Path, then: str, *, parts: bool) -> None:
    """A renewal that fails, or yields what has expired, ends the run half-way: exit 3 and a line that says so."""
    over, script, config = tmp_path / "over", tmp_path / "credentials.sh", tmp_path / "config"
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 120))  # botocore asks anew at each use
    script.write_text(
        f"#!/bin/sh\nEXPIRES={soon}\nif [ -e {over} ]; then {then}; fi\n"
        'echo "{\\"Version\\":1,\\"AccessKeyId\\":\\"KEY\\",\\"SecretAccessKey\\":\\"SECRETSECRET\\",'
        '\\"SessionToken\\":\\"TOKEN\\",\\"Expiration\\":\\"$EXPIRES\\"}"\n'
    )
    script.chmod(0o755)
    config.write_text(f"[default]\nregion = us-east-1\ncredential_process = {script}\n")

    def slow(request: Request) -> Answer | None:
        if request.operation in ("copy", "part"):
            over.touch()
            time.sleep(0.1)
        return None

    s3 = ScriptedS3({f"from/ada/{number:02}.jpg": Kept(md5_of(str(number))) for number in range(40)}, slow)
    with stub_s3(s3) as server:
        env = environment(None, AWS_CONFIG_FILE=str(config), AWS_ENDPOINT_URL=server.endpoint_url)
        more = ["--multipart-threshold", "2", "--part-size", "1"] if parts else []
        ended = streammerge(*_ARGUMENTS, "--listing-order", "any", "--concurrency", "1", *more, env=env, timeout=_BOUND)
    assert ended.code == 3, ended.err
    *left, line, so_far = ended.err.splitlines()
    assert line.startswith("streammerge: ")
    assert "cannot renew the credentials" in line
    assert "run the same command again" in line
    assert so_far.startswith("Planned so far: 1 identity with 40 images: ")
    assert bool(left) == parts  # the upload that could not be aborted either
    assert 0 < s3.count("part" if parts else "copy") < 40
    assert "SECRETSECRET" not in ended.err + ended.out


def test_a_server_that_dies_half_way_ends_the_run() -> None:
    """Its objects are not given up one by one for ever: exit 3, with what failed, and what was copied stays."""
    keys = {f"from/ada/{number:03}.jpg": Kept(md5_of(str(number))) for number in range(900)}
    s3 = ScriptedS3(keys, lambda request: _died() if request.operation == "copy" and s3.count("copy") > 20 else None)
    ended = _run(s3, "--json", "--concurrency", "8")
    assert ended.code == 3, ended.err
    report = ended.report
    assert report["copied"] == 20
    assert 64 + 256 <= report["failed"] <= 64 + 256 + 2 * 2 * 8  # a sample of the rest, and those that were in flight
    assert report["error"].startswith("S3 fails every request: the last ")
    assert s3.count("copy") < 900, "the others are not even tried"
    assert len(s3.objects) == 900 + 20
    assert "20 copied (" in ended.err
    assert f"{report['failed']} failed" in ended.err


def _died() -> Answer:
    return refusal(500, "InternalError")


def test_interrupted_while_it_lists(tmp_path: Path) -> None:
    """Nothing is decided yet: report and page are written all the same, and say that nothing was copied."""
    page = tmp_path / "page.html"
    held = threading.Event()
    go = threading.Event()

    def script(request: Request) -> Answer | None:
        if request.operation == "list" and s3.count("list") > _PROBES:
            held.set()
            assert go.wait(_BOUND)
        return None

    s3 = ScriptedS3(_IMAGES, script)
    with stub_s3(s3) as server:
        env = environment(server)
        with started(*_ARGUMENTS, "--json", "--html", str(page), env=env) as process:
            until(held.is_set)
            process.send_signal(signal.SIGINT)
            ended = finished(process, env, timeout=_BOUND)
            go.set()
    assert ended.code == 130, ended.err
    said = "Nothing was copied yet: the sources and the destination were still being listed"
    assert ended.err.splitlines()[-2:] == [said, f"Wrote page {page}"]
    report = ended.report
    assert (report["stopped"], report["copied"], report["all_decided"]) == ("interrupted", 0, False)
    assert f"stopped before the end: interrupted. {said}<" in page.read_text("utf-8")
    assert s3.count("copy") == 0


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_is_asked_for_everything(scheme: str) -> None:
    """All requests go through HTTP_PROXY, whether it is written with a scheme or without."""
    s3 = ScriptedS3(_IMAGES)
    with stub_s3(s3) as proxy:
        address = scheme + proxy.endpoint_url.removeprefix("http://")
        more = {"HTTP_PROXY": address, "http_proxy": address, "NO_PROXY": "", "no_proxy": ""}
        env = environment(proxy, **more, AWS_ENDPOINT_URL="http://store.invalid")
        ended = streammerge(*_ARGUMENTS, env=env, timeout=_BOUND)
    assert ended.code == 0, ended.err
    assert s3.count("copy") == 3
    assert {request.url.partition("/bucket")[0] for request in s3.asked} == {"http://store.invalid"}


@pytest.mark.parametrize("past_the_proxy", [True, False])
def test_proxy_variables_and_netrc_do_not_disturb(tmp_path: Path, *, past_the_proxy: bool) -> None:
    """A host in NO_PROXY is reached directly, and what ~/.netrc says of any host is for others."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login anonymous password user@site\n")
    netrc.chmod(0o600)
    s3 = ScriptedS3(_IMAGES)
    with stub_s3(s3) as server:
        proxy, no_proxy = ("http://127.0.0.1:9", "127.0.0.1") if past_the_proxy else (server.endpoint_url, "")
        more = {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": no_proxy, "no_proxy": no_proxy}
        env = environment(server, **more, NETRC=str(netrc), HOME=str(tmp_path))
        ended = streammerge(*_ARGUMENTS, env=env, timeout=_BOUND)
    assert ended.code == 0, ended.err
    assert s3.count("copy") == 3
    assert {request.headers["authorization"].partition(" ")[0] for request in s3.asked} == {"AWS4-HMAC-SHA256"}


@pytest.mark.parametrize("order", ["any", "sorted"])
async def test_a_listing_that_goes_round_in_circles(order: ListingOrder) -> None:
    """A server that repeats its continuation token stops the run instead of being followed for ever."""

    def script(request: Request) -> Answer | None:
        begins = "delimiter" in request.query or request.query.get("prefix") != "from/"
        return None if request.operation != "list" or begins else s3.page(request, keys=False, token="again")

    s3 = ScriptedS3(_IMAGES, script)
    with pytest.raises(RunError, match="circles"):
        await _merge(s3, order=order)
    assert s3.count("copy") == 0
    assert s3.count("list") < 20


async def test_a_short_listing_that_goes_round_in_circles() -> None:
    """The same holds for a prefix that is read at one go."""
    s3 = ScriptedS3(_IMAGES)
    async with _store(s3) as store:
        s3.script = lambda request: s3.page(request, token="again")
        with pytest.raises(RunError, match="circles"):
            await store.below(_SOURCE)
    assert s3.count("list") < 20


@pytest.mark.parametrize("order", ["any", "sorted"])
async def test_an_empty_page_that_is_not_the_last(order: ListingOrder) -> None:
    """A source whose first page is empty is no empty source as long as the page says that it goes on."""

    def script(request: Request) -> Answer | None:
        if request.operation != "list" or request.query["prefix"] != "from/" or "continuation-token" in request.query:
            return None
        return s3.page(request, keys=False, token="more")

    s3 = ScriptedS3(_IMAGES, script)
    report = await _merge(s3, order=order)
    assert (report.images, report.copied, report.complete) == (3, 3, True)


_AN_HOUR = 3600


class _Strict:
    """A server whose clock is an hour ahead, and which insists on it; it may spare the probe."""

    def __init__(self, *, spares_probes: bool = False) -> None:
        self.refused = 0
        self._spares_probes = spares_probes

    def __call__(self, request: Request) -> Answer | None:
        if self._spares_probes and "user-agent" in request.headers:  # botocore's
            return None
        signed = time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        if abs(calendar.timegm(signed) - time.time() - _AN_HOUR) < 60:
            return None
        self.refused += 1
        return refusal(403, "RequestTimeTooSkewed")


async def test_the_clock_of_the_server_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal for the time the server's Date counts, for botocore, too, and the run goes on."""
    _set_an_hour_ahead(monkeypatch)
    strict = _Strict()
    objects = {**_IMAGES, "into/ada/1.jpg": Kept(md5_of("under a key"), modified=_NEWER, headers=_KMS)}
    report = await _merge(ScriptedS3(objects, strict))
    assert (report.copied, report.already_present, report.failed) == (2, 1, 0)
    assert strict.refused in (1, 2)  # source and destination are looked at together


def _set_an_hour_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = BaseHTTPRequestHandler.date_time_string
    ahead = lambda self, _=None: ours(self, time.time() + _AN_HOUR)  # noqa: E731
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", ahead)


async def test_the_clock_is_learnt_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """By our own requests where the probe was not refused, and by a HEAD, whose refusal does not say why."""
    _set_an_hour_ahead(monkeypatch)
    for listed in (True, False):
        strict = _Strict(spares_probes=True)
        async with _store(ScriptedS3(_IMAGES, strict)) as store:
            strict._spares_probes = False
            if listed:
                with pytest.raises(TransientError):
                    await store.list_page(_SOURCE)
                assert len((await store.list_page(_SOURCE)).objects) == 3
            head = await store.objects_at(_SOURCE).head(_SOURCE.bucket, "from/ada/1.jpg")
        assert head is not None
        assert strict.refused == (1 if listed else 2)  # the HEAD, and the GET that says why


async def test_parts_are_not_copied_anew_for_a_look() -> None:
    """The look at the source before they are put together fails once, and is what is tried again."""
    s3 = ScriptedS3({_LARGE: Kept(_COPY.object.etag)})
    s3.script = lambda asked: refusal(503, "") if (asked.operation, s3.count("head")) == ("head", 2) else None
    async with _store(s3) as store:
        await store.copy(_COPY, _SOURCE, _DESTINATION)
    assert (s3.count("create"), s3.count("part"), s3.count("head"), s3.count("abort")) == (1, 3, 3, 0)


async def test_credentials_that_expire_before_a_head() -> None:
    """Its refusal has no body: a GET says what it is, and the run ends half-way."""
    refuse = _refusing_all("head", "get", status=400, code="ExpiredToken")
    async with _store(ScriptedS3(_IMAGES, refuse)) as store:
        with pytest.raises(IncompleteError, match="The credentials have expired"):
            await store.objects_at(_SOURCE).head(_SOURCE.bucket, "from/ada/1.jpg")


async def test_a_head_that_is_refused_for_once() -> None:
    """Where a GET of the same object is not refused, it is tried again; where one is, that is the reason."""
    s3 = ScriptedS3(_IMAGES)
    s3.script = lambda request: refusal(403, "") if request.operation == "head" and s3.count("head") == 1 else None
    async with _store(s3) as store:
        assert await store.objects_at(_SOURCE).head(_SOURCE.bucket, "from/ada/1.jpg") is not None
        s3.script = _refusing_all("head", "get", status=403, code="AccessDenied")
        with pytest.raises(DeniedError, match="AccessDenied: Stub says"):
            await store.objects_at(_SOURCE).head(_SOURCE.bucket, "from/ada/1.jpg")
    assert (s3.count("head"), s3.count("get")) == (3, 2)


async def test_heads_that_are_refused_several_times() -> None:
    """A refusal without a reason that a GET does not meet is tried again as often as any other trouble."""
    s3 = ScriptedS3(_IMAGES)
    s3.script = lambda request: refusal(400, "") if request.operation == "head" and s3.count("head") < 4 else None
    async with _store(s3) as store:
        assert await store.objects_at(_SOURCE).head(_SOURCE.bucket, "from/ada/1.jpg") is not None
    assert (s3.count("head"), s3.count("get")) == (4, 2)


async def test_heads_that_are_refused_while_gets_are_not() -> None:
    """As by a proxy: what lies at a target cannot be looked at, so it is a conflict, and does not stop the run."""
    occupied = {**_IMAGES, "into/ada/1.jpg": Kept(md5_of("something else"))}
    s3 = ScriptedS3(occupied, lambda request: refusal(403, "") if request.operation == "head" else None)
    with _served(s3) as server:
        report = await merge(_job(), Options(endpoint_url=server.endpoint_url, attempts=2))
    assert (report.copied, report.conflicts) == (2, 1)
    assert (s3.count("head"), s3.count("get")) == (4, 2)  # of the target, and of its source


def _refusing_all(*operations: str, status: int, code: str) -> Callable[[Request], Answer | None]:
    return lambda request: refusal(status, code) if request.operation in operations else None


@pytest.mark.parametrize("date", [None, "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"])
async def test_a_server_that_does_not_say_its_time(monkeypatch: pytest.MonkeyPatch, date: str | None) -> None:
    """Without a Date that can be read, a refusal for the time is an error like others."""
    if date is None:
        monkeypatch.setattr(BaseHTTPRequestHandler, "send_response", BaseHTTPRequestHandler.send_response_only)
    else:
        monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: date)
    strict = _Strict(spares_probes=True)
    async with _store(ScriptedS3(_IMAGES, strict)) as store:
        for _ in range(2):
            with pytest.raises(TransientError) as refused:
                await store.list_page(_SOURCE)
            assert refused.value.code == "RequestTimeTooSkewed"
    assert strict.refused == 2


async def test_a_server_that_drips_does_not_hold_the_start() -> None:
    """The time for a request is bounded as a whole, not from one byte to the next."""
    drips: list[asyncio.Task[None]] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        drips.append(task)
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n<ListBucketResult>")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as dripping:
        port = dripping.sockets[0].getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "KEY")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
            async with open_client(Options(endpoint_url=f"http://127.0.0.1:{port}", timeout=0.2)) as store:
                with pytest.raises(UsageError, match="Check the network"):
                    async with asyncio.timeout(_BOUND):
                        await store.probe(_SOURCE)
        done, hanging = await asyncio.wait(drips, timeout=_BOUND)
    assert len(done) >= 1
    assert hanging == set()


async def test_a_connection_that_cannot_be_opened_is_no_request() -> None:
    """Nothing was sent, so nothing is counted, and nothing is paid for."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        server = stack.enter_context(stub_s3(ScriptedS3(_IMAGES)))
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        async with open_client(Options(endpoint_url=server.endpoint_url, timeout=60)) as store:
            await store.probe(_SOURCE)
            before = dict(store.requests)
            stack.close()  # the server is gone
            with pytest.raises(TransientError, match="cannot connect"):
                await store.list_page(_SOURCE)
            assert {kind: count for kind, count in store.requests.items() if count} == before


def test_a_key_that_the_terminal_cannot_show() -> None:
    """A character that stdout has not is shown as its number, and ends nothing."""
    s3 = ScriptedS3({"from/ada/\N{GRINNING FACE}.jpg": Kept(md5_of("1")), **_IMAGES})
    s3.script = lambda request: (
        refusal(404, "NoSuchKey") if request.operation == "copy" and "\N{GRINNING FACE}" in request.key else None
    )
    ended = _run(s3, PYTHONIOENCODING="latin-1", LC_ALL="C")
    assert ended.code == 3, ended.err
    assert "from/ada/\\U0001f600.jpg" in ended.out


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_certificates_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    """An AWS_CA_BUNDLE that is not there, or is none, is bad input; the file is named."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    s3 = ScriptedS3(_IMAGES)
    ended = _run(s3, AWS_CA_BUNDLE=str(bundle))
    assert ended.code == 2, ended.err
    assert str(bundle) in _only_line(ended)
    assert s3.asked == []


@pytest.mark.parametrize("encrypted", ["from", "into"])
async def test_an_encrypted_object_does_not_speak_for_its_bucket(encrypted: str) -> None:
    """Of two targets with other ETags the one under KMS is there already, and the other one is a conflict."""
    objects = {f"from/{name}/1.jpg": Kept(md5_of("source")) for name in ("ada", "bob")}
    objects |= {f"into/{name}/1.jpg": Kept(md5_of("target"), modified=_NEWER) for name in ("ada", "bob")}
    changed = f"{encrypted}/ada/1.jpg"
    objects[changed] = Kept(md5_of("under a key"), modified=objects[changed].modified, headers=_KMS)
    report = await _merge(ScriptedS3(objects))
    assert (report.already_present, report.conflicts, report.copied) == (1, 1, 0)
    assert report.conflict_examples == ["into/bob/1.jpg"]


async def test_the_answer_to_a_copy_says_that_it_is_encrypted() -> None:
    """Under KMS the copy's ETag is another one, and no HEAD is needed to know why."""
    body = f"<CopyObjectResult><ETag>&quot;{md5_of('under a key')}&quot;</ETag></CopyObjectResult>"
    s3 = ScriptedS3(_IMAGES, lambda request: Answer(200, body, _KMS) if request.operation == "copy" else None)
    report = await _merge(s3)
    assert (report.copied, report.failed) == (3, 0)
    assert s3.count("head") == 0


def test_one_denied_object_does_not_end_a_resumed_run() -> None:
    """Where others are there already, the one that is denied is in the report: exit 3."""
    s3 = ScriptedS3(_IMAGES, _refusing("copy", 403, "AccessDenied"))
    s3.objects |= {key.replace("from", "into"): kept for key, kept in list(_IMAGES.items())[1:]}
    ended = _run(s3, "--json")
    assert ended.code == 3, ended.err
    assert (ended.report["already_present"], ended.report["failed"], ended.report["copied"]) == (2, 1, 0)
    assert [(failure["key"], failure["code"]) for failure in ended.report["failures"]] == [
        ("from/ada/0.jpg", "AccessDenied")
    ]


async def test_a_redirect_that_names_the_region_is_followed() -> None:
    """With no --region said, a bucket elsewhere is found, and what follows is signed for its region."""

    def script(request: Request) -> Answer | None:
        if "/eu-west-1/s3/" in request.headers["authorization"]:
            return None
        return refusal(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")

    s3 = ScriptedS3(_IMAGES, script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        report = await _merge(s3)
    assert (report.copied, report.failed) == (3, 0)
    assert sum("/us-east-1/s3/" in request.headers["authorization"] for request in s3.asked) >= 1


@pytest.mark.parametrize(("options", "told"), [([], False), (["-v"], True), (["-q"], False)])
def test_retries_of_a_listing_are_told_with_v(options: list[str], *, told: bool) -> None:
    """As those of copies are."""
    s3 = ScriptedS3(_IMAGES)
    s3.script = lambda asked: refusal(503, "SlowDown") if (asked.operation, s3.count("list")) == ("list", 1) else None
    ended = _run(s3, *options)
    assert ended.code == 0, ended.err
    assert ("Retrying: cannot list s3://bucket/" in ended.err) == told


@pytest.mark.parametrize(("options", "told"), [([], True), (["--json"], True), (["-q"], False)])
def test_a_warning_obeys_quiet(options: list[str], *, told: bool) -> None:
    """A server without If-None-Match is warned of once, on stderr, and not at all with -q."""
    s3 = ScriptedS3(_IMAGES)
    s3.script = lambda asked: refusal(501, "NotImplemented") if "if-none-match" in asked.headers else None
    ended = _run(s3, *options)
    assert ended.code == 0, ended.err
    assert s3.count("copy") > 3
    assert ended.err.count("This server does not implement If-None-Match on CopyObject") == told
