"""Computes checksums of bodies beside the event loop, where that takes long."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from streammerge.s3.checksums import Digest
from streammerge.s3.http_connection import Body

T = TypeVar("T")
_QUICK = 1 << 17  # bytes that are taken in while everything else waits


async def computed(body: Body, digest: Digest) -> bytes:
    """A checksum that has taken in a body."""
    await beside(lambda: digest.update(body), len(body))
    return digest.digest()


async def beside(work: Callable[[], T], size: int) -> T:
    """Work on so many bytes, in a thread if they are many; to its end even if cancelled: they are in use until then."""
    if size <= _QUICK:
        return work()
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise
