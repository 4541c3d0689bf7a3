"""How each bucket is reached: host, path, region, credentials, all as botocore would have it.

Strategy: botocore knows every rule of endpoints, addressing styles, regions and credentials, so we let it make one
real call per bucket, a first LIST, and watch what it sends. The URL, the region and the service that it signed for
are the bucket's `Address`; from then on we sign and send the hot calls ourselves. That first call is also where bad
input shows: no bucket, no access, wrong region, no credentials, nobody answering.
"""

import asyncio
import logging
import re
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aioboto3
import aiohttp
import botocore.exceptions
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from yarl import URL

from streammerge.core.keys import Listed, Location, Page, printable
from streammerge.errors import IncompleteError, RunError, TransientError, UsageError
from streammerge.s3.failures import from_client_error
from streammerge.s3.options import Options, is_amazon
from streammerge.s3.sessions import BoundedSession
from streammerge.s3.signing import Credentials, sign
from streammerge.s3.wire import Wire

_log = logging.getLogger(__name__)
# Kinds of request as they are priced; what is not here is rare
_KINDS = {
    "ListObjectsV2": "list",
    "HeadObject": "head",
    "GetObject": "get",
    "GetObjectTagging": "get",
    "PutObject": "put",
    "CreateMultipartUpload": "put",
    "UploadPartCopy": "copy",
    "CompleteMultipartUpload": "put",
    "DeleteObject": "delete",
    "DeleteObjects": "delete",
}
_NETWORK = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
)
_BOTOCORE = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
# What comes of an answer that is none of S3's: botocore trusts a server
_CONFUSED = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
_NOT_IN_URL = (
    "the endpoint's URL (--endpoint-url or AWS_ENDPOINT_URL) holds a user name or password, which S3 does "
    "not take: leave it out. Keys come from the environment, a profile or a role"
)
_ENDPOINT = "An endpoint (--endpoint-url or AWS_ENDPOINT_URL) is a URL: say http://HOST:PORT, or https://HOST"
_NO_TLS = "WRONG_VERSION_NUMBER"  # OpenSSL's word for an answer that is no TLS, such as one in plain HTTP
_RENEW = "Renew them and run the same command again"
_SLOWEST = 10_000_000  # bytes a second of a server-side copy that is not given up
_sent: ContextVar[Any] = ContextVar("_sent")  # the request that botocore sent last in this task
_SCOPE = re.compile(r"Credential=[^/]+(?:/[^/]+)*?/\d{8}/([^/]+)/([^/]+)/aws4_request")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """How a bucket is reached: `root` is scheme, host and port, `path` what comes before the key."""

    root: URL
    host: str
    path: str
    region: str
    service: str
    proxy: str | None = None  # URL of the proxy that the environment names for it

    @property
    def promises_order(self) -> bool:
        """Whether its listings are in UTF-8 byte order by contract: Amazon's general-purpose buckets.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html
        """
        return self.service == "s3" and is_amazon(self.host.partition(":")[0])


