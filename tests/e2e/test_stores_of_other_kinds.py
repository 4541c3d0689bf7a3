"""What stores and buckets do that others do not, as the command meets it: refusals, ETags, deletions, access points."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from certificates import certificate_of_loopback
from command import Ended, environment, streammerge
from scripted_s3 import Kept, Request, Script, ScriptedS3, follow_no_script, md5_of
from seeding import new_bucket, put_all
from servers import Server, connect
from stub_s3 import Answer, refusal, stub_s3

_SOURCES = ["s3://bucket/one/", "s3://bucket/two/"]
_RULES = ["--into", "s3://bucket/into/", "--min-images", "1", "--attempts", "1"]


def _images(count: int, source: str = "one") -> dict[str, Kept]:
    return {f"{source}/id{number:04}/a.jpg": Kept(md5_of(f"{number}")) for number in range(count)}


def _merge(s3: ScriptedS3, *more: str, sources: int = 1) -> Ended:
    with stub_s3(s3) as server:
        arguments = ["merge", *_SOURCES[:sources], *_RULES, "--no-journal", *more]
        return streammerge(*arguments, env=environment(server))


def _of_copies(answer: Answer) -> Script:
    return lambda request: answer if "x-amz-copy-source" in request.headers else None


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        ("AccessControlListNotSupported", 400, "omit --acl"),
        ("KMS.DisabledException", 400, "Check the state of the KMS key"),
        ("AccessDenied", 403, "Copying needs s3:GetObject"),
    ],
)
def test_what_holds_for_every_object_stops_the_run(code: str, status: int, advice: str) -> None:
    """After some hundreds of refusals without one success; what to change is named, and nothing is counted as done."""
    s3 = ScriptedS3(_images(900), _of_copies(refusal(status, code)))
    ended = _merge(s3, "--acl", "private")
    assert ended.code == 2, ended.err
    assert advice in ended.err
    assert s3.count("copy") < 500


def test_a_rare_failure_is_not_hidden_by_a_common_one() -> None:
    """Failures are counted by code, in text and JSON, with an example of each."""

    def script(request: Request) -> Answer | None:
        if "x-amz-copy-source" not in request.headers or request.key < "into/id0003":
            return None
        rare = request.key.startswith("into/id0030")
        return refusal(400, "InvalidTag") if rare else refusal(403, "InvalidObjectState")

    ended = _merge(ScriptedS3(_images(40), script), "--json")
    assert (ended.code, ended.report["copied"]) == (3, 3)
    assert ended.report["failures_by_code"] == {"InvalidObjectState": 36, "InvalidTag": 1}
    assert {failure["code"] for failure in ended.report["failures"]} == {"InvalidObjectState", "InvalidTag"}
    text = _merge(ScriptedS3(_images(40), script)).out
    assert "InvalidTag" in text
    assert "one/id0030/a.jpg" in text


def test_upper_case_etags_are_md5s() -> None:
    """Images that are the same in both sources count once; the store gets its ETags back as it writes them."""
    images = _images(3) | _images(3, "two")
    s3 = ScriptedS3({key: replace(kept, etag=kept.etag.upper()) for key, kept in images.items()})
    ended = _merge(s3, "--json", sources=2)
    assert ended.code == 0, ended.err
    assert (ended.report["images"], ended.report["duplicates"], ended.report["copied"]) == (3, 3, 3)


def test_prune_where_deletions_need_content_md5() -> None:
    """The store's refusal says so, and the next request has it."""
    removed: list[str] = []

    def script(request: Request) -> Answer | None:
        if "delete" not in request.query:
            return None
        if "content-md5" not in request.headers:
            return refusal(400, "MissingContentMD5")
        removed.extend(key for key in list(s3.objects) if key.startswith("into/old/"))
        for key in removed:
            del s3.objects[key]
        return Answer(200, "<DeleteResult/>")

    s3 = ScriptedS3({**_images(2), "into/old/x.jpg": Kept(md5_of("old"))}, script)
    ended = _merge(s3, "--prune", "--yes", "--json")
    assert (ended.code, ended.report["removed"]) == (0, 1), ended.err
    assert removed == ["into/old/x.jpg"]


