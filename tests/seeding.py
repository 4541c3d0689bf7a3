"""Puts objects into buckets, a few or tens of thousands."""

import asyncio
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from yarl import URL

from servers import Server
from streammerge.s3.sigv4 import Credentials, encode_path, sign

_AT_ONCE = 48


def new_bucket(client: Any, name: str = "") -> str:
    """A bucket that nobody else knows."""
    bucket = name or f"test-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=bucket)
    return bucket


def emptied_bucket(client: Any, name: str) -> str:
    """The bucket of that name, made if need be, with nothing in it: for names that several tests share."""
    if name in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for found in page.get("Contents", ()):
                client.delete_object(Bucket=name, Key=found["Key"])
    else:
        client.create_bucket(Bucket=name)
    return name


def put_all(client: Any, bucket: str, bodies: Mapping[str, bytes], **described: Any) -> None:
    """Put objects, several at a time."""

    def put(key: str) -> None:
        # An empty body that is announced by `Expect: 100-continue` makes SeaweedFS deaf to the next request.
        body = {"Body": bodies[key]} if bodies[key] else {}
        client.put_object(Bucket=bucket, Key=key, **body, **described)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, bodies))


def put_in_parts(client: Any, bucket: str, key: str, *bodies: bytes, checksum: str = "") -> None:
    """Store an object whose ETag is no MD5.

    checksum: how one of the content is stored, by algorithm and type, such as `CRC32 FULL_OBJECT`; empty for none.
    """
    where = {"Bucket": bucket, "Key": key}
    algorithm, _, kind = checksum.partition(" ")
    summed = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    created = client.create_multipart_upload(**where, **summed, **({"ChecksumType": kind} if kind else {}))
    where["UploadId"] = created["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        part = client.upload_part(**where, **summed, PartNumber=number, Body=body)
        sums = {name: part[name] for name in (f"Checksum{algorithm}",) if name in part}
        parts.append({"ETag": part["ETag"], "PartNumber": number, **sums})
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})


def multiply(server: Server, bucket: str, origin: str, keys: Iterable[str]) -> None:
    """Copy one object of a bucket to many keys, by thousands a second: boto3 would take a minute."""
    with ThreadPoolExecutor(1) as pool:  # an asynchronous test has a running loop in this thread
        pool.submit(asyncio.run, _multiply(server, bucket, origin, keys)).result()


async def _multiply(server: Server, bucket: str, origin: str, keys: Iterable[str]) -> None:
    credentials = Credentials(server.access_key, server.secret_key)
    slots = asyncio.Semaphore(_AT_ONCE)
    # Ceph refuses a type that is not signed.
    http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60), skip_auto_headers=["Content-Type"])
    async with http, asyncio.TaskGroup() as group:

        async def copy(key: str) -> None:
            path = f"/{bucket}/{encode_path(key)}"
            host = server.endpoint_url.removeprefix("http://")
            headers = {"host": host, "x-amz-copy-source": encode_path(f"{bucket}/{origin}")}
            timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            sign("PUT", path, "", headers, credentials, region=server.region, timestamp=timestamp)
            async with http.put(URL(server.endpoint_url + path, encoded=True), headers=headers) as response:
                assert response.status == 200, await response.text()
            slots.release()

        for key in keys:
            await slots.acquire()
            group.create_task(copy(key))
