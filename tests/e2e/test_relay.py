"""Objects that no single connection can copy, relayed between two real servers that have different keys."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import Source, contents, oracle
from profiles import profiles
from seeding import new_bucket, put_all
from servers import Server, connect

_LARGE = 9 << 20  # bytes; above half of --memory an object goes in parts
_MEMORY = ("--memory", "16MiB")
_DESCRIBED: dict[str, Any] = {
    "ContentType": "image/jpeg",
    "ContentLanguage": "de",
    "ContentDisposition": 'inline; filename="a  b.jpg"',
    "CacheControl": "max-age=60",
    "Metadata": {"camera": "Nikon  D5", "by": "somebody"},
    "Tagging": "split=train&license=CC%20BY",
}
_PAIRS = [
    "seaweed moto_server",
    *(
        pytest.param(pair, marks=pytest.mark.full)
        for pair in ("seaweed ceph", "ceph seaweed", "ceph ministack_server", "ministack_server ceph")
    ),
]


@dataclass(frozen=True, slots=True)
class Relaying:
    """A source on each of two servers, a bucket of the same name on both, and the destination on the second."""

    bucket: str
    there: Any
    here: Any
    servers: dict[str, Server]
    env: dict[str, str]
    sources: tuple[Source, ...]
    loses_tags_of_parts: bool  # MiniStack does

    def run(self, command: str, into: str, *more: str, env: dict[str, str] | None = None) -> Ended:
        """Run a command on the job."""
        return streammerge(*self.arguments(command, into, *more), env=env or self.env)

    def arguments(self, command: str, into: str, *more: str) -> list[str]:
        """What to run."""
        urls = (source.argument for source in self.sources)
        reached = ("--source-profile", "vendor=there", "--profile", "here", "--into", f"s3://{self.bucket}/{into}")
        return [command, *urls, *reached, *_MEMORY, "--json", *more]


@pytest.fixture(scope="module", params=_PAIRS)
def relaying(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relaying]:
    """Identities in both sources, with collisions and a duplicate; some objects have all that may travel."""
    first, second = request.param.split()
    servers: dict[str, Server] = {
        "there": request.getfixturevalue(first),
        "here": request.getfixturevalue(second),
    }
    with contextlib.closing(connect(servers["there"])) as there, contextlib.closing(connect(servers["here"])) as here:
        bucket = new_bucket(there)
        new_bucket(here, bucket)
        put_all(there, bucket, {f"from/{who}/{name}.jpg": f"{who}{name}".encode() for who in "abc" for name in "12"})
        put_all(there, bucket, {"from/a/é +.jpg": b"x" * 70_000, "from/a/middle.jpg": b"y" * 300_000}, **_DESCRIBED)
        put_all(there, bucket, {"from/b/large.png": bytes(range(256)) * (_LARGE // 256)}, **_DESCRIBED)
        put_all(here, bucket, {"more/a/1.jpg": b"other", "more/a/2.jpg": b"a2", "more/c/3.jpg": b"c3"})
        put_all(here, bucket, {"more/d/1.jpg": b"d1"})
        sources = (Source("vendor", bucket, "from/", client=there), Source("own", bucket, "more/"))
        env = profiles(tmp_path_factory.mktemp("aws"), servers)
        yield Relaying(bucket, there, here, servers, env, sources, second == "ministack_server")


def _sizes(relaying: Relaying, into: str) -> dict[str, int]:
    return {below: size for below, (size, _) in contents(relaying.here, relaying.bucket, into).items()}


def _expected(relaying: Relaying) -> dict[str, int]:
    return {below: found.size for below, found in oracle(relaying.here, relaying.sources).items()}


def test_the_destination_is_what_the_oracle_says(relaying: Relaying) -> None:
    """Whatever goes in one piece has the ETag of its source; a second run has nothing to do."""
    ended = relaying.run("merge", "to/")
    assert ended.code == 0, ended.err
    expected = oracle(relaying.here, relaying.sources)
    found = contents(relaying.here, relaying.bucket, "to/")
    assert {below: size for below, (size, _) in found.items()} == {below: one.size for below, one in expected.items()}
    for below, (_, etag) in found.items():
        assert etag == expected[below].etag or "-" in etag, below
    assert found["b/large.png"][1] != expected["b/large.png"].etag
    assert ended.report["copied"] == len(expected)
    assert not relaying.here.list_multipart_uploads(Bucket=relaying.bucket).get("Uploads")
    again = relaying.run("merge", "to/")
    assert (again.code, again.report["copied"]) == (0, 0), again.err
    verified = relaying.run("verify", "to/", "--deep", "all")
    assert (verified.code, verified.report["unproven"]) == (0, 0), verified.out


def test_what_describes_an_object_travels(relaying: Relaying) -> None:
    """Content headers, metadata and tags, also of an object that goes in parts."""
    assert relaying.run("merge", "described/").code == 0
    for name in ("a/é +.jpg", "a/middle.jpg", "b/large.png"):
        for head, tags in (
            (
                client.head_object(Bucket=relaying.bucket, Key=prefix + name),
                client.get_object_tagging(Bucket=relaying.bucket, Key=prefix + name)["TagSet"],
            )
            for client, prefix in ((relaying.there, "from/"), (relaying.here, "described/"))
        ):
            for field, value in _DESCRIBED.items():
                if field != "Tagging":
                    assert head.get(field) == value, (name, field)
            if name != "b/large.png" or not relaying.loses_tags_of_parts:
                assert {tag["Key"]: tag["Value"] for tag in tags} == {"split": "train", "license": "CC BY"}
    body = relaying.here.get_object(Bucket=relaying.bucket, Key="described/b/large.png")["Body"].read()
    assert body == bytes(range(256)) * (_LARGE // 256)


def test_tags_stay_where_they_are_not_wanted(relaying: Relaying) -> None:
    """As for copies."""
    assert relaying.run("merge", "untagged/", "--tags", "drop").code == 0
    for name in ("a/middle.jpg", "b/large.png"):
        tagging = relaying.here.get_object_tagging(Bucket=relaying.bucket, Key=f"untagged/{name}")
        assert tagging["TagSet"] == []


def test_what_lies_at_the_target_stays(relaying: Relaying) -> None:
    """A conflict is left alone, and replaced where that is asked for."""
    put_all(relaying.here, relaying.bucket, {"taken/a/1.jpg": b"mine"})
    ended = relaying.run("merge", "taken/")
    assert (ended.code, ended.report["conflicts"]) == (3, 1), ended.err
    assert relaying.here.get_object(Bucket=relaying.bucket, Key="taken/a/1.jpg")["Body"].read() == b"mine"
    ended = relaying.run("merge", "taken/", "--if-exists", "overwrite")
    assert ended.code == 0, ended.err
    assert _sizes(relaying, "taken/") == _expected(relaying)


def test_a_machine_may_be_told_to_relay(relaying: Relaying) -> None:
    """Also what one connection reaches."""
    own = dataclasses.replace(relaying, sources=relaying.sources[1:])
    ended = streammerge(
        "merge",
        own.sources[0].argument,
        "--into",
        f"s3://{own.bucket}/forced/",
        "--profile",
        "here",
        "--transfer",
        "relay",
        "--json",
        env=own.env,
    )
    assert ended.code == 0, ended.err
    assert (ended.report["requests"].get("copy", 0), ended.report["requests"]["put"]) == (0, 2)
    assert _sizes(own, "forced/") == _expected(own)