def test_a_journal_over_tls_on_a_store_that_takes_no_trailers(tmp_path: Path) -> None:
    """Nothing is sent in chunks with a trailing checksum, which several stores refuse."""

    def script(request: Request) -> Answer | None:
        if request.operation != "copy" or "x-amz-copy-source" in request.headers:
            return None
        if request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
            return refusal(501, "NotImplemented")
        s3.objects[request.key] = Kept(md5_of(request.key))
        return Answer(200, headers={"ETag": f'"{md5_of(request.key)}"'})

    s3 = ScriptedS3(_images(2), script)
    authority, tls = certificate_of_loopback(tmp_path)
    with stub_s3(s3, tls=tls) as server:
        ended = streammerge(
            "merge", _SOURCES[0], *_RULES, "--journal", "s3://bucket/log/",
            env=environment(server, AWS_CA_BUNDLE=str(authority)),
        )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "log/00000001.journal" in s3.objects


def test_an_access_point_is_asked_by_its_own_host() -> None:
    """As `aws s3` takes it: the ARN stands for the bucket, and an Object Lambda one is refused by name."""
    env = environment(None, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1")
    arn = "arn:aws:s3:us-east-1:111122223333:accesspoint/faces"
    with stub_s3(ScriptedS3({}, follow_no_script)) as server:
        port = server.endpoint_url.rpartition(":")[2]
        found = streammerge(
            "inspect", f"s3://{arn}/set/", "--endpoint-url", f"http://localhost:{port}", "--attempts", "1", env=env
        )
    assert "faces-111122223333.localhost" in found.err
    refused = streammerge("inspect", "s3://arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/x/", env=env)
    assert (refused.code, "Object Lambda access point" in refused.err) == (2, True)


def test_what_a_store_ignores_is_warned_of() -> None:
    """Tags, class and encryption that copies have, and were not to have; where all is as asked, nothing is said."""
    asked = ("--tags", "drop", "--storage-class", "ONEZONE_IA", "--encryption", "AES256")
    right = {"x-amz-storage-class": "ONEZONE_IA", "x-amz-server-side-encryption": "AES256"}
    described = {"x-amz-tagging-count": "2"}

    def script(request: Request) -> Answer | None:
        if request.operation != "head" or request.key not in s3.objects:
            return None
        kept = s3.objects[request.key]
        return Answer(200, headers={"ETag": f'"{kept.etag}"', "Content-Length": "3", **described})

    s3 = ScriptedS3(_images(40), script)
    ended = _merge(s3, *asked, "--json")
    assert ended.code == 0, ended.err
    assert [warning.partition(":")[0] for warning in ended.report["warnings"]] == [
        "this store ignores --tags drop",
        "this store ignores --storage-class ONEZONE_IA",
        "this store ignores --encryption AES256",
    ]
    assert "this store ignores --tags drop: 'into/id" in ended.err
    assert s3.count("head") == 16
    described = right
    s3.objects = _images(40)
    assert _merge(s3, *asked, "--json").report["warnings"] == []


def test_an_acl_that_is_ignored_is_warned_of(seaweed: Server, moto_server: Server) -> None:
    """SeaweedFS takes any ACL, and gives none; moto does as it is told."""
    for server, said in (
        (seaweed, ["this store ignores --acl public-read: 'into/ada/0.jpg' may not be read by AllUsers"]),
        (moto_server, []),
    ):
        with contextlib.closing(connect(server)) as client:
            bucket = new_bucket(client)
            put_all(client, bucket, {"one/ada/0.jpg": b"x"})
        arguments = [
            f"s3://{bucket}/one/",
            "--into",
            f"s3://{bucket}/into/",
            "--min-images",
            "1",
            "--acl",
            "public-read",
        ]
        ended = streammerge("merge", *arguments, "--no-journal", "--json", server=server)
        assert (ended.code, ended.report["warnings"]) == (0, said), ended.err


def test_nothing_is_said_of_an_acl_that_may_not_be_looked_at() -> None:
    """Looking needs a permission that copying does not."""
    denied = refusal(403, "AccessDenied")
    s3 = ScriptedS3(_images(3), lambda request: denied if "acl" in request.query else None)
    ended = _merge(s3, "--acl", "public-read", "--json")
    assert (ended.code, ended.report["warnings"]) == (0, [])
    assert sum("acl" in request.query for request in s3.asked) == 1


def test_ceph_copies_tags_that_were_to_be_dropped(ceph: Server) -> None:
    """It ignores the directive, and that is said."""
    with contextlib.closing(connect(ceph)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {f"one/ada/{number}.jpg": b"x" for number in range(2)}, Tagging="team=faces")
    arguments = [f"s3://{bucket}/one/", "--into", f"s3://{bucket}/into/", "--tags", "drop", "--no-journal", "--json"]
    ended = streammerge("merge", *arguments, server=ceph)
    assert ended.code == 0, ended.err
    assert [warning.partition(":")[0] for warning in ended.report["warnings"]] == ["this store ignores --tags drop"]
