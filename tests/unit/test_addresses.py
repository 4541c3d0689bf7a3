"""Where a bucket is found: host, path, region, for every kind of endpoint that botocore knows."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiobotocore.awsrequest import AioAWSResponse

from streammerge.core.keys import Location
from streammerge.s3.connection import Address, connect, first_page
from streammerge.s3.options import Options

_EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


class _Body:
    async def read(self) -> bytes:
        return _EMPTY


def _answer(request: Any, **_: Any) -> AioAWSResponse:
    """In place of the network."""
    return AioAWSResponse(request.url, 200, {}, _Body())


async def _address(bucket: str, options: Options, **variables: str) -> Address:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "SECRET", **variables}.items():
            patch.setenv(name, value)
        async with connect(options) as connection:
            connection.client.meta.events.register("before-send.s3", _answer)
            await first_page(connection, Location(bucket, "x/"))
            return connection.addresses[bucket]


_FIPS, _DUAL = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}


@pytest.mark.parametrize(
    ("bucket", "variables", "root", "path"),
    [
        ("plain", {}, "https://plain.s3.eu-west-1.amazonaws.com", ""),
        ("with.dots", {}, "https://s3.eu-west-1.amazonaws.com", "/with.dots"),
        ("plain", _DUAL, "https://plain.s3.dualstack.eu-west-1.amazonaws.com", ""),
        ("plain", {**_FIPS, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"},
         "https://plain.s3-fips.us-east-1.amazonaws.com", ""),
        ("plain", {**_FIPS, **_DUAL, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"},
         "https://plain.s3-fips.dualstack.us-east-1.amazonaws.com", ""),
        ("plain", {"AWS_DEFAULT_REGION": "cn-north-1", "AWS_REGION": "cn-north-1"},
         "https://plain.s3.cn-north-1.amazonaws.com.cn", ""),
    ],
)  # fmt: skip
async def test_amazons_endpoints(bucket: str, variables: Mapping[str, str], root: str, path: str) -> None:
    """Virtual-host style where the name allows it, dual-stack and FIPS where they are asked for; all promise order."""
    region = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1"}
    address = await _address(bucket, Options(), **{**region, **variables})
    assert (str(address.root), address.path) == (root, path)
    assert address.host == root.removeprefix("https://")
    assert address.region == {**region, **variables}["AWS_DEFAULT_REGION"]
    assert (address.service, address.promises_order) == ("s3", True)


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("https://[2001:db8::1]", "[2001:db8::1]"),
        ("http://storage.local:7480", "storage.local:7480"),
    ],
)
async def test_other_endpoints(endpoint: str, host: str) -> None:
    """An endpoint of one's own is path style, IPv6 addresses included; it promises no order."""
    for options, variables in (
        (Options(endpoint_url=endpoint), {}),
        (Options(), {"AWS_ENDPOINT_URL": endpoint}),
        (Options(), {"AWS_ENDPOINT_URL_S3": endpoint}),
    ):
        address = await _address("plain", options, AWS_DEFAULT_REGION="eu-west-1", **variables)
        assert (str(address.root), address.host, address.path) == (endpoint, host, "/plain")
        assert not address.promises_order
