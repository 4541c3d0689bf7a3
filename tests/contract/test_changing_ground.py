"""Objects that others replace, remove or write while a run is under way, against a stub that plays these others."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripted_s3 import Kept, Request, ScriptedS3, md5_of, whole_etag
from streammerge import IncompleteError, Job, Options, Report, RunError, UsageError, make_job, merge
from streammerge.report.progress import Progress
from streammerge.s3.options import ListingOrder
from stub_s3 import Answer, refusal, stub_s3

_BOUND = 120.0  # seconds; whatever takes longer hangs
_LOOKS = 5  # requests before the listing: one at the destination, two at each source
_SILENT = Progress()
_LATER = "2026-03-01T00:00:00.000Z"


@contextlib.contextmanager
def _served(s3: ScriptedS3) -> Iterator[str]:
    with stub_s3(s3) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        yield server.endpoint_url


class Noting(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


async def _merge(
    s3: ScriptedS3,
    job: Job | None = None,
    *,
    journal: str | None = None,
    progress: Progress = _SILENT,
    **how: Any,
) -> Report:
    with _served(s3) as url:
        options = Options(endpoint_url=url, timeout=60, **{"attempts": 3, **how})
        async with asyncio.timeout(_BOUND):
            return await merge(job or _job(), options, journal=journal, progress=progress)


def _job(**rules: Any) -> Job:
    return make_job(["one=s3://bucket/one/", "two=s3://bucket/two/"], into="s3://bucket/into/", **rules)


def _two_sources() -> dict[str, Kept]:
    """Identity ada with two images in each source, one name in both; and bob, to whom nothing happens."""
    keys = ("one/ada/a.jpg", "one/ada/b.jpg", "two/ada/a.jpg", "two/ada/c.jpg", "one/bob/a.jpg", "two/bob/b.jpg")
    return {key: Kept(md5_of(key)) for key in keys}


def _once(key: str, do: Callable[[], object]) -> Callable[[Request], Answer | None]:
    """A script that does something before the first copy of a source key."""
    done = False

    def script(request: Request) -> Answer | None:
        nonlocal done
        if request.operation == "copy" and not done and request.headers["x-amz-copy-source"].endswith(key):
            done = True
            answer = do()
            return answer if isinstance(answer, Answer) else None
        return None

    return script


def _adds_up(report: Report) -> bool:
    settled = report.copied + report.already_present + report.failed + report.conflicts + report.not_attempted
    return report.images == settled


def _etags(s3: ScriptedS3) -> dict[str, str]:
    return {key: kept.etag for key, kept in s3.objects.items() if key.startswith("into/")}


async def test_a_source_object_that_is_replaced_is_copied_as_it_is_now() -> None:
    """Its identity is decided anew: the copy is of the new content, and the report says so."""
    s3 = ScriptedS3(_two_sources())
    s3.script = _once("one/ada/b.jpg", lambda: s3.objects.update({"one/ada/b.jpg": Kept(md5_of("new"), 4, _LATER)}))
    report = await _merge(s3)
    assert (report.complete, report.changed, report.failed, report.images) == (True, 1, 0, 6)
    assert (report.copied, report.already_present) == (6, 0)
    assert (report.bytes_copied, report.bytes_to_copy) == (report.bytes, report.bytes)
    assert _adds_up(report)
    assert _etags(s3) == {
        "into/ada/a.jpg": md5_of("one/ada/a.jpg"),
        "into/ada/a_two.jpg": md5_of("two/ada/a.jpg"),
        "into/ada/b.jpg": md5_of("new"),
        "into/ada/c.jpg": md5_of("two/ada/c.jpg"),
        "into/bob/a.jpg": md5_of("one/bob/a.jpg"),
        "into/bob/b.jpg": md5_of("two/bob/b.jpg"),
    }


class _Counted(Progress):
    """How many copies were to come, and how many are settled."""

    def __init__(self) -> None:
        self.to_come = self.settled = 0

    def planned(self, copies: int, *, images: int = 0) -> None:
        assert images >= 0
        self.to_come += copies

    def copied(self, copies: int) -> None:
        self.settled += copies


async def test_a_bar_comes_to_its_end_where_an_identity_is_decided_anew() -> None:
    """The copy that was not made is settled, and another one is to come instead."""
    s3, counted = ScriptedS3(_two_sources()), _Counted()
    s3.script = _once("one/ada/b.jpg", lambda: s3.objects.update({"one/ada/b.jpg": Kept(md5_of("new"), 4, _LATER)}))
    report = await _merge(s3, progress=counted)
    assert report.changed == 1
    assert counted.to_come == counted.settled == 7


class _Foretold(Progress):
    """How many copies there may be, at most, after each step and at the end."""

    def __init__(self) -> None:
        self.bounds: list[int] = []
        self.final: list[int] = []
        self._planned = self._undecided = 0

    def all_listed(self, images: int) -> None:
        self._undecided = images
        self.bounds.append(images)

    def planned(self, copies: int, *, images: int = 0) -> None:
        self._planned += copies
        self._undecided -= images
        self.bounds.append(self._planned + self._undecided)

    def listing_done(self) -> None:
        self.final.append(self._planned + self._undecided)


async def test_how_many_copies_there_will_be_is_foretold() -> None:
    """Where all is listed first, a bound is known before the first copy; it comes down to what is copied."""
    s3 = ScriptedS3(_two_sources() | {"one/eve/a.jpg": Kept(md5_of("eve"))})
    s3.script = _once("one/bob/a.jpg", lambda: s3.objects.pop("one/bob/a.jpg"))
    heard = _Foretold()
    report = await _merge(s3, progress=heard)
    assert heard.bounds[:2] == [7, 6]  # eve has one image alone
    assert (set(heard.bounds[2:]), heard.final) == ({6}, [6])  # bob, decided anew: his one image is too few
    assert report.images == 4


async def test_a_threshold_that_nothing_reaches_is_a_warning() -> None:
    """A report of nothing but zeros says why."""
    report = await _merge(ScriptedS3(_two_sources()), _job(min_images=5))
    assert report.complete
    assert report.warnings == ["nothing to merge: no identity has at least 5 images (--min-images)"]


async def test_names_are_those_of_the_new_content() -> None:
    """What has become a duplicate is none of two any more; a copy made under the old name is reported as unplanned."""
    s3 = ScriptedS3(_two_sources())
    same = Kept(md5_of("two/ada/a.jpg"), 3, _LATER)
    s3.script = _once("one/ada/a.jpg", lambda: s3.objects.update({"one/ada/a.jpg": same}))
    report = await _merge(s3)
    assert (report.complete, report.changed, report.duplicates, report.images) == (True, 1, 1, 5)
    assert _adds_up(report)
    assert _etags(s3)["into/ada/a.jpg"] == md5_of("two/ada/a.jpg")
    assert report.unplanned_examples == [key for key in ("into/ada/a_two.jpg",) if key in s3.objects]
    assert report.unplanned == len(report.unplanned_examples)


async def test_a_source_object_that_is_gone_is_left_out() -> None:
    """The others of its identity are copied."""
    s3 = ScriptedS3(_two_sources())
    s3.script = _once("one/ada/b.jpg", lambda: s3.objects.pop("one/ada/b.jpg"))
    report = await _merge(s3)
    assert (report.complete, report.changed, report.images, report.copied) == (True, 1, 5, 5)
    assert "into/ada/b.jpg" not in s3.objects


@pytest.mark.parametrize("listing_order", ["sorted", "any"])
async def test_a_source_that_is_emptied_prunes_nothing(listing_order: ListingOrder) -> None:
    """What all its images were copied to stays, though nothing of the source is there any more."""
    there = {key.replace("one/", "into/").replace("two/", "into/"): kept for key, kept in _two_sources().items()}
    s3 = ScriptedS3({**_two_sources(), **there})

    def script(request: Request) -> Answer | None:
        emptied = request.operation == "list" and s3.count("list") > _LOOKS
        return s3.page(request, keys=False) if emptied and request.query["prefix"] != "into/" else None

    async def yes(_: object) -> bool:
        return True

    s3.script = script
    with _served(s3) as url:
        options = Options(endpoint_url=url, listing_order=listing_order)
        async with asyncio.timeout(_BOUND):
            if listing_order == "any":
                with pytest.raises(UsageError, match="has been emptied since the run began"):
                    await merge(_job(), options, confirm_prune=yes)
            else:
                report = await merge(_job(), options, confirm_prune=yes)
                assert (report.removed, report.not_pruned) == (0, "not removed because of 2 empty sources")
    assert s3.count("delete") == 0


async def test_a_source_that_is_rewritten_is_told_in_a_few_lines() -> None:
    """The first identities are named, the others counted."""
    s3 = ScriptedS3({f"one/id{number:02}/{name}.jpg": Kept(md5_of(name)) for number in range(30) for name in "ab"})
    s3.objects["two/zoe/a.jpg"] = Kept(md5_of("zoe"))

    def script(request: Request) -> Answer | None:
        if request.operation == "copy" and s3.count("copy") == 1:
            s3.objects |= {key: Kept(md5_of(key)) for key in s3.objects}
        return None

    s3.script = script
    progress = Noting()
    report = await _merge(s3, progress=progress)
    assert (report.changed, report.copied) == (30, 60)
    assert sum("re-evaluating it" in note for note in progress.notes) == 20
    assert progress.notes.count("More identities changed after they were listed; the report has their number") == 1


async def test_changed_identities_are_decided_anew_at_once() -> None:
    """Many looks are under way at a time, not one after the other: eight of them wait for each other here."""
    names = [f"id{number:02}" for number in range(40)]
    keys = [f"{source}/{name}/a.jpg" for name in names for source in ("one", "two")]
    s3 = ScriptedS3({key: Kept(md5_of(key)) for key in keys})
    together, lock, met = threading.Barrier(8), threading.Lock(), list[str]()

    def script(request: Request) -> Answer | None:
        with lock:
            if request.operation == "copy" and not met:
                met.append("changed")
                s3.objects.update({f"one/{name}/a.jpg": Kept(md5_of(f"new {name}"), 4, _LATER) for name in names})
            waits = request.operation == "head" and len(met) <= together.parties
            if waits:
                met.append(request.key)
        if waits:
            together.wait(_BOUND / 2)
        return None

    s3.script = script
    report = await _merge(s3)
    assert (report.complete, report.changed, report.copied) == (True, 40, 80)
    assert not together.broken
    assert len(met) == 1 + together.parties


async def test_an_identity_that_falls_below_the_threshold() -> None:
    """It does not keep any more; what was copied of it before is reported as unplanned."""
    s3 = ScriptedS3(_two_sources())
    s3.script = _once("two/bob/b.jpg", lambda: s3.objects.pop("two/bob/b.jpg"))
    report = await _merge(s3)
    assert (report.identities, report.skipped, report.images, report.copied) == (1, 1, 4, 4)
    assert report.complete
    assert report.unplanned == ("into/bob/a.jpg" in s3.objects)


async def test_a_source_object_that_changes_again_and_again_is_a_failure() -> None:
    """One more look, not an endless chase; the others are copied."""
    s3 = ScriptedS3(_two_sources())
    versions = iter(range(100))

    def replace(request: Request) -> Answer | None:
        if request.operation == "copy" and request.headers["x-amz-copy-source"].endswith("one/ada/b.jpg"):
            s3.objects["one/ada/b.jpg"] = Kept(md5_of(str(next(versions))), 3, _LATER)
        return None

    s3.script = replace
    report = await _merge(s3)
    assert (report.complete, report.changed, report.failed, report.copied) == (False, 1, 1, 5)
    assert report.failures[0].key == "one/ada/b.jpg"
    assert next(versions) == 2
    assert _adds_up(report)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (500, "InternalError")])
async def test_a_changed_identity_that_cannot_be_looked_at_is_left_as_it_is(status: int, code: str) -> None:
    """The others go on; the report says that not all was tried, and adds up."""
    s3 = ScriptedS3(_two_sources())
    change = _once("one/ada/b.jpg", lambda: s3.objects.update({"one/ada/b.jpg": Kept(md5_of("new"), 4, _LATER)}))
    s3.script = lambda request: (
        refusal(status, code) if request.operation == "head" and request.key.startswith("one/") else change(request)
    )
    report = await _merge(s3, attempts=2)
    assert (report.complete, report.changed, report.copied, report.not_attempted) == (False, 0, 5, 1)
    assert "into/ada/b.jpg" not in s3.objects
    assert _adds_up(report)


async def test_a_conflict_that_cannot_be_looked_at_for_now_is_for_another_run() -> None:
    """It is asked about as often as any request is tried, and then running again goes on."""
    s3 = ScriptedS3({**_two_sources(), "into/ada/b.jpg": Kept(md5_of("another's"), 3, _LATER)})
    s3.script = lambda request: refusal(500, "InternalError") if request.operation == "head" else None
    with pytest.raises(IncompleteError, match="run the same command again"):
        await _merge(s3, attempts=3)
    assert s3.count("head") == 3


def _write_target(s3: ScriptedS3, kept: Kept) -> Callable[[Request], Answer | None]:
    return _once("one/ada/b.jpg", lambda: s3.objects.update({"into/ada/b.jpg": kept}))


async def test_a_target_that_somebody_else_writes_is_a_conflict() -> None:
    """It stays as it is, and is reported."""
    s3 = ScriptedS3(_two_sources())
    s3.script = _write_target(s3, Kept(md5_of("another's"), 3, _LATER))
    report = await _merge(s3)
    assert (report.complete, report.conflicts, report.copied) == (False, 1, 5)
    assert report.conflict_examples == ["into/ada/b.jpg"]
    assert s3.objects["into/ada/b.jpg"].etag == md5_of("another's")
    assert _adds_up(report)


async def test_a_target_that_somebody_else_writes_stops_a_run_that_is_to_fail() -> None:
    """`--if-exists fail` holds for what appears during the run, too."""
    s3 = ScriptedS3(_two_sources())
    s3.script = _write_target(s3, Kept(md5_of("another's"), 3, _LATER))
    with pytest.raises(RunError, match=r"into/ada/b\.jpg"):
        await _merge(s3, _job(if_exists="fail"))


async def test_the_same_image_written_by_somebody_else_is_there() -> None:
    """Two runs of one job disturb each other no more than that."""
    s3 = ScriptedS3(_two_sources())
    s3.script = _write_target(s3, Kept(md5_of("one/ada/b.jpg"), 3, _LATER))
    report = await _merge(s3)
    assert (report.complete, report.copied, report.already_present) == (True, 5, 1)


async def test_a_copy_whose_answer_was_lost_is_a_copy() -> None:
    """The second try finds the target taken, by the first."""
    s3 = ScriptedS3(_two_sources())

    def lose() -> Answer:
        s3.objects["into/ada/b.jpg"] = Kept(md5_of("one/ada/b.jpg"), 3, _LATER)
        return refusal(500, "InternalError")

    s3.script = _once("one/ada/b.jpg", lose)
    report = await _merge(s3)
    assert (report.complete, report.copied, report.already_present) == (True, 6, 0)


_WHOLE_AND_IN_PARTS = pytest.mark.parametrize(
    ("operation", "more"), [("copy", {}), ("complete", {"multipart_threshold": 2, "part_size": 1})]
)


@_WHOLE_AND_IN_PARTS
async def test_a_store_without_conditions_is_asked_for_none(
    operation: str, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """After one refusal of the header it is omitted, which costs no attempt; one warning says so."""
    s3 = ScriptedS3(_two_sources())
    s3.script = lambda request: (
        refusal(501, "NotImplemented")
        if request.operation == operation and "if-none-match" in request.headers
        else None
    )
    report = await _merge(s3, concurrency=1, attempts=1, **more)
    assert (report.complete, report.copied) == (True, 6)
    assert s3.count(operation) == 7
    assert caplog.text.count("does not implement If-None-Match") == 1


@_WHOLE_AND_IN_PARTS
async def test_what_a_store_lacks_for_one_object_is_not_its_condition(
    operation: str, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Refused without the header, too, an object fails, and the others are copied on the condition."""
    s3 = ScriptedS3(_two_sources())
    s3.script = lambda request: (
        refusal(501, "NotImplemented") if request.operation == operation and "/ada/a.jpg" in request.key else None
    )
    report = await _merge(s3, concurrency=1, attempts=1, **more)
    assert (report.copied, report.failed, report.failures[0].code) == (5, 1, "NotImplemented")
    asked = [request for request in s3.asked if request.operation == operation]
    assert [request.key for request in asked if "if-none-match" not in request.headers] == ["into/ada/a.jpg"]
    assert caplog.text == ""


