"""Where a bucket is found: host, path, region, for every kind of endpoint that botocore knows."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from aiobotocore.awsrequest import AioAWSResponse
from botocore.compat import HAS_CRT

from streammerge.dataset.objects import Location
from streammerge.errors import UsageError
from streammerge.s3.connection import ANY_REGION, Address, connect
from streammerge.s3.options import Options
from streammerge.s3.probe import first_page, probe

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
        ("arn:aws:s3:us-west-2:111122223333:accesspoint/mine", {},
         "https://mine-111122223333.s3-accesspoint.us-west-2.amazonaws.com", ""),
        ("mine-0123456789abcdef-s3alias", {}, "https://mine-0123456789abcdef-s3alias.s3.eu-west-1.amazonaws.com", ""),
    ],
)  # fmt: skip
async def test_amazons_endpoints(bucket: str, variables: Mapping[str, str], root: str, path: str) -> None:
    """Virtual-host style where the name allows it, dual-stack and FIPS where they are asked for; all promise order."""
    region = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1"}
    address = await _address(bucket, Options(), **{**region, **variables})
    assert (str(address.root), address.path) == (root, path)
    assert address.host == root.removeprefix("https://")
    named = bucket.split(":")[3] if bucket.startswith("arn:") else ""
    assert address.region == named or {**region, **variables}["AWS_DEFAULT_REGION"]
    assert (address.service, address.ordered) == ("s3", True)


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
        assert address.ordered is None


_OUTPOST = "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/mine"
_EVERYWHERE = "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap"


async def test_an_access_point_on_an_outpost() -> None:
    """Its service signs for itself, and promises no order."""
    address = await _address(_OUTPOST, Options(), AWS_DEFAULT_REGION="us-west-2", AWS_REGION="us-west-2")
    assert address.host.startswith("mine-111122223333.op-01ac5d28a6a232904.s3-outposts.us-west-2.")
    assert (address.service, address.ordered) == ("s3-outposts", False)


async def test_a_multi_region_access_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without awscrt nobody signs for it, and the package is named; with it, our own requests are signed, too."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    location = Location(_EVERYWHERE, "x/")
    async with connect(Options()) as connection:
        connection.client.meta.events.register("before-send.s3", _answer)
        if not HAS_CRT:
            with pytest.raises(UsageError, match=re.escape("pip install 'botocore[crt]'")):
                await probe(connection, location)
            return
        await probe(connection, location)
        address = connection.addresses[_EVERYWHERE]
        headers = {"x-amz-copy-source": "bucket/key"}
        await connection.sign("PUT", address, "/key", "", headers, kind="copy")
        with_body = {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
        await connection.sign("PUT", address, "/key", "", with_body, kind="put", has_body=True)
    assert with_body["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert (address.region, address.host) == (ANY_REGION, "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com")
    assert headers["authorization"].startswith("AWS4-ECDSA-P256-SHA256 Credential=KEY/")
    assert "host;x-amz-content-sha256;x-amz-copy-source;x-amz-date;x-amz-region-set" in headers["authorization"]


async def test_an_access_point_elsewhere_than_on_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint is what is wrong."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    location = Location("arn:aws:s3:us-west-2:111122223333:accesspoint/mine", "x/")
    async with connect(Options(endpoint_url="http://127.0.0.1:9", timeout=1)) as connection:
        with pytest.raises(UsageError, match="Only Amazon S3 has access points, and the endpoint is http://127"):
            await probe(connection, location)
