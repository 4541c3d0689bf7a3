"""Real S3 servers for the tests: each module has a context manager, yielding a `Server` or raising `Unavailable`."""

import functools
from typing import Any

import boto3
from botocore.config import Config

from streammerge.demo.server import Server

__all__ = ["Server", "Unavailable", "connect"]


class Unavailable(Exception):  # noqa: N818  (a fact about this machine, not a mistake)
    """This server cannot run on this machine; the message says why."""


@functools.cache
def _session() -> Any:
    """One session: what a client costs is mostly reading botocore's model of S3, which a session does once."""
    return boto3.session.Session()


def connect(server: Server, **config: Any) -> Any:
    """A synchronous client of a server, one attempt a request; whoever asks for it closes it."""
    return _session().client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **config),
    )
