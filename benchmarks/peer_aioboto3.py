"""The loop that anybody would write first: list with aioboto3's paginator, copy under a semaphore.

python benchmarks/peer_aioboto3.py ENDPOINT DESTINATION SOURCE...
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aioboto3
from botocore.config import Config

WORKERS = 64


async def main(endpoint: str, destination: str, *sources: str) -> None:
    config = Config(max_pool_connections=WORKERS)
    async with aioboto3.Session().client("s3", endpoint_url=endpoint, config=config) as client:
        slots = asyncio.Semaphore(WORKERS)
        async with asyncio.TaskGroup() as group:
            async for copied, target in _copies(client, sources, destination):
                await slots.acquire()
                group.create_task(_copy(client, copied, target, slots))


async def _copies(
    client: Any, sources: Sequence[str], destination: str
) -> AsyncIterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Bucket and key to copy from, bucket and key to copy to."""
    into, _, folder = destination.partition("/")
    for source in sources:
        bucket, _, prefix = source.partition("/")
        async for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield (bucket, entry["Key"]), (into, folder + entry["Key"].removeprefix(prefix))


async def _copy(client: Any, copied: tuple[str, str], target: tuple[str, str], slots: asyncio.Semaphore) -> None:
    place = {"Bucket": copied[0], "Key": copied[1]}
    try:
        await client.copy_object(Bucket=target[0], Key=target[1], CopySource=place)
    finally:
        slots.release()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
