"""An open connection to S3: botocore's client for the rare calls, our own signed requests for the hot ones."""

import logging
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aioboto3
from botocore.httpsession import get_cert_path
from yarl import URL

from streammerge.dataset.connection import NOT_IN_URL
from streammerge.errors import ObjectError, UsageError
from streammerge.s3.clock import ServerClock
from streammerge.s3.credentials import ENVIRONMENT, Renewed, explain, load, open_session, suspects
from streammerge.s3.etags import ETags
from streammerge.s3.http import HttpPool
from streammerge.s3.listing_order import is_amazon
from streammerge.s3.options import Options
from streammerge.s3.sdk import config, sign_for_any_region, wait_untimed
from streammerge.s3.sigv4 import EMPTY_SHA256, UNSIGNED, Credentials, sign
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.turns import Turns

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
_ENDPOINT = "An endpoint (--endpoint-url or AWS_ENDPOINT_URL) is a URL such as http://HOST:PORT or https://HOST"
_OVERWRITTEN = "what somebody else writes to the destination during this run may be overwritten"
_SLOWEST = 10_000_000  # bytes per second of a server-side copy that is not given up
ANY_REGION = "*"  # of a multi-Region access point
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
    ordered: bool | None = None  # whether it lists in UTF-8 byte order; None where that is not known


class Shared:
    """What all connections of a run have in common.

    requests: sent so far, by kind. turns: of all requests.
    deadline: by when a run that is being stopped has cleaned up.
    """

    def __init__(self, options: Options) -> None:
        self.requests = Counter[str]()
        self.turns = Turns(options.max_rate) if options.max_rate else None
        self.deadline = Deadline()


@dataclass(slots=True)
class OpenConnection:
    """An open connection: botocore's client for the rare calls, the HTTP pool for the hot ones."""

    options: Options
    client: Any
    pool: HttpPool
    renewed: Renewed
    shared: Shared
    clock: ServerClock = field(default_factory=ServerClock)
    etags: ETags = field(default_factory=ETags)
    addresses: dict[str, Address] = field(default_factory=dict)
    unconditional: set[str] = field(default_factory=set)  # operations on which the server does not know If-None-Match
    unsummed: set[str] = field(default_factory=set)  # buckets whose store refuses to be asked for checksums
    read_whole: set[str] = field(default_factory=set)  # buckets with objects that cannot be passed on
    copy_headers: Mapping[str, str] = field(init=False)  # of CopyObject, by the options
    _credentials: Credentials | None = None
    _read_at: float = 0.0

    def __post_init__(self) -> None:
        self.copy_headers = self.options.copy_headers

    @property
    def requests(self) -> Counter[str]:
        """Sent so far, by kind, over all connections of the run."""
        return self.shared.requests

    @property
    def deadline(self) -> Deadline:
        """By when a run that is being stopped has cleaned up."""
        return self.shared.deadline

    @property
    def server(self) -> str:
        """What tells its server from others: scheme and host, but Amazon is one server."""
        endpoint = urlsplit(self.client.meta.endpoint_url)
        return "Amazon S3" if is_amazon(endpoint.hostname or "") else f"{endpoint.scheme}://{endpoint.netloc}"

    async def sign(
        self,
        method: str,
        address: Address,
        path: str,
        query: str,
        headers: dict[str, str],
        *,
        kind: str,
        has_body: bool = False,
    ) -> None:
        """Wait for the turn of a request, sign its headers, `host` included, and count it; it is sent next.

        has_body: it has one, which goes unsigned.
        Raises IncompleteError where the credentials cannot be renewed.
        """
        if self.shared.turns is not None:
            await self.shared.turns.wait()
        now = time.monotonic()
        if self._credentials is None or now - self._read_at > 1:  # asking botocore is cheap, not free
            self._credentials, self._read_at = await self.renewed.now(), now
        headers["host"] = address.host
        self.requests[kind] += 1
        if address.region == ANY_REGION:
            url = f"{address.root}{path}?{query}".rstrip("?")
            sign_for_any_region(method, url, headers, self._credentials, has_body=has_body)
            return
        sign(
            method,
            path,
            query,
            headers,
            self._credentials,
            region=address.region,
            service=address.service,
            timestamp=self.clock.timestamp(),
            payload=UNSIGNED if has_body else EMPTY_SHA256,
        )

    async def if_absent(self, operation: str, send: Callable[[bool], Awaitable[T]], risk: str = _OVERWRITTEN) -> T:
        """Send a request with If-None-Match (`True`), and without it to a server that does not implement that.

        Such a server is told by its 501, and warned of once per operation, with the risk. Raises what `send` raises.
        """
        if operation in self.unconditional:
            return await send(False)
        try:
            return await send(True)
        except ObjectError as error:
            if error.status != HTTPStatus.NOT_IMPLEMENTED:
                raise
        result = await send(False)
        if operation not in self.unconditional:  # it was that, and nothing else
            self.unconditional.add(operation)
            _log.warning(
                "This server does not implement If-None-Match on %s: %s",
                operation,
                risk,
            )
        return result

    def time_limit(self, size: int) -> float:
        """The seconds allowed for a request that has S3 copy so many bytes."""
        return self.options.timeout + size / _SLOWEST


