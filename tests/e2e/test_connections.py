"""Sources and a destination that are reached by different endpoints and keys."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from command import Ended, streammerge
from profiles import profiles
from seeding import new_bucket, put_all
from servers import Server, connect

_OBJECTS = {f"{folder}/{number}.jpg": bytes([number]) for folder in ("ada", "bob") for number in range(3)}


@dataclass(frozen=True, slots=True)
class Places:
    """Two servers, each with a bucket of that name, and a profile for each, and for each with wrong keys."""

    bucket: str
    vendor: Server
    own: Server
    env: dict[str, str]

    def run(self, command: str, *arguments: str) -> Ended:
        """Run a command on a source of either, with `@` for the bucket."""
        sources = (f"vendor=s3://{self.bucket}/from/", f"own=s3://{self.bucket}/more/")
        return streammerge(command, *sources, *(text.replace("@", self.bucket) for text in arguments), env=self.env)


@pytest.fixture(scope="module")
def places(seaweed: Server, moto_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """The vendor's server checks keys."""
    with contextlib.closing(connect(seaweed)) as vendor, contextlib.closing(connect(moto_server)) as own:
        bucket = new_bucket(vendor)
        new_bucket(own, bucket)
        put_all(vendor, bucket, {f"from/{key}": body for key, body in _OBJECTS.items()})
        put_all(own, bucket, {f"more/{key}": body * 2 for key, body in _OBJECTS.items()})
    servers = {"vendor": seaweed, "own": moto_server, "wrong": replace(seaweed, secret_key="no-such-key")}
    return Places(bucket, seaweed, moto_server, profiles(tmp_path_factory.mktemp("aws"), servers))


def test_each_prefix_is_listed_where_it_is(places: Places) -> None:
    """One by its profile alone, the other by the common options; both buckets have one name."""
    ended = places.run("inspect", "--source-profile", "vendor=vendor", "--profile", "own", "--json")
    assert ended.code == 0, ended.err
    assert [prefix["images"] for prefix in ended.report["prefixes"]] == [6, 6]
    ended = places.run(
        "plan", "--source-profile", "vendor=vendor", "--profile", "own", "--into", "s3://@/to/", "--json"
    )
    assert ended.code == 0, ended.err
    assert (ended.report["images"], ended.report["renamed"]) == (12, 6)


@pytest.mark.parametrize(
    ("side", "arguments"),
    [
        ("source vendor (profile wrong)", ["--source-profile", "vendor=wrong", "--profile", "own"]),
        ("source own (profile wrong)", ["--profile", "vendor", "--source-profile", "own=wrong"]),
        ("source vendor (profile none)", ["--profile", "own", "--source-profile", "vendor=none"]),
    ],
)
def test_what_is_wrong_on_one_side_names_it(places: Places, side: str, arguments: list[str]) -> None:
    """Keys that a server does not know, and a profile that is not there: bad input, and nothing is written."""
    ended = places.run("merge", *arguments, "--into", "s3://@/to/")
    assert ended.code == 2, ended.err
    assert side in ended.err, ended.err
    with contextlib.closing(connect(places.own)) as own, contextlib.closing(connect(places.vendor)) as vendor:
        for client in (own, vendor):
            assert "Contents" not in client.list_objects_v2(Bucket=places.bucket, Prefix="to/")


def test_wrong_keys_at_the_destination(places: Places, tmp_path: Path) -> None:
    """A destination that has keys of its own is named where they are wrong."""
    job = tmp_path / "job.toml"
    job.write_text(
        f'[destination]\nurl = "s3://{places.bucket}/to/"\nprofile = "wrong"\n'
        f'[[sources]]\nurl = "s3://{places.bucket}/more/"\n'
    )
    ended = streammerge("merge", str(job), "--profile", "own", env=places.env)
    assert ended.code == 2, ended.err
    assert "the destination (profile wrong): cannot list" in ended.err
    assert "InvalidAccessKeyId" in ended.err or "SignatureDoesNotMatch" in ended.err


def test_two_names_of_one_server(places: Places) -> None:
    """What overlaps is found out, however the server is named."""
    ended = streammerge(
        "merge",
        f"s3://{places.bucket}/from/",
        "--source-endpoint-url",
        places.vendor.endpoint_url,
        "--profile",
        "vendor",
        "--into",
        f"s3://{places.bucket}/from/merged/",
        env=places.env,
    )
    assert ended.code == 2, ended.err
    assert "overlaps the destination" in ended.err
