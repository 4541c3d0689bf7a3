"""The server's time: S3 refuses a signature that is more than 15 minutes off, and the clock of this machine may be.

Strategy: the answer that refuses says in its Date what time it is. From then on everything is signed with that, by us
and by botocore, which knows no other clock than this machine's.
"""

import contextlib
import email.utils
import time
from collections.abc import Mapping
from typing import Any

from streammerge.s3.connection import Connection

TOO_SKEWED = "RequestTimeTooSkewed"


class _Context(dict[str, Any]):
    """What botocore notes of a request as it signs it; the time that it notes is the one given."""

    def __init__(self, noted: Mapping[str, Any], timestamp: str) -> None:
        super().__init__(noted)
        self._timestamp = timestamp

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, self._timestamp if name == "timestamp" else value)


def learn_time(connection: Connection, headers: Mapping[str, str]) -> None:
    """Learn from an answer by how much the server is ahead, if it says."""
    with contextlib.suppress(KeyError, ValueError):
        date = email.utils.parsedate_to_datetime(headers["Date"])
        connection.clock_offset = date.timestamp() - time.time()


def keep_time(connection: Connection) -> None:
    """Have botocore learn the server's time from refusals, too, and sign with it."""

    def learn(response_dict: dict[str, Any] | None, parsed_response: dict[str, Any] | None, **_: Any) -> None:
        if response_dict and parsed_response and parsed_response.get("Error", {}).get("Code") == TOO_SKEWED:
            learn_time(connection, response_dict["headers"])

    def sign_in_time(request: Any, **_: Any) -> None:
        if connection.clock_offset:
            request.context = _Context(request.context, connection.timestamp())

    connection.client.meta.events.register("response-received.s3", learn)
    connection.client.meta.events.register("before-sign.s3", sign_in_time)
