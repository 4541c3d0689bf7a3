"""Bad input: exit 2, a message that names the thing and says what to do, and nothing written."""

import json
import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from command import Ended, environment, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer
from stub_s3 import Answer, Asked, folders, listing, refusal, stub_s3

_OBJECTS = {
    "one/ada/1.jpg": b"1",
    "one/ada/2.jpg": b"2",
    "two/ada/3.jpg": b"3",
    "flat/ada_face.png": b"4",
    "flat/bob_face.png": b"5",
    "flat/eve_face.png": b"6",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket with two sources, `one/` and `two/`, a flat one, and nothing at the destination, `merged/`."""

    server: Server
    client: Any
    bucket: str

    def url(self, prefix: str) -> str:
        """A prefix of the bucket."""
        return f"s3://{self.bucket}/{prefix}"

    def expand(self, *arguments: str) -> list[str]:
        """Arguments in which `@` stands for the bucket's URL."""
        return [argument.replace("@", self.url("")) for argument in arguments]

    def refused(self, *arguments: str, server: Server | None = None, **more: str) -> str:
        """Run merge on what must be bad input, as `server` or the owner; the message, one line or a few."""
        return refused(
            self.server if server is None else server, *self.expand(*arguments), untouched=self.untouched, **more
        )

    def untouched(self) -> None:
        """Nothing was written: not at the destination nor elsewhere in the bucket."""
        assert set(contents(self.client, self.bucket, "")) == set(_OBJECTS)


def refused(server: Server | None, *arguments: str, untouched: Any = lambda: None, **more: str) -> str:
    """Run merge on what must be bad input, and check all that is true of every such end."""
    ended = streammerge("merge", *arguments, env=environment(server, **more))
    message = _message(ended)
    assert ended.out == "", "results alone go to stdout"
    untouched()
    return message


def _message(ended: Ended) -> str:
    assert ended.code == 2, (ended.code, ended.err, ended.out)
    assert ended.err.startswith("streammerge: "), ended.err
    message = ended.err.removeprefix("streammerge: ").strip()
    assert len(message) < 600, "a message is for reading"
    return message


def _place(server: Server) -> Iterator[Place]:
    client = connect(server)
    bucket = new_bucket(client)
    put_all(client, bucket, _OBJECTS)
    yield Place(server, client, bucket)
    client.close()


@pytest.fixture(scope="module")
def each(server: Server) -> Iterator[Place]:
    """The place on each server in turn."""
    yield from _place(server)


@pytest.fixture(scope="module")
def here(moto_server: Server) -> Iterator[Place]:
    """The place where any server will do."""
    yield from _place(moto_server)


@pytest.fixture(scope="module")
def guarded(ceph: CephServer) -> Iterator[Place]:
    """The place on a server that checks who asks."""
    yield from _place(ceph)


def test_no_such_source_bucket(each: Place) -> None:
    """The bucket is named."""
    message = each.refused("@one/", "s3://no-such-bucket-here/two/", "--into", "@merged/")
    assert "no-such-bucket-here" in message
    assert re.search(r"NoSuchBucket|does not exist", message)
    assert "Check the name of the bucket" in message


def test_no_such_destination_bucket(each: Place) -> None:
    """The bucket is named, before anything is listed for long."""
    message = each.refused("@one/", "@two/", "--into", "s3://no-such-bucket-here/merged/")
    assert "s3://no-such-bucket-here/merged/" in message
    assert "Check the name of the bucket" in message


def test_empty_source(each: Place) -> None:
    """A prefix below which there is nothing is a typing error, and not an empty data set: what there is is named."""
    message = each.refused("@one/", "@tow/", "--into", "@merged/")
    assert each.url("tow/") in message
    assert "empty" in message
    assert f"below {each.url('')} there is two/, one/, flat/" in message


def test_flat_source_is_not_taken_for_folders(each: Place) -> None:
    """The very option that fixes it is in the message, and works."""
    message = each.refused("faces=@flat/", "@one/", "--into", "@merged/")
    option = re.search(r"--layout '([^']+)'", message)
    assert option is not None, message
    assert option[1] == "faces={identity}_face.{ext}"
    assert "=folder" not in message, "there is no folder that it could have"
    plan = streammerge(
        "plan", *each.expand("faces=@flat/", "@one/", "--into", "@merged/", "--layout", option[1], "--json"),
        server=each.server,
    )  # fmt: skip
    assert (plan.code, plan.report["images"], plan.report["multi_source"]) == (0, 3, 1)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["http://bucket/one/", "@two/", "--into", "@merged/"], ["http://bucket/one/", "s3://bucket/prefix/"]),
        (["@one/", "two/", "--into", "@merged/"], ["two/", "s3://bucket/prefix/"]),
        (["@one/", "s3:///two/", "--into", "@merged/"], ["s3:///two/", "bucket name"]),
        (["@one/", "s3://x/two/", "--into", "@merged/"], ["s3://x/two/", "bucket name"]),
        (["@one/", "--into", "merged"], ["merged", "s3://bucket/prefix/"]),
        (["@one/", "@one/ada/", "--into", "@merged/"], ["overlap", "one/ada/", "do not nest"]),
        (["@one/", "@one", "--into", "@merged/"], ["one/ is given twice"]),
        (["@one/", "@two/", "--into", "@two/merged/"], ["overlap", "destination", "two/merged/"]),
        (["@one/", "@two/", "--into", "@"], ["overlap", "destination"]),
        (["x=@one/", "x=@two/", "--into", "@merged/"], ["'x'", "give each its own name"]),
        (["x/y=@one/", "@two/", "--into", "@merged/"], ["x/y", "cannot name a source"]),
        (
            ["@one/", "@two/", "--into", "@merged/", "--min-images", "3", "--max-images", "2"],
            ["--max-images 2", "--min-images 3"],
        ),
        (["@one/", "@two/", "--into", "@merged/", "--min-images", "0"], ["--min-images 0", "at least 1"]),
        (["@one/", "@two/", "--into", "@merged/", "--min-images", "few"], ["--min-images", "few"]),
        (["@one/", "@two/", "--into", "@merged/", "--layout", "{person}.{ext}"], ["{person}", "{identity}"]),
        (["@one/", "@two/", "--into", "@merged/", "--layout", "{name}.{ext}"], ["{name}.{ext}", "{identity}"]),
        (["@one/", "@two/", "--into", "@merged/", "--layout", "{identity"], ["{identity", "brace"]),
        (["@one/", "@two/", "--into", "@merged/", "--layout", "three=folder"], ["three", "one, two"]),
        (["@one/"], ["no destination: pass", "--into s3://BUCKET/PREFIX/"]),
        (["@one/", "@two/", "@merged/"], ["/merged/ is the destination: --into s3://", "/merged/"]),
        (["job.tom"], ["'job.tom' is neither s3://bucket/prefix/ nor a .toml file"]),
        (["missing.toml"], ["missing.toml: cannot read the job"]),
        (["--into", "@merged/"], ["no source: pass at least one", "s3://BUCKET/PREFIX/"]),
        (["@one/", "--into", "@merged/", "--part-size", "8 lots"], ["--part-size", "'8 lots' is not a size", "512MiB"]),
        (["@one/", "--into", "@merged/", "--bucket-owner", "foo"], ["--bucket-owner", "'foo'", "12 digits"]),
        (["@one/", "@two/", "--into", "@merged/", "--collisions", "merge"], ["--collisions", "rename"]),
        (["@one/", "@two/", "--into", "@merged/", "--concurrency", "0"], ["--concurrency", "at least 1"]),
        (["@one/", "@two/", "--into", "@merged/", "--timeout", "0"], ["--timeout", "more than 0"]),
        (["@one/", "@two/", "--into", "@merged/", "--timeout", "nan"], ["--timeout"]),
        (["@one/", "@two/", "--into", "@merged/", "--timeout", "inf"], ["--timeout", "finite"]),
        (["@/one/", "@two/", "--into", "@merged/"], ["contains an empty name ('//')", "Did you mean s3://"]),
        (["@one/*", "@two/", "--into", "@merged/"], ["ends with '*'", "/one/?"]),
        (["@one/", "@two/", "--into", "@ merged/"], ["has spaces before or after a name", "/merged/?"]),
        (["@one/ada/1.jpg", "@two/", "--into", "@merged/"], ["looks like an object", "/one/ada/, or"]),
        (["@one/", "@two/", "--into", "@merged/", "--delete"], ["--delete", "merge --prune"]),
        (["@one/", "@two/", "--into", "@merged/", "--profile", "nobody"], ["profile", "nobody"]),
        (["@one/", "@two/", "--into", "@merged/", "--endpoint-url", "localhost:9000"], ["localhost:9000", "http://"]),
        (["@one/", "s3://fast--a1--x-s3/two/", "--into", "@merged/"], ["fast--a1--x-s3", "directory bucket"]),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense(here: Place, arguments: list[str], named: list[str]) -> None:
    """The message names what is wrong, and what would be right."""
    message = here.refused(*arguments)
    for fragment in named:
        assert fragment in message


