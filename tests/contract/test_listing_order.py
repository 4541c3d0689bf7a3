"""What real servers are recognized as, by what their answers say of themselves."""

import contextlib

import pytest

from command import streammerge
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge.dataset.objects import Location
from streammerge.s3.client import open_client
from streammerge.s3.options import ListingOrder, Options

_LOCATION = Location("listing-order", "")


async def _asked(server: Server, order: ListingOrder = "auto") -> tuple[bool, str]:
    """Whether a server is trusted, and what is advised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        connect(server).create_bucket(Bucket=_LOCATION.bucket)
        async with open_client(
            Options(endpoint_url=server.endpoint_url, region=server.region, listing_order=order)
        ) as store:
            await store.probe(_LOCATION)
            return store.promises_order(_LOCATION), store.order_advice([_LOCATION]) or ""


async def test_ceph_is_trusted(ceph: Server) -> None:
    """Its listings are joined while they are read, as Amazon's are."""
    assert await _asked(ceph) == (True, "")


async def test_seaweedfs_is_known_to_list_in_another_order(seaweed: Server) -> None:
    """It is read whole, and nobody is advised to try what would fail."""
    assert await _asked(seaweed) == (False, "")


async def test_an_unknown_server_is_read_whole_with_advice(moto_server: Server) -> None:
    """One line says what it costs, and which option saves it."""
    trusted, advice = await _asked(moto_server)
    assert not trusted
    assert "--listing-order sorted" in advice
    assert moto_server.endpoint_url.partition("://")[2] in advice
    assert "\n" not in advice


async def test_whoever_says_the_order_gets_no_advice(moto_server: Server) -> None:
    """The option has been found already."""
    assert await _asked(moto_server, "sorted") == (True, "")


@pytest.mark.parametrize(("order", "lines"), [("auto", 1), ("sorted", 0)])
def test_the_command_gives_the_advice_once(moto_server: Server, order: str, lines: int) -> None:
    """A line on stderr for both prefixes, unless the order was given."""
    with contextlib.closing(connect(moto_server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {"one/ada/1.jpg": b"1"})
    arguments = [f"s3://{bucket}/one/", "--into", f"s3://{bucket}/into/", "--min-images", "1", "--listing-order", order]
    ended = streammerge("plan", *arguments, server=moto_server)
    assert ended.code == 0, ended.err
    assert ended.err.count("--listing-order sorted saves the wait") == lines