@lru_cache(maxsize=2)
def _format_time(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


@dataclass(slots=True)
class Connection:
    """An open connection: botocore's client for the rare calls, the wire for the hot ones."""

    options: Options
    client: Any
    wire: Wire
    addresses: dict[str, Address] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)  # sent so far, by kind
    unconditional: set[str] = field(default_factory=set)  # operations on which the server does not know If-None-Match
    clock_offset: float = 0.0  # seconds that the server is ahead of us
    _provider: Any = None
    _credentials: Credentials | None = None
    _read_at: float = 0.0

    async def credentials(self) -> Credentials:
        """The credentials of this moment; botocore renews them before they expire."""
        now = time.monotonic()
        if self._credentials is None or now - self._read_at > 1:  # asking botocore is cheap, not free
            try:
                frozen = await self._provider.get_frozen_credentials()
            except (*_NETWORK, *_BOTOCORE, RuntimeError) as error:
                raise IncompleteError(f"cannot renew the credentials: {error}. {_RENEW}") from error
            self._credentials = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
            self._read_at = now
        return self._credentials

    async def sign(
        self, method: str, address: Address, path: str, query: str, headers: dict[str, str], *, kind: str
    ) -> None:
        """Sign the headers of a request that is sent next, `host` included, and count it.

        Raises IncompleteError where the credentials cannot be renewed.
        """
        headers["host"] = address.host
        sign(
            method,
            path,
            query,
            headers,
            await self.credentials(),
            region=address.region,
            service=address.service,
            timestamp=self.timestamp(),
        )
        self.requests[kind] += 1

    def without_condition(self, operation: str) -> None:
        """Note that the server does not know If-None-Match on an operation; it is said once."""
        if operation not in self.unconditional:
            self.unconditional.add(operation)
            _log.warning(
                "This server does not know If-None-Match on %s: what somebody else writes to the destination during "
                "this run may be overwritten",
                operation,
            )

    def patience(self, size: int) -> float:
        """The seconds allowed for a request that has S3 copy so many bytes."""
        return self.options.timeout + size / _SLOWEST

    def timestamp(self) -> str:
        """The server's time, for a signature: UTC as `YYYYMMDDTHHMMSSZ`."""
        return _format_time(int(time.time() + self.clock_offset))


@asynccontextmanager
async def connect(options: Options) -> AsyncIterator[Connection]:
    """Open a connection to S3; nothing is sent yet.

    Raises UsageError where the profile, the endpoint or the credentials are not usable.
    """
    try:
        core = AioSession(profile=options.profile)
        provider = await core.get_credentials()
        session = aioboto3.Session(botocore_session=core, region_name=options.region)
        opening = session.client("s3", endpoint_url=options.endpoint_url, config=_config(options))
        client = await opening.__aenter__()
    except botocore.exceptions.BotoCoreError as error:
        raise UsageError(f"cannot connect to S3: {error}") from error
    except ValueError as error:  # of an endpoint that is none; it quotes it
        if "@" in str(error):
            raise UsageError(_NOT_IN_URL) from None
        raise UsageError(f"cannot connect to S3: {error}. {_ENDPOINT}") from error
    try:
        if provider is None:
            raise UsageError(
                "no AWS credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a --profile, "
                "or give the instance a role"
            )
        endpoint = urlsplit(client.meta.endpoint_url)
        if "@" in endpoint.netloc:
            raise UsageError(_NOT_IN_URL)
        if endpoint.scheme not in ("http", "https"):
            raise UsageError(f"cannot connect to S3: Invalid endpoint: {client.meta.endpoint_url}. {_ENDPOINT}")
        trust = _trust(core.get_config_variable("ca_bundle"))
        async with aclosing(Wire(trust, options.timeout)) as wire:
            connection = Connection(options, client, wire, _provider=provider)
            client.meta.events.register("before-send.s3", _watch(connection))
            yield connection
    finally:
        await opening.__aexit__(None, None, None)


def _config(options: Options) -> AioConfig:
    return AioConfig(
        retries={"total_max_attempts": 1},  # retries are ours
        connect_timeout=min(10.0, options.timeout),
        read_timeout=options.timeout,
        max_pool_connections=64,
        user_agent_appid="streammerge",
        http_session_cls=BoundedSession,
    )


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    bundle = ca_bundle or get_cert_path(verify=True)
    try:
        context.load_verify_locations(bundle)
    except OSError as error:
        raise UsageError(f"cannot read the certificates in {bundle} (AWS_CA_BUNDLE or ca_bundle): {error}") from error
    return context


