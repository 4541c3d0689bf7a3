"""The first LIST of a prefix, by botocore: it shows what is wrong with the input, and how the bucket is reached.

Strategy: botocore knows every rule of endpoints, addressing styles, regions and redirects, so it makes one real call
per bucket, and we watch what it sends. The URL, the region and the service that it signed for are the bucket's
`Address`; from then on we sign and send the hot calls ourselves.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies
from yarl import URL

from streammerge.dataset.objects import Location, Page, is_arn
from streammerge.errors import DeniedError, RunError, StreamMergeError, TransientError, UsageError
from streammerge.s3 import sdk
from streammerge.s3.connection import ANY_REGION, Address, OpenConnection
from streammerge.s3.listing_order import is_amazon, known_order
from streammerge.s3.xml import parse_page
from streammerge.transfer.backoff import RetryPolicy, with_retries

_RETRIES, _LIMIT = RetryPolicy(attempts=3, base=0.2, cap=2.0), 10.0  # seconds; a user is waiting
_SCOPE = re.compile(r"Credential=[^/]+(?:/[^/]+)*?/\d{8}(?:/([^/]+))?/([^/]+)/aws4_request")
_sent: ContextVar[Any] = ContextVar("_sent")  # the request that botocore sent last in this task
_received: ContextVar[Any] = ContextVar("_received")  # its answer: headers and body


async def probe(connection: OpenConnection, location: Location, *, delimiter: str = "", after: str = "") -> Page:
    """The first page below a prefix, past the key `after`, and the bucket's address for the connection.

    Raises UsageError with what to do where the prefix cannot be listed.
    """
    if location.bucket.endswith(("--x-s3", "--xa-s3")):
        raise UsageError(f"{location} is in a directory bucket (S3 Express), which streammerge does not support")
    try:
        page = await with_retries(lambda: first_page(connection, location, delimiter=delimiter, after=after), _RETRIES)
    except DeniedError as error:
        raise UsageError(f"{error}. Listing needs s3:ListBucket on bucket {location.bucket}") from error
    except TransientError as error:
        endpoint = connection.client.meta.endpoint_url
        raise UsageError(
            f"{error}. Check the network, and the endpoint {endpoint} (--endpoint-url or AWS_ENDPOINT_URL)"
            f"{_of_access_point(connection, location)}{_path_of_endpoint(connection)}"
        ) from error
    except StreamMergeError as error:
        raise UsageError(f"{error}{_of_access_point(connection, location)}{_path_of_endpoint(connection)}") from error
    asked, found = connection.options.region, connection.addresses[location.bucket].region
    if asked and found not in (asked, ANY_REGION):
        option = "--source-region" if location.connection.region else "--region"
        raise UsageError(
            f"bucket {location.bucket} is in region {found}, not {asked}: pass {option} {found}, "
            f"or omit {option} to have it detected"
        )
    return page


def _of_access_point(connection: OpenConnection, location: Location) -> str:
    """A hint where the bucket is named by an access point."""
    if not is_arn(location.bucket):
        return ""
    endpoint = connection.client.meta.endpoint_url
    if not is_amazon(urlsplit(endpoint).hostname or ""):
        return f". Only Amazon S3 has access points, and the endpoint is {endpoint}: omit it, or name a bucket"
    if location.bucket.endswith(".mrap"):
        return (
            ". Multi-Region access points are signed with SigV4A, which needs the package awscrt: "
            "pip install 'botocore[crt]'"
        )
    return ". Check the ARN of the access point"


def _path_of_endpoint(connection: OpenConnection) -> str:
    """A hint where an endpoint has a path: few have, and most of these are a bucket's name."""
    path = urlsplit(connection.client.meta.endpoint_url).path.rstrip("/")
    return f". The endpoint ends with {path}: if that is a bucket, remove it from the URL" if path else ""


async def first_page(connection: OpenConnection, location: Location, *, delimiter: str = "", after: str = "") -> Page:
    """The same in one attempt. Raises TransientError, ObjectError or RunError."""
    options, what = connection.options, f"cannot list {location}"
    events = connection.client.meta.events
    events.register("before-send.s3.ListObjectsV2", _note_sent, unique_id="sent")
    events.register("response-received.s3.ListObjectsV2", _note_received, unique_id="received")
    listing = connection.client.list_objects_v2(
        Bucket=location.bucket,
        Prefix=location.prefix,
        EncodingType="url",  # or botocore decodes keys, and trusts the answer to have them
        **({"Delimiter": delimiter} if delimiter else {}),
        **({"StartAfter": after} if after else {}),
        **options.payer,
    )
    try:
        await sdk.call(what, listing, min(options.timeout, _LIMIT))
    except RecursionError as error:  # botocore asks a server for the bucket's region, is sent elsewhere, asks again, …
        raise RunError(f"{what}: it is in another region, and the server does not say which: pass --region") from error
    answer = _received.get()
    page = parse_page(answer["body"], what, connection.etags.read)
    connection.addresses[location.bucket] = _address(_sent.get(), answer["headers"])
    return page


def _note_sent(request: Any, **_: Any) -> None:
    _sent.set(request)


def _note_received(response_dict: dict[str, Any] | None, **_: Any) -> None:
    if response_dict is not None:
        _received.set(response_dict)


def _address(request: Any, headers: Mapping[str, str]) -> Address:
    authorization = request.headers["Authorization"]
    scope = _SCOPE.search(authorization.decode() if isinstance(authorization, bytes) else authorization)
    assert scope is not None, "botocore signed a LIST with something other than Signature Version 4 or 4A"
    url = urlsplit(request.url)
    return Address(
        URL(f"{url.scheme}://{url.netloc}", encoded=True),
        url.netloc,
        url.path.rstrip("/"),
        scope[1] or ANY_REGION,
        scope[2],
        _proxy(request.url, url.scheme),
        known_order(url.netloc, scope[2], headers),
    )


def _proxy(url: str, scheme: str) -> str | None:
    """The proxy that the environment names for a URL, which may lack its own scheme."""
    proxy: str | None = get_environ_proxies(url).get(scheme)
    return proxy if not proxy or "://" in proxy else f"http://{proxy.removeprefix('//')}"