@asynccontextmanager
async def connect(options: Options, shared: Shared | None = None) -> AsyncIterator[OpenConnection]:
    """Open a connection to S3, with credentials that are there; no bucket is asked yet.

    shared: with other connections of the run.
    Raises UsageError where the profile, the endpoint or the credentials are not usable.
    """
    core = open_session(options)
    renewed = await load(core, options.profile)
    try:
        session = aioboto3.Session(botocore_session=core, region_name=options.region)
        opening = session.client(
            "s3",
            endpoint_url=options.endpoint_url,
            config=config(options),
            verify=False if (options.endpoint_url or "").startswith("http:") else None,  # which reads all certificates
        )
        client = await opening.__aenter__()
    except ENVIRONMENT as error:
        if "@" in str(error):  # an endpoint that is not a URL; the error quotes it
            raise UsageError(NOT_IN_URL) from None
        hint = f". {_ENDPOINT}" if "endpoint:" in str(error) else ""
        raise UsageError(f"cannot connect to S3: {explain(error, core, options.profile)}{hint}") from error
    try:
        has_tls = _check_endpoint(client.meta.endpoint_url)
        bundle = core.get_config_variable("ca_bundle")  # which botocore reads without TLS, too
        trust = _trust(bundle) if has_tls or bundle else None  # it takes 20 ms to read
        async with aclosing(HttpPool(trust, options.timeout)) as pool:
            connection = OpenConnection(options, client, pool, renewed, shared or Shared(options))
            connection.clock.rule(client)
            client.meta.events.register_last("before-call.s3", _expect_nothing)
            client.meta.events.register("before-send.s3", _before_send(connection))
            yield connection
    finally:
        await opening.__aexit__(None, None, None)


def _check_endpoint(url: str) -> bool:
    """Whether it is reached by TLS. Raises UsageError where it is no URL for S3."""
    endpoint = urlsplit(url)
    if "@" in endpoint.netloc:
        raise UsageError(NOT_IN_URL)
    if endpoint.scheme not in ("http", "https"):
        raise UsageError(f"cannot connect to S3: invalid endpoint: {url}. {_ENDPOINT}")
    return endpoint.scheme == "https"


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    """The authorities that botocore trusts as well."""
    bundle = ca_bundle or get_cert_path(verify=True)
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise UsageError(
            f"cannot read the certificates in {bundle} (AWS_CA_BUNDLE or ca_bundle): {error}{suspects()}"
        ) from error


def _before_send(connection: OpenConnection) -> Callable[..., Awaitable[None]]:
    async def wait_and_count(event_name: str, **_: Any) -> None:
        if connection.shared.turns is not None:
            await wait_untimed(connection.shared.turns.wait())
        connection.requests[_KINDS.get(event_name.rpartition(".")[2], "other")] += 1

    return wait_and_count


def _expect_nothing(params: dict[str, Any], **_: Any) -> None:
    """Send a body at once: botocore waits for `100 Continue`, by aiohttp for ever, and not every server sends that."""
    params["headers"].pop("Expect", None)