def _watch(connection: Connection) -> Callable[..., None]:
    """An observer of botocore's requests: counts them, and tells `first_page` where they go."""

    def watch(request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        connection.requests[_KINDS.get(operation, "other")] += 1
        _sent.set(request)

    return watch


async def rare(what: str, call: Awaitable[T], limit: float) -> T:
    """Await a call of botocore's for so many seconds, and say by our own exceptions what became of it."""
    try:
        async with asyncio.timeout(limit):  # botocore's own timeout starts anew with every byte
            return await call
    except TimeoutError as error:
        raise TransientError(f"{what}: no answer in {limit:g} seconds", code="Timeout") from error
    except botocore.exceptions.ClientError as error:
        raise from_client_error(what, error) from error
    except _NETWORK as error:
        raise _unreached(what, error) from error
    except RecursionError as error:  # botocore asks a server for the region of a bucket, is sent elsewhere, asks …
        raise RunError(f"{what}: it is in another region, and the server does not say which: try --region") from error
    except (RuntimeError, botocore.exceptions.CredentialRetrievalError) as error:  # renewal, in the middle of a call
        raise IncompleteError(f"{what}: cannot renew the credentials: {error}. {_RENEW}") from error
    except botocore.exceptions.BotoCoreError as error:
        raise RunError(f"{what}: {error}") from error
    except _CONFUSED as error:
        reason = printable(f"{type(error).__name__}: {error}"[:200])
        raise TransientError(f"{what}: the answer is none of S3's ({reason})", code="MalformedXML") from error


def _unreached(what: str, error: Exception) -> TransientError | RunError:
    cause = error.kwargs.get("error") if isinstance(error, botocore.exceptions.BotoCoreError) else None
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        why = getattr(cause.certificate_error, "verify_message", "") or cause.certificate_error
        return RunError(
            f"{what}: the certificate of {cause.host} is not trusted: {why}. If it is the right one, "
            "name a file with its authority's certificate in AWS_CA_BUNDLE"
        )
    if _NO_TLS in str(error):
        return RunError(f"{what}: the endpoint is said to be https://, and the server there speaks no TLS: say http://")
    reason = str(error) or type(error).__name__
    if isinstance(cause, aiohttp.ClientConnectorError) and cause.strerror:  # botocore does not say it
        reason = f"{reason} ({cause.strerror})"
    return TransientError(f"{what}: {reason}", code=type(error).__name__)


async def first_page(connection: Connection, location: Location, *, delimiter: str = "") -> Page:
    """LIST the first page below a prefix by botocore, and learn the bucket's address.

    Raises what botocore raises, and what comes of a page that is none: `rare` makes our own of it.
    """
    page: dict[str, Any] = await connection.client.list_objects_v2(
        Bucket=location.bucket,
        Prefix=location.prefix,
        **({"Delimiter": delimiter} if delimiter else {}),
        **connection.options.payer,
    )
    page["IsTruncated"]  # what does not say whether it goes on is no page
    objects = [
        Listed(item["Key"], item["Size"], item.get("ETag", "").strip('"'), item["LastModified"].isoformat())
        for item in page.get("Contents", ())
    ]
    prefixes = [item["Prefix"] for item in page.get("CommonPrefixes", ())]
    connection.addresses[location.bucket] = _address(_sent.get())
    return Page(objects, prefixes, page.get("NextContinuationToken"))


def _address(request: Any) -> Address:
    authorization = request.headers["Authorization"]
    scope = _SCOPE.search(authorization.decode() if isinstance(authorization, bytes) else authorization)
    assert scope is not None, "botocore signed a LIST with something other than Signature Version 4"
    url = urlsplit(request.url)
    return Address(
        URL(f"{url.scheme}://{url.netloc}", encoded=True),
        url.netloc,
        url.path.rstrip("/"),
        scope[1],
        scope[2],
        _proxy(request.url, url.scheme),
    )


def _proxy(url: str, scheme: str) -> str | None:
    """The proxy that the environment names for a URL, which may leave its own scheme away."""
    proxy: str | None = get_environ_proxies(url).get(scheme)
    return proxy if not proxy or "://" in proxy else f"http://{proxy.removeprefix('//')}"
