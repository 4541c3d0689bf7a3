"""A bare loop over obstore, the Python binding of Rust's object_store: no plan, no journal, no report.

python benchmarks/peer_obstore.py ENDPOINT DESTINATION SOURCE...
"""

import asyncio
import sys

import obstore
from obstore.store import S3Store

WORKERS = 64


async def main(endpoint: str, destination: str, *sources: str) -> None:
    bucket, _, into = destination.partition("/")
    # The stand-in's certificate is its own authority, which Rust's TLS refuses; the rest of TLS costs the same
    store = S3Store(
        bucket,
        endpoint=endpoint,
        region="us-east-1",
        client_options={"allow_http": True, "allow_invalid_certificates": True},
    )
    slots = asyncio.Semaphore(WORKERS)
    async with asyncio.TaskGroup() as group:
        for source in sources:
            prefix = source.partition("/")[2]
            async for page in obstore.list(store, prefix, chunk_size=1000):
                for found in page:
                    await slots.acquire()
                    group.create_task(_copy(store, found["path"], into + found["path"].removeprefix(prefix), slots))


async def _copy(store: S3Store, key: str, target: str, slots: asyncio.Semaphore) -> None:
    try:
        await obstore.copy_async(store, key, target)
    finally:
        slots.release()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