async def test_tries_of_a_look_are_the_copy_s() -> None:
    """A target that cannot be looked at costs the copy its tries, once: they do not multiply."""
    s3 = ScriptedS3(_two_sources())
    write = _write_target(s3, Kept(md5_of("another's"), 3, _LATER))
    s3.script = lambda request: refusal(500, "InternalError") if request.operation == "head" else write(request)
    report = await _merge(s3, attempts=3)
    assert (report.copied, report.failed) == (5, 1)
    assert (s3.count("copy"), s3.count("head")) == (5 + 3, 3)


async def test_access_that_only_others_had_is_some() -> None:
    """What was copied counts as such although its identity does not keep any more: the denied ones are failures."""
    s3 = ScriptedS3(_two_sources())
    gone = _once("two/bob/b.jpg", lambda: s3.objects.pop("two/bob/b.jpg"))
    s3.script = lambda request: (
        refusal(403, "AccessDenied") if request.operation == "copy" and "/ada/" in request.key else gone(request)
    )
    report = await _merge(s3, concurrency=1)
    assert (report.copied, report.failed, report.unplanned_examples) == (0, 4, ["into/bob/a.jpg"])


async def test_the_journal_tells_what_etags_do_not(tmp_path: Path) -> None:
    """A copy in parts has an ETag of its own: only the journal knows it from another object of the same size."""
    s3, journal = ScriptedS3(_two_sources()), str(tmp_path / "journal")
    parts: dict[str, Any] = {"multipart_threshold": 2, "part_size": 1}
    assert (await _merge(s3, journal=journal, **parts)).copied == 6
    s3.objects["into/ada/b.jpg"] = Kept(whole_etag(md5_of("another's")), 3, _LATER)
    assert (await _merge(s3, **parts)).already_present == 6
    report = await _merge(s3, journal=journal, **parts)
    assert (report.already_present, report.conflicts) == (5, 1)
    s3.objects["into/ada/b.jpg"] = Kept(s3.objects["into/ada/a.jpg"].etag, 3, "2025-01-01T00:00:00.000Z")
    assert (await _merge(s3, journal=journal, **parts)).conflicts == 1
    assert (await _merge(s3, _job(if_exists="overwrite"), journal=journal, **parts)).copied == 1
    assert (await _merge(s3, journal=journal, **parts)).already_present == 6


