"""botocore for the rare requests: bounded answers, checked parsing, and its exceptions turned into ours.

Strategy: botocore trusts a server. It reads answers of any length, expands XML entities, and raises KeyError or
TypeError on an answer that is not S3's. So answers are read here within bounds, and what its parser trips over is made
a ResponseParserError right at the parser. Nothing else is caught by such a general type: a TypeError that reaches a
caller is a bug.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import botocore.exceptions
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.parsers import AioResponseParserFactory
from botocore.auth import AUTH_TYPE_MAPS
from botocore.awsrequest import AWSRequest
from botocore.parsers import ResponseParserError

from streammerge.dataset.objects import printable
from streammerge.errors import RunError, TransientError
from streammerge.s3.error_codes import from_client_error
from streammerge.s3.http import never_send_twice, read_whole
from streammerge.s3.http_connection import UnfitError
from streammerge.s3.options import Options
from streammerge.s3.sigv4 import Credentials

_NETWORK = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    aiohttp.ClientError,
    OSError,  # TimeoutError is one
)
_MISREAD = (AttributeError, LookupError, TypeError, ValueError)  # by botocore's parser, of an answer that is not S3's
_NO_TLS = "WRONG_VERSION_NUMBER"  # OpenSSL's word for an answer in plain HTTP
_LISTING = "ListObjectsV2Output"
_under_way: ContextVar[tuple[asyncio.Timeout, float]] = ContextVar("under way")
T = TypeVar("T")


async def call(what: str, request: Awaitable[T], limit: float) -> T:
    """Await one request of botocore's for at most `limit` seconds from when it is sent; `what` names it in errors.

    Raises TransientError, ObjectError, IncompleteError or RunError.
    """
    try:
        async with asyncio.timeout(limit) as timeout:  # botocore's own timeout starts anew with every byte
            _under_way.set((timeout, limit))
            return await request
    except TimeoutError as error:
        raise TransientError(f"{what}: no answer within {limit:g} seconds", code="Timeout") from error
    except botocore.exceptions.ClientError as error:
        raise from_client_error(what, error) from error
    except _NETWORK as error:
        raise _unreached(what, error) from error
    except ResponseParserError as error:
        reason = printable(str(error)[:200])
        raise TransientError(f"{what}: the answer is not S3's ({reason})", code="MalformedXML") from error
    except botocore.exceptions.BotoCoreError as error:
        raise RunError(f"{what}: {error}") from error


async def wait_untimed(turn: Awaitable[None]) -> None:
    """Await the turn of the request that is under way: its seconds begin anew after that."""
    timeout, limit = _under_way.get()
    timeout.reschedule(None)
    await turn
    timeout.reschedule(asyncio.get_running_loop().time() + limit)


def _unreached(what: str, error: Exception) -> TransientError | RunError:
    cause = error.kwargs.get("error") if isinstance(error, botocore.exceptions.BotoCoreError) else None
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        why = getattr(cause.certificate_error, "verify_message", "") or cause.certificate_error
        return RunError(
            f"{what}: the certificate of {cause.host} is not trusted: {why}. If you trust it, "
            "set AWS_CA_BUNDLE to a file with the certificate of its authority"
        )
    if _NO_TLS in str(error):
        return RunError(f"{what}: the server does not speak TLS. Use http:// instead of https:// in the endpoint's URL")
    reason = str(error) or type(error).__name__
    if isinstance(cause, aiohttp.ClientConnectorError) and cause.strerror:  # botocore does not say it
        reason = f"{reason} ({cause.strerror})"
    return TransientError(f"{what}: {reason}", code=type(error).__name__)


def config(options: Options) -> AioConfig:
    """How botocore's client is to behave: one attempt, bounded answers, checksums only where S3 requires them.

    Several stores refuse the trailers that botocore would send otherwise: https://github.com/boto/boto3/issues/4392.
    """
    return AioConfig(
        retries={"total_max_attempts": 1},  # retries are ours
        connect_timeout=min(10.0, options.timeout),
        read_timeout=options.timeout,
        max_pool_connections=64,
        user_agent_appid="streammerge",
        http_session_cls=_BoundedSession,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def sign_for_any_region(
    method: str, url: str, headers: dict[str, str], credentials: Credentials, *, has_body: bool = False
) -> None:
    """Sign a request for all regions (SigV4A), which botocore does by the awscrt package.

    headers: names in lower case; those that sign are added. has_body: it has one, which goes unsigned, its MD5 among
    the headers.
    """
    request = AWSRequest(method=method, url=url, headers=headers)
    request.context["has_streaming_input"] = has_body
    AUTH_TYPE_MAPS["s3v4a"](credentials, "s3", "*").add_auth(request)
    headers.update({name.lower(): value for name, value in request.headers.items()})


class _Read:
    """What botocore takes a body from, once it was read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body


class _BoundedSession(AIOHTTPSession):  # type: ignore[misc]  # it has no types
    """botocore's HTTP session, which reads answers within bounds and sends nothing twice."""

    async def send(self, request: Any) -> AioAWSResponse:
        """Send a request; its answer is read whole, unless it is to be streamed."""
        if request.stream_output:
            return await super().send(request)
        request.stream_output = True
        response = await super().send(request)
        body = await read_whole(response.raw)
        if b"<!DOCTYPE" in body:  # botocore's parser would expand what it declares
            raise UnfitError("the answer declares a document type, so it is not S3's")
        return AioAWSResponse(response.url, response.status_code, response.headers, _Read(body))

    async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
        return never_send_twice(await super()._get_session(proxy_url))


class CheckedParsers(AioResponseParserFactory):  # type: ignore[misc]  # it has no types
    """botocore's parsers; whatever an answer makes them trip over is a ResponseParserError.

    They leave pages of listings alone, which `probe` reads itself: that takes a fiftieth of the time.
    """

    def create_parser(self, protocol_name: str) -> Any:
        """A parser for a protocol, such as rest-xml."""
        parser = super().create_parser(protocol_name)
        parser.parse = _checked(parser.parse)
        return parser


def _checked(parse: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def checked(response: Any, shape: Any) -> Any:
        if response["status_code"] == HTTPStatus.OK and shape.name == _LISTING:
            return {"ResponseMetadata": {"HTTPStatusCode": HTTPStatus.OK, "HTTPHeaders": response["headers"]}}
        try:
            parsed = await parse(response, shape)
            hash(parsed.get("Error", {}).get("Code"))  # botocore looks it up, and elements in a code make it a dict
        except _MISREAD as error:
            raise ResponseParserError(f"{type(error).__name__}: {error}") from error
        return parsed

    return checked
