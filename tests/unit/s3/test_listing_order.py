"""Which stores are trusted to list in UTF-8 byte order."""

from collections.abc import Mapping

import pytest

from streammerge.s3.listing_order import is_amazon, known_order


@pytest.mark.parametrize(
    "host",
    [
        "bucket.s3.eu-west-1.amazonaws.com",
        "s3.us-gov-west-1.amazonaws.com:443",
        "bucket.s3.cn-north-1.amazonaws.com.cn",
        "bucket.s3.eusc-de-east-1.amazonaws.eu",
        "bucket.s3.us-iso-east-1.c2s.ic.gov",
        "bucket.s3.dualstack.eusc-de-east-1.api.amazonwebservices.eu",
        "0123456789abcdef.r2.cloudflarestorage.com",
        "0123456789abcdef.eu.r2.cloudflarestorage.com",
        "storage.googleapis.com",
        "bucket.storage.googleapis.com",
        "s3.us-west-004.backblazeb2.com",
        "s3.eu-central-1.wasabisys.com",
        "bucket.FRA1.digitaloceanspaces.com",
    ],
)
def test_services_are_known_by_their_hosts(host: str) -> None:
    """Amazon in all partitions that botocore knows, and the services whose documentation or peers vouch for it."""
    assert known_order(host, "s3", {}) is True


@pytest.mark.parametrize(
    ("host", "service", "headers"),
    [
        ("amazonaws.com.example.org", "s3", {}),
        ("notamazonaws.com", "s3", {}),
        ("notbackblazeb2.com", "s3", {}),
        ("www.googleapis.com", "s3", {}),
        ("127.0.0.1:5000", "s3", {"server": "Werkzeug/3.1.9 Python/3.11.7, amazon.com"}),
        ("127.0.0.1:9000", "s3", {"server": "MinIO-like"}),
        ("127.0.0.1:9000", "s3", {"x-amz-request-id": "4d227b61-35f4-4d74-8395-ecd5e05bec75"}),
        ("127.0.0.1:9000", "s3", {"x-amz-request-id": "tx000004f4ca8462645ce2b-006b0794a9"}),
    ],
)
def test_what_is_not_known_is_not_trusted(host: str, service: str, headers: Mapping[str, str]) -> None:
    """Hosts that only look alike, servers of which nothing is known."""
    assert known_order(host, service, headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"server": "MinIO"},
        {"server": "Ceph Object Gateway (tentacle)"},
        {"server": "Ceph Object Gateway"},
        {"server": "nginx", "x-amz-request-id": "tx000004f4ca8462645ce2b-006b0794a9-4106-default"},
    ],
)
def test_software_is_known_by_its_answers(headers: Mapping[str, str]) -> None:
    """MinIO and Ceph run on anybody's hosts; a proxy before Ceph leaves its ids of requests alone."""
    assert known_order("storage.local:7480", "s3", headers) is True


@pytest.mark.parametrize(
    ("host", "service", "headers"),
    [
        ("bucket.s3express-use1-az4.us-east-1.amazonaws.com", "s3express", {}),
        ("ap-123.op-1.s3-outposts.us-east-1.amazonaws.com", "s3-outposts", {}),
        ("127.0.0.1:8333", "s3", {"server": "SeaweedFS 30GB 4.48"}),
    ],
)
def test_what_is_known_to_list_in_another_order(host: str, service: str, headers: Mapping[str, str]) -> None:
    """Kinds of buckets without order, and SeaweedFS, which lists as folders do: nothing is advised there."""
    assert known_order(host, service, headers) is False


def test_hosts_of_amazon() -> None:
    """A journal's name depends on it."""
    assert is_amazon("s3.eu-west-1.amazonaws.com")
    assert not is_amazon("")
