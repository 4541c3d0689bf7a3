"""`verify` on each real server: what it proves, what it finds, and what only bytes or the journal can tell."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all, put_in_parts
from servers import Server, connect
from streammerge.report.units import human_bytes

_IMAGES = {
    "one/ada/1.jpg": b"first of ada",
    "one/ada/2.jpg": b"second of ada",
    "one/bob/1.jpg": b"first of bob",
    "one/solo/1.jpg": b"alone",
    "two/bob/1.jpg": b"another first of bob",
    "two/bob/2.jpg": b"second of bob",
}
_PLANNED = 5  # images: all but solo's
_RIGHT, _WRONG = b"content of parts", b"CONTENT OF PARTS"


@dataclass(frozen=True, slots=True)
class Place:
    """Two sources in a bucket, and a destination that nobody else uses."""

    server: Server
    client: Any
    bucket: str
    into: str

    def run(self, command: str, *more: str) -> Ended:
        """Run a command on them."""
        sources = [f"s3://{self.bucket}/{name}/" for name in ("one", "two")]
        into = f"s3://{self.bucket}/{self.into}"
        return streammerge(command, *sources, "--into", into, "--json", *more, server=self.server)


def _place(server: Server) -> Iterator[Place]:
    client = connect(server)
    bucket = new_bucket(client)
    put_all(client, bucket, _IMAGES)
    yield Place(server, client, bucket, f"merged/{uuid.uuid4().hex}/")
    client.close()


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    """On each server in turn."""
    yield from _place(server)


@pytest.fixture
def here(moto_server: Server) -> Iterator[Place]:
    """Where any server will do."""
    yield from _place(moto_server)


def test_exact_destination(place: Place) -> None:
    """After a merge all is proven by ETags, exit 0, and nothing is written."""
    assert place.run("verify").code == 4
    assert place.run("merge").code == 0
    before = contents(place.client, place.bucket, "")
    ended = place.run("verify")
    assert ended.code == 0, ended.out + ended.err
    found = ended.report
    assert (found["exact"], found["images"], found["right"], found["unproven"]) == (True, _PLANNED, _PLANNED, 0)
    assert found["proven"] == {"etag": _PLANNED}
    assert found["requests"].get("copy", 0) == found["requests"].get("put", 0) == 0
    assert contents(place.client, place.bucket, "") == before


def test_each_difference_is_named(place: Place) -> None:
    """Missing, of another size, of other bytes, unplanned for each reason, RecordIO: exit 4, counted, with examples."""
    assert place.run("merge").code == 0
    place.client.delete_object(Bucket=place.bucket, Key=f"{place.into}ada/1.jpg")
    strange = {
        "ada/2.jpg": b"of another size",
        "bob/1.jpg": b"FIRST OF BOB",
        "bob/9.jpg": b"not in the plan",
        "solo/1.jpg": b"below the threshold",
        "zoe/1.jpg": b"of no source",
        "readme.txt": b"in no folder",
        "train.rec": b"",
    }
    put_all(place.client, place.bucket, {place.into + below: body for below, body in strange.items()})
    ended = place.run("verify", "--no-journal")
    assert ended.code == 4
    found = ended.report
    assert (found["exact"], found["right"], found["missing"], found["different"]) == (False, 2, 1, 2)
    assert found["different_reasons"] == {"other size": 1, "other MD5": 1}
    assert found["unplanned_reasons"] == {
        "in no folder": 2,
        "no source": 1,
        "not in the plan of its identity": 1,
        "too few images": 1,
    }
    assert found["unplanned"] == 5
    assert found["recordio"] == [f"{place.into}train.rec"]
    named = {example["target"].removeprefix(place.into): example["reason"] for example in found["differences"]}
    assert named == {"ada/1.jpg": "missing", "ada/2.jpg": "other size", "bob/1.jpg": "other MD5"}
    assert found["unplanned_examples"]["too few images"] == [f"{place.into}solo/1.jpg"]


def test_other_bytes_that_only_comparing_finds(place: Place) -> None:
    """Same size, newer, ETags of parts: unproven, until --deep reads the bytes; then right and wrong are told apart."""
    for below in ("ada/3.jpg", "bob/3.jpg"):
        put_in_parts(place.client, place.bucket, f"one/{below}", _RIGHT)
    origin = {"Bucket": place.bucket, "CopySource": f"{place.bucket}/one/ada/3.jpg"}
    place.client.copy_object(**origin, Key=f"{place.into}ada/3.jpg")
    put_in_parts(place.client, place.bucket, f"{place.into}bob/3.jpg", _WRONG)
    assert place.run("merge", "--no-journal").code == 0  # what lies there may be right, so it is left alone
    shallow = place.run("verify", "--no-journal")
    assert shallow.code == 0
    assert shallow.report["unproven"] in (1, 2)  # a server may keep the ETag of a copy made of parts
    deep = place.run("verify", "--no-journal", "--deep", "all")
    assert deep.code == 4
    found = deep.report
    assert found["different_reasons"] == {"other bytes": 1}
    assert [example["target"] for example in found["differences"]] == [f"{place.into}bob/3.jpg"]
    assert (found["unproven"], found["right"], found["missing"]) == (0, _PLANNED + 1, 0)
    assert found["compared"] == shallow.report["unproven"]
    assert found["bytes_read"] == found["compared"] * 2 * len(_RIGHT)
    assert found["requests"]["get"] == found["compared"] * 2


def test_stored_checksums(place: Place, request: pytest.FixtureRequest) -> None:
    """They prove multipart objects without a byte read, and find one byte that was changed, size and time alike."""
    if request.node.callspec.params["server"] == "ministack":
        pytest.skip("MiniStack makes every checksum of a multipart upload a composite one")
    body, cut, full = b"x" * (5 << 20) + b"a few more", 5 << 20, "CRC32 FULL_OBJECT"
    for below in ("ada/3.jpg", "bob/3.jpg"):
        put_in_parts(place.client, place.bucket, f"one/{below}", body[:cut], body[cut:], checksum=full)
    assert place.run("merge", "--no-journal").code == 0
    for below, last in (("ada/3.jpg", b"e"), ("bob/3.jpg", b"E")):
        parts = body[: cut + 1], body[cut + 1 : -1] + last  # other parts, so another ETag
        put_in_parts(place.client, place.bucket, f"{place.into}{below}", *parts, checksum=full)
    found = place.run("verify", "--no-journal").report
    assert found["requests"].get("get", 0) == 0
    assert (found["looked_at"], found["unproven"]) == (2, 0)
    assert found["proven"] == {"etag": _PLANNED, "checksum": 1}
    assert found["different_reasons"] == {"other checksum": 1}
    assert [example["target"] for example in found["differences"]] == [f"{place.into}bob/3.jpg"]


def test_other_bytes_that_the_journal_finds(place: Place, tmp_path: Path) -> None:
    """What was copied had another ETag: the journal tells, without reading a byte; --deep tells what it is."""
    journal = ("--journal", str(tmp_path / "of-the-merge"))
    put_in_parts(place.client, place.bucket, "one/ada/3.jpg", _RIGHT)
    assert place.run("merge", *journal).code == 0
    put_in_parts(place.client, place.bucket, f"{place.into}ada/3.jpg", _WRONG)
    assert place.run("verify", "--no-journal").code == 0
    ended = place.run("verify", *journal)
    assert (ended.code, ended.report["different_reasons"]) == (4, {"not what the journal recorded": 1})
    assert place.run("merge", *journal).code == 3
    deep = place.run("verify", *journal, "--deep", "1")
    assert (deep.code, deep.report["different_reasons"]) == (4, {"other bytes": 1})
    put_in_parts(place.client, place.bucket, f"{place.into}ada/3.jpg", _RIGHT)
    cleared = place.run("verify", *journal, "--deep", "1")
    assert cleared.code == 0, cleared.out


def test_sample_is_no_larger_than_asked_for(here: Place) -> None:
    """--deep N compares N images at most, the same ones each time, and says so before it reads them."""
    for number in range(6):
        put_in_parts(here.client, here.bucket, f"one/ada/part{number}.jpg", _RIGHT)
    assert here.run("merge", "--no-journal").code == 0
    runs = [here.run("verify", "--no-journal", "--deep", "4") for _ in range(2)]
    assert f"Comparing 4 images, {human_bytes(4 * 2 * len(_RIGHT))} to read\n" in runs[0].err
    first, second = (run.report for run in runs)
    assert first["proven"]["bytes"] == first["compared"] == 4
    assert first["unproven"] == 2
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_large_objects_are_read_piece_by_piece(here: Place) -> None:
    """A difference in the last byte of several pieces is found."""
    large = b"x" * (9 << 20)
    put_in_parts(here.client, here.bucket, "one/ada/large.jpg", large)
    put_in_parts(here.client, here.bucket, f"{here.into}ada/large.jpg", large[:-1] + b"y")
    assert here.run("merge", "--no-journal").code == 0
    found = here.run("verify", "--no-journal", "--deep", "all").report
    assert found["different_reasons"] == {"other bytes": 1}
    assert (found["bytes_read"], found["requests"]["get"]) == (2 * len(large), 6)


@pytest.mark.parametrize("value", ["some", "-1", "1.5", ""])
def test_deep_takes_a_number_or_all(here: Place, value: str) -> None:
    """Anything else is a mistake, told before anything is sent."""
    ended = here.run("verify", f"--deep={value}")
    assert (ended.code, ended.report["exit_code"]) == (2, 2)
    assert "--deep" in ended.report["error"]


def test_destination_where_there_is_nothing(here: Place) -> None:
    """All is missing, and whoever mistyped the prefix sees what there is."""
    ended = here.run("verify")
    assert (ended.code, ended.report["missing"]) == (4, _PLANNED)
    assert f"the destination s3://{here.bucket}/{here.into} is empty" in ended.report["warnings"][0]
    assert f"below s3://{here.bucket}/ there is " in ended.err


def test_text_for_people(here: Place) -> None:
    """Without --json the verdict comes first, on stdout."""
    sources = [f"s3://{here.bucket}/{name}/" for name in ("one", "two")]
    ended = streammerge("verify", *sources, "--into", f"s3://{here.bucket}/{here.into}", "-q", server=here.server)
    assert (ended.code, ended.err) == (4, "")
    lines = ended.out.splitlines()
    assert lines[1] == "VERIFICATION FOUND DIFFERENCES"
    assert f"Missing: {_PLANNED}" in lines
