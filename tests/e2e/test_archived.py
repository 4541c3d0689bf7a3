"""Archived images: named before a byte is copied, skipped or tried when that is asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_AT_HAND = {f"a/alice/{n}.jpg": b"alice %d" % n for n in range(2)} | {"a/bob/0.jpg": b"bob 0"}
_ARCHIVED = {"a/bob/1.jpg": b"bob 1", "a/carol/0.jpg": b"carol 0", "a/carol/1.jpg": b"carol 1"}


@pytest.fixture
def place(moto_server: Server) -> Iterator[tuple[Server, Any, str]]:
    """Alice at hand, half of bob and all of carol archived."""
    client = connect(moto_server)
    bucket = new_bucket(client)
    put_all(client, bucket, _AT_HAND)
    put_all(client, bucket, _ARCHIVED, StorageClass="DEEP_ARCHIVE")
    yield moto_server, client, bucket
    client.close()


def _run(place: tuple[Server, Any, str], command: str, *more: str) -> Ended:
    server, _, bucket = place
    return streammerge(command, f"s3://{bucket}/a/", *more, "--json", server=server)


def test_archived_images_stop_a_merge_before_it_copies(place: tuple[Server, Any, str]) -> None:
    """Inspect and plan count them; merge names the counts, the command to restore, and the ways out."""
    _, client, bucket = place
    into = ("--into", f"s3://{bucket}/out/")
    looked = _run(place, "inspect").report
    assert looked["prefixes"][0]["archived"] == {"DEEP_ARCHIVE": 3}
    planned = _run(place, "plan", *into)
    assert (planned.code, planned.report["archived_to_copy"], planned.report["archived"]) == (0, 3, {"DEEP_ARCHIVE": 3})
    assert any("merge will stop: 3 images to copy archived" in warning for warning in planned.report["warnings"])
    merged = _run(place, "merge", *into)
    assert merged.code == 2
    for words in ("3 DEEP_ARCHIVE", f"restore-object --bucket {bucket} --key a/", "--archived skip"):
        assert words in merged.err
    assert contents(client, bucket, "out/") == {}


def test_archived_images_can_be_skipped(place: tuple[Server, Any, str]) -> None:
    """They do not count for the threshold: bob has one image left; verify agrees."""
    _, client, bucket = place
    more = ("--into", f"s3://{bucket}/out/", "--archived", "skip")
    merged = _run(place, "merge", *more)
    assert (merged.code, merged.report["identities"], merged.report["skipped_too_few"]) == (0, 1, 1)
    assert merged.report["ignored"] == {"archived": 3}
    assert set(contents(client, bucket, "out/")) == {"alice/0.jpg", "alice/1.jpg"}
    assert _run(place, "verify", *more).code == 0


def test_archived_images_that_fail_are_not_called_a_missing_permission(place: tuple[Server, Any, str]) -> None:
    """Tried without being restored they fail with their own reason, and all others are copied."""
    _, _, bucket = place
    merged = _run(place, "merge", "--into", f"s3://{bucket}/out/", "--archived", "try")
    assert (merged.code, merged.report["copied"]) == (3, 3)
    assert sum(merged.report["failures_by_code"].values()) == 3
    assert "access denied" not in merged.err


def test_archived_images_anywhere_are_looked_for(place: tuple[Server, Any, str]) -> None:
    """Behind the first page, too: some pages from all over a source, folders or flat, stop a merge before it copies."""
    _, client, bucket = place
    put_all(client, bucket, {f"many/{n:04}/{n}.jpg": b"%d" % n for n in range(1100)})
    put_all(client, bucket, {f"flat/{n:04}_face.jpg": b"%d" % n for n in range(1000)})
    put_all(client, bucket, {"many/1050/old.jpg": b"m", "flat/9000_face.jpg": b"f"}, StorageClass="GLACIER")
    for source, more in (("many", ()), ("flat", ("--layout", "{identity}_face.{ext}"))):
        into = ("--into", f"s3://{bucket}/out/", "--min-images", "1", "--json")
        merged = streammerge("merge", f"s3://{bucket}/{source}/", *into, *more, server=place[0])
        assert (merged.code, "1 image to copy archived" in merged.err) == (2, True), merged.err
    assert contents(client, bucket, "out/") == {}


@pytest.mark.full
def test_archived_images_that_were_not_seen_stop_a_merge_when_they_are_found(moto_server: Server) -> None:
    """Plan counts them before anything is copied; merge stops, says what stays, and how to go on, which goes on."""
    client = connect(moto_server)
    bucket = new_bucket(client)
    put_all(client, bucket, {f"a/p{name:03}/{n}.jpg": b"%d" % n for name in range(300) for n in range(4)})
    put_all(client, bucket, {f"a/zoe/{n:04}.jpg": b"%d" % n for n in range(1200)})
    put_all(client, bucket, {"a/zoe/9999.jpg": b"z"}, StorageClass="GLACIER")
    place, into = (moto_server, client, bucket), ("--into", f"s3://{bucket}/out/")
    assert any("merge will stop: 1 image" in warning for warning in _run(place, "plan", *into).report["warnings"])
    stopped = _run(place, "merge", *into)
    assert stopped.code == 1
    for words in ("1 image to copy archived", "--archived skip", "What is copied already stays"):
        assert words in stopped.err
    before = contents(client, bucket, "out/")
    assert f"{len(before):,} copied" in stopped.err
    assert 0 < len(before) < 1200, "some of the others, and none of the identity with the archived image"
    assert not [key for key in before if key.startswith("zoe/")]
    went_on = _run(place, "merge", *into, "--archived", "skip")
    assert (went_on.code, went_on.report["already_present"]) == (0, len(before))
    assert len(contents(client, bucket, "out/")) == 2400
    client.close()
