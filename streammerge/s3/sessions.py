"""The two HTTP sessions, ours and botocore's, kept from what either would do on its own.

aiohttp sends a request again, unasked, when a connection breaks that it has used before: then nobody counts it, and
nobody waits. And both would read an answer however long it is, where a page of 1,000 keys of 1,024 bytes, all of them
percent-encoded, has 3.5 MB.
"""

from typing import Any

import aiohttp
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpsession import AIOHTTPSession

LONGEST = 8 << 20  # bytes of an answer that is read whole


class UnfitError(aiohttp.ClientError):
    """An answer is like none of S3's."""


def never_send_twice(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Leave retries to us; returns the session. aiohttp has no other way to say so, and its own tests use this one."""
    session._retry_connection = False  # noqa: SLF001
    return session


async def read_whole(response: aiohttp.ClientResponse, longest: int = LONGEST) -> bytes:
    """The body of an answer, of at most so many bytes. Raises UnfitError, and what aiohttp raises."""
    if response.method == "HEAD":
        return await response.read()
    try:
        return await read_bounded(response.content, response.content_length, longest)
    except BaseException:
        response.close()
        raise


async def read_bounded(content: aiohttp.StreamReader, announced: int | None, longest: int = LONGEST) -> bytes:
    """A body of at most so many bytes, whose length was announced or not. Raises UnfitError, and what aiohttp raises.

    announced, longest: bytes.
    """
    if announced is not None and announced <= longest:
        return await content.read()  # aiohttp takes no more than was announced
    body = bytearray()
    while (announced or 0) <= longest and len(body) <= longest:
        piece = await content.readany()
        if not piece:
            return bytes(body)
        body += piece
    raise UnfitError(f"the answer has more than {longest:,} bytes, and so is none of S3's")


class _Read:
    """What botocore takes a body from, once it was read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body


class BoundedSession(AIOHTTPSession):  # type: ignore[misc]  # it has no types
    """botocore's HTTP session."""

    async def send(self, request: Any) -> AioAWSResponse:
        """Send a request; its answer is read whole, within bounds, unless it is to be streamed."""
        if request.stream_output:
            return await super().send(request)
        request.stream_output = True
        response = await super().send(request)
        body = await read_whole(response.raw)
        if b"<!DOCTYPE" in body:  # botocore's parser would expand what it declares
            raise UnfitError("the answer declares a document type, and so is none of S3's")
        return AioAWSResponse(response.url, response.status_code, response.headers, _Read(body))

    async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
        return never_send_twice(await super()._get_session(proxy_url))
