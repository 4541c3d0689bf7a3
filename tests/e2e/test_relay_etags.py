"""Relayed objects whose ETags look like MD5s and are none, or whose checksums are not of the whole object."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from fault_proxy import Exchange, Fault, Proxy, fault_proxy
from profiles import profiles
from seeding import new_bucket, put_all
from servers import Server, connect

_MD5 = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![-0-9a-f])")
_BODIES = {
    "small": b"small",
    "middle": bytes(range(256)) * 4000,  # passed on while it comes
    "large": bytes(reversed(range(256))) * (80 << 10),  # with the least --memory in three parts
}


@pytest.fixture
def bucket(moto_server: Server, seaweed: Server) -> Iterator[tuple[str, Any, Any]]:
    """One on moto, which checks no signature, so that a proxy may change requests, and one on SeaweedFS."""
    with contextlib.closing(connect(moto_server)) as there, contextlib.closing(connect(seaweed)) as here:
        name = new_bucket(there)
        new_bucket(here, name)
        yield name, there, here


def _relayed(bucket: str, source: Server, destination: Server, folder: Path) -> Ended:
    env = profiles(folder, {"there": source, "here": destination})
    job = ["merge", f"vendor=s3://{bucket}/from/", "--source-profile", "vendor=there", "--profile", "here"]
    return streammerge(
        *job, "--into", f"s3://{bucket}/to/", "--min-images", "1", "--memory", "16MiB", "--json", env=env
    )


def _is_right(bucket: str, here: Any) -> bool:
    found = {name: here.get_object(Bucket=bucket, Key=f"to/id/{name}.jpg")["Body"].read() for name in _BODIES}
    return found == _BODIES and not here.list_multipart_uploads(Bucket=bucket).get("Uploads")


@contextlib.contextmanager
def _disguised(server: Server, *told: bytes) -> Iterator[Proxy]:
    """A proxy that turns every ETag that is an MD5 round, with further lines in the heads of objects."""

    def turned(text: bytes) -> bytes:
        return _MD5.sub(lambda found: found[0][::-1], text)

    async def disguise(exchange: Exchange) -> None:
        exchange._raw = turned(exchange._raw)
        forwarded = await exchange.forward()
        first, _, rest = turned(forwarded.head).partition(b"\r\n")
        listing = b"list-type" in exchange.asked.path.encode()
        lines = b"" if listing else b"".join(line + b"\r\n" for line in told)
        await exchange.send(first + b"\r\n" + lines + rest + (turned(forwarded.body) if listing else forwarded.body))

    with fault_proxy(server, Fault(disguise, on=("list", "other"))) as proxy:
        yield proxy


@pytest.mark.parametrize("told", [(), (b"x-amz-server-side-encryption: aws:kms",)], ids=["silent", "told"])
def test_etags_that_are_no_md5s(
    bucket: tuple[str, Any, Any], moto_server: Server, seaweed: Server, tmp_path: Path, told: tuple[bytes, ...]
) -> None:
    """Whether the store says so, by how an object is encrypted, or not: all arrives, in one request or in parts."""
    name, there, here = bucket
    put_all(there, name, {f"from/id/{each}.jpg": body for each, body in _BODIES.items()})
    with _disguised(moto_server, *told) as proxy:
        ended = _relayed(name, proxy.server, seaweed, tmp_path)
    assert (ended.code, ended.report["copied"]) == (0, len(_BODIES)), ended.err
    assert _is_right(name, here)


def test_checksums_of_parts_that_do_not_say_so(
    bucket: tuple[str, Any, Any], moto_server: Server, seaweed: Server, tmp_path: Path
) -> None:
    """A HEAD on moto has the checksum of a multipart upload without any mark that it is made of those of the parts."""
    name, there, here = bucket
    for each, body in _BODIES.items():
        key = {"Bucket": name, "Key": f"from/id/{each}.jpg"}
        upload = {**key, "UploadId": there.create_multipart_upload(**key, ChecksumAlgorithm="SHA256")["UploadId"]}
        parts = []
        for number, start in enumerate(range(0, len(body), 8 << 20), 1):
            piece = body[start : start + (8 << 20)]
            sent = there.upload_part(**upload, PartNumber=number, Body=piece, ChecksumAlgorithm="SHA256")
            parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
        there.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    ended = _relayed(name, moto_server, seaweed, tmp_path)
    assert (ended.code, ended.report["copied"]) == (0, len(_BODIES)), ended.err
    assert _is_right(name, here)