def test_no_credentials(here: Place) -> None:
    """All the ways to give some are named."""
    arguments = here.expand("@one/", "@two/", "--into", "@merged/", "--endpoint-url", here.server.endpoint_url)
    message = refused(None, *arguments, untouched=here.untouched)
    assert "no AWS credentials" in message
    assert "AWS_ACCESS_KEY_ID" in message
    assert "--profile" in message


def test_half_a_pair_of_credentials(here: Place) -> None:
    """A key without its secret is no credentials, and not a traceback."""
    arguments = here.expand("@one/", "@two/", "--into", "@merged/", "--endpoint-url", here.server.endpoint_url)
    message = refused(None, *arguments, untouched=here.untouched, AWS_ACCESS_KEY_ID="HALF")
    assert "AWS_SECRET_ACCESS_KEY" in message or "credentials" in message.lower()


def test_error_as_json(here: Place) -> None:
    """With --json the message is also one object on stdout."""
    arguments = here.expand("@one/", "@tow/", "--into", "@merged/", "--json")
    ended = streammerge("merge", *arguments, server=here.server)
    assert ended.report == {"error": _message(ended), "exit_code": 2}


def test_wrong_secret(guarded: Place) -> None:
    """The credentials are to be checked; neither the right nor the wrong secret is shown."""
    wrong = replace(guarded.server, secret_key="wrong-secret-0123456789")
    message = guarded.refused("@one/", "@two/", "--into", "@merged/", server=wrong)
    assert "SignatureDoesNotMatch" in message
    assert "Check the credentials" in message
    assert guarded.server.secret_key not in message