async def test_a_journal_with_damaged_lines_says_so(tmp_path: Path) -> None:
    """Once, in the report; the run goes on."""
    s3, journal = ScriptedS3(_two_sources()), tmp_path / "journal"
    assert (await _merge(s3, journal=str(journal))).warnings == []
    journal.write_bytes(journal.read_bytes() + b"00000000 {}\n" + b"torn")
    (warning,) = (await _merge(s3, journal=str(journal))).warnings
    assert warning.startswith("2 damaged lines in the journal")


async def test_too_many_failures_stop_the_run() -> None:
    """What was copied stays, and running again goes on."""
    s3 = ScriptedS3(_two_sources())
    s3.script = lambda request: (
        refusal(400, "InvalidRequest") if request.operation == "copy" and "/ada/" in request.key else None
    )
    with pytest.raises(IncompleteError, match="--max-failures"):
        await _merge(s3, max_failures=1)
    assert (await _merge(s3, max_failures=4)).failed == 4


async def test_what_the_options_ask_of_a_copy_is_on_the_wire() -> None:
    """Storage class, encryption, ACL, owner and payer are S3's headers; tags are dropped only when asked."""
    s3 = ScriptedS3(_two_sources())
    with _served(s3) as url:
        options = Options(
            endpoint_url=url, storage_class="STANDARD_IA", encryption="aws:kms", kms_key="key-1",
            acl="bucket-owner-full-control", tags="drop", requester_pays=True, bucket_owner="123456789012",
        )  # fmt: skip
        await merge(_job(), options)
    copies = [request for request in s3.asked if (request.operation, request.key) == ("copy", "into/ada/b.jpg")]
    (headers,) = {tuple(sorted(request.headers.items())) for request in copies}
    expected = {
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key-1",
        "x-amz-acl": "bucket-owner-full-control",
        "x-amz-tagging-directive": "REPLACE",
        "x-amz-request-payer": "requester",
        "x-amz-expected-bucket-owner": "123456789012",
    }
    assert expected.items() <= dict(headers).items()
    assert all(
        request.headers.get("x-amz-request-payer") == "requester" for request in s3.asked if request.operation == "list"
    )
