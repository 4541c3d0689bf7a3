"""Connections: what is left open is as the common options have it, and where a source is belongs to the job."""

from dataclasses import replace

import pytest

from documents import DOCS, block
from streammerge.dataset.connection import COMMON, Connection
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.job_file import parse_job
from streammerge.dataset.objects import Location
from streammerge.errors import UsageError

_LAN = "https://minio.lan:9000"
_FILE = f"""
destination = "s3://bucket/into/"
[[sources]]
name = "vendor"
url = "s3://faces/a/"
endpoint-url = "{_LAN}"
profile = "vendor"
requester-pays = true
[[sources]]
name = "own"
url = "s3://bucket/b/"
"""


def _job(**settings: object) -> Job:
    return make_job(["a=s3://bucket/a/", "b=s3://bucket/b/"], into="s3://bucket/into/", **settings)  # type: ignore[arg-type]


def test_what_is_left_open_is_as_the_common_options_have_it() -> None:
    """Whatever a connection says itself counts, False too."""
    common = Connection(_LAN, "eu-west-1", "training", requester_pays=True)
    assert Connection(profile="vendor", requester_pays=False).over(common) == Connection(
        _LAN, "eu-west-1", "vendor", requester_pays=False
    )
    assert COMMON.over(common) == common


def test_each_source_may_have_its_own() -> None:
    """By name, or for all of them."""
    job = _job(source_endpoint_urls=[f"a={_LAN}"], source_profiles=["vendor"])
    assert [source.location.connection for source in job.sources] == [
        Connection(_LAN, profile="vendor"),
        Connection(profile="vendor"),
    ]
    assert job.destination.connection == COMMON


def test_a_job_file_names_them() -> None:
    """At a source, and in the table of the destination, which may have no other keys."""
    job = parse_job(_FILE)
    assert [source.location.connection for source in job.sources] == [
        Connection(_LAN, profile="vendor", requester_pays=True),
        COMMON,
    ]
    table = """[destination]\nurl = "s3://bucket/into/"\nprofile = "training"\n"""
    text = table + _FILE.replace('destination = "s3://bucket/into/"', "")
    reached = Location("bucket", "into/", Connection(profile="training"))
    assert parse_job(text).destination == reached
    assert parse_job(text, into="s3://other/").destination == replace(reached, bucket="other", prefix="")
    with pytest.raises(UsageError, match="the destination: unknown key 'profil'"):
        parse_job(text.replace("profile", "profil", 1))
    with pytest.raises(UsageError, match='the destination needs url = "…"'):
        parse_job(text.replace("url = ", "region = ", 1))


def test_the_job_file_of_the_documentation() -> None:
    """It is read as the page says."""
    job = parse_job(block(DOCS / "relaying.md", "vendor.toml"))
    vendor, own = (source.location.connection for source in job.sources)
    assert vendor == Connection("https://s3.vendor.example", profile="vendor")
    assert own == Connection(profile="training", requester_pays=False)
    assert job.destination.connection == Connection(profile="training")


def test_the_command_line_overrides_a_job_file() -> None:
    """As for all settings of sources."""
    job = parse_job(_FILE, source_profiles=["vendor=another"], source_regions=["own=eu-west-1"])
    assert job.sources[0].location.connection == Connection(_LAN, profile="another", requester_pays=True)
    assert job.sources[1].location.connection == Connection(region="eu-west-1")


def test_where_a_source_is_belongs_to_the_job_and_how_it_is_reached_does_not() -> None:
    """The endpoint is part of the fingerprint: there the same URL is another data set."""
    plain = _job().fingerprint
    assert _job(source_profiles=["x"], source_regions=["r"], source_requester_pays={"a": True}).fingerprint == plain
    assert _job(source_endpoint_urls=[f"a={_LAN}"]).fingerprint != plain
    job = _job()
    there = replace(job, destination=replace(job.destination, connection=Connection(_LAN)))
    assert there.fingerprint not in (plain, _job(source_endpoint_urls=[f"a={_LAN}"]).fingerprint)


def test_the_same_url_at_two_endpoints_does_not_overlap() -> None:
    """They are two buckets that have one name."""
    make_job(["a=s3://bucket/x/"], into="s3://bucket/x/", source_endpoint_urls=[_LAN])
    with pytest.raises(UsageError, match="overlaps the destination"):
        make_job(["a=s3://bucket/x/"], into="s3://bucket/x/", source_profiles=["vendor"])


def test_keys_in_a_url_are_refused_and_not_shown() -> None:
    """They would reach job files, journals and reports."""
    with pytest.raises(UsageError, match="contains a user name or password") as refused:
        Connection("https://key:SECRET@minio.lan")
    assert "SECRET" not in str(refused.value)