def test_unknown_access_key(guarded: Place) -> None:
    """The credentials are to be checked."""
    unknown = replace(guarded.server, access_key="NOBODY")
    message = guarded.refused("@one/", "@two/", "--into", "@merged/", server=unknown)
    assert "InvalidAccessKeyId" in message
    assert "Check the credentials" in message


def test_no_access_to_a_source(ceph: CephServer, guarded: Place) -> None:
    """The source that is refused first is named, and the permission that is missing."""
    client = connect(ceph.stranger)
    own = new_bucket(client)
    message = guarded.refused("@one/", "@two/", "--into", f"s3://{own}/merged/", server=ceph.stranger)
    assert any(guarded.url(source) in message for source in ("one/", "two/"))
    assert "AccessDenied" in message
    assert "s3:ListBucket" in message
    assert contents(client, own, "") == {}
    client.close()


def test_no_access_to_the_destination(ceph: CephServer, guarded: Place) -> None:
    """The destination is named, and the permission that is missing."""
    client = connect(ceph.stranger)
    own = new_bucket(client)
    put_all(client, own, {"one/ada/1.jpg": b"1"})
    message = guarded.refused(f"s3://{own}/one/", "--into", "@merged/", server=ceph.stranger)
    assert guarded.url("merged/") in message
    assert "AccessDenied" in message
    assert "s3:ListBucket" in message
    client.close()


def test_no_permission_to_write(ceph: CephServer, guarded: Place) -> None:
    """Who may read all and write nothing hears so before the end of the run: the permissions are named."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/stranger"]},
        "Action": ["s3:ListBucket", "s3:GetObject", "s3:GetObjectTagging"],
        "Resource": [f"arn:aws:s3:::{guarded.bucket}", f"arn:aws:s3:::{guarded.bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    guarded.client.put_bucket_policy(Bucket=guarded.bucket, Policy=policy)
    try:
        message = guarded.refused("@one/", "@two/", "--into", "@merged/", server=ceph.stranger)
    finally:
        guarded.client.delete_bucket_policy(Bucket=guarded.bucket)
    assert "AccessDenied" in message
    assert "s3:PutObject" in message
    assert guarded.url("merged/") in message
    assert "No copy has succeeded" in message


def _redirect(region: str) -> Answer:
    return refusal(301, "PermanentRedirect", x_amz_bucket_region=region)


def _malformed(region: str) -> Answer:
    return refusal(400, "AuthorizationHeaderMalformed", more=f"<Region>{region}</Region>", x_amz_bucket_region=region)


def _in_ohio(refuse: Any) -> Any:
    """A bucket in us-east-2, as Amazon answers: whoever signs for another region is told."""

    def answer(asked: Asked) -> Answer:
        if "/us-east-2/s3/" not in asked.headers["authorization"]:
            refused_by: Answer = refuse("us-east-2")
            return refused_by
        if "prefix=one" not in asked.path:
            return listing()
        return folders("one/ada/") if "delimiter" in asked.path else listing("one/ada/1.jpg", "one/ada/2.jpg")

    return answer


@pytest.mark.parametrize("refuse", [_redirect, _malformed])
def test_wrong_region(refuse: Any) -> None:
    """The region that the bucket is in is named, with the option to pass it."""
    with stub_s3(_in_ohio(refuse)) as server:
        message = refused(server, "s3://bucket/one/", "--into", "s3://bucket/merged/", "--region", "eu-west-1")
    assert "bucket" in message
    assert "--region us-east-2" in message


@pytest.mark.parametrize("refuse", [_redirect, _malformed])
def test_region_is_found_out(refuse: Any) -> None:
    """Without --region the bucket's own is found, and signed for from then on."""
    with stub_s3(_in_ohio(refuse)) as server:
        ended = streammerge("plan", "s3://bucket/one/", "--into", "s3://bucket/merged/", "--json", server=server)
    assert ended.code == 0, ended.err
    assert ended.report["images"] == 2


def test_region_that_nobody_names() -> None:
    """A server that refuses the region without saying which is right: the option to pass it is named."""
    with stub_s3(lambda _: refusal(301, "PermanentRedirect")) as server:
        message = refused(server, "s3://bucket/one/", "--into", "s3://bucket/merged/")
    assert "--region" in message


def test_expired_credentials() -> None:
    """They are to be renewed, and the same command run again; the token is not shown."""
    with stub_s3(lambda _: refusal(400, "ExpiredToken")) as server:
        message = refused(
            server, "s3://bucket/one/", "--into", "s3://bucket/merged/", AWS_SESSION_TOKEN="token-that-nobody-may-see"
        )
    assert "ExpiredToken" in message
    assert "renew" in message


def test_nobody_listens() -> None:
    """The endpoint is named."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        server = Server(endpoint, "KEY", "secret-that-nobody-may-see")
        message = refused(server, "s3://bucket/one/", "--into", "s3://bucket/merged/", "--timeout", "2")
    assert endpoint in message
    assert "--endpoint-url" in message


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://{}", "the server does not speak TLS. Use http://"),
        ("htp://{}", "http://HOST:PORT or https://HOST"),
        ("http://{}/one", "The endpoint ends with /one: if that is a bucket, remove it from the URL"),
    ],
)
def test_endpoint_that_is_nearly_right(here: Place, endpoint: str, said: str) -> None:
    """What is wrong with its URL, in few words."""
    server = replace(here.server, endpoint_url=endpoint.format(here.server.endpoint_url.removeprefix("http://")))
    message = here.refused("@one/", "@two/", "--into", "@merged/", server=server)
    assert said in message
    assert message.count("WRONG_VERSION") == 0


def test_somebody_listens_and_says_nothing() -> None:
    """The run gives up after a few times --timeout, and names the endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        server = Server(endpoint, "KEY", "secret-that-nobody-may-see")
        message = refused(server, "s3://bucket/one/", "--into", "s3://bucket/merged/", "--timeout", "2")
    assert endpoint in message
    assert "--endpoint-url" in message


def test_somebody_answers_what_is_not_s3() -> None:
    """A web page is no listing: the prefix is named."""
    page = Answer(200, "<html><body>Welcome!</body></html>", {"Content-Type": "text/html"})
    with stub_s3(lambda _: page) as server:
        message = refused(server, "s3://bucket/one/", "--into", "s3://bucket/merged/")
    assert "s3://bucket/" in message


def test_plan_cannot_be_written(here: Place, tmp_path: Path) -> None:
    """The file is named."""
    file = tmp_path / "missing" / f"{uuid.uuid4().hex}.jsonl"
    arguments = here.expand("@one/", "@two/", "--into", "@merged/", "--output", str(file))
    message = _message(streammerge("plan", *arguments, server=here.server))
    assert str(file) in message
    here.untouched()


@pytest.mark.parametrize("price", ["copy", "copy=cheap", "copy=-1", "copy=nan", "delete=1"])
def test_prices_that_are_none(here: Place, price: str) -> None:
    """The price is named."""
    arguments = here.expand("@one/", "@two/", "--into", "@merged/", "--price", price)
    assert price in _message(streammerge("plan", *arguments, server=here.server))
