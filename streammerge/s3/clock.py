"""The server's time: S3 refuses a signature that is more than 15 minutes off, and this machine's clock may be wrong.

Strategy: the answer that refuses carries the time in its Date. From then on everything is signed with that, by us and
by botocore, which knows no other clock than this machine's.
"""

import contextlib
import email.utils
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

TOO_SKEWED = "RequestTimeTooSkewed"


@lru_cache(maxsize=2)
def _format(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


class ServerClock:
    """The time by which requests are signed. `offset`: seconds that the server is ahead of this machine."""

    def __init__(self) -> None:
        self.offset = 0.0

    def timestamp(self) -> str:
        """The server's time, for a signature: UTC as `YYYYMMDDTHHMMSSZ`."""
        return _format(int(time.time() + self.offset))

    def learn(self, headers: Mapping[str, str]) -> None:
        """Learn the offset from the Date of an answer, if it has one."""
        with contextlib.suppress(KeyError, ValueError):
            self.offset = email.utils.parsedate_to_datetime(headers["date"]).timestamp() - time.time()

    def rule(self, client: Any) -> None:
        """Have botocore's client learn the time from refusals as well, and sign with it."""
        client.meta.events.register("response-received.s3", self._received)
        client.meta.events.register("before-sign.s3", self._signing)

    def _received(self, response_dict: dict[str, Any] | None, parsed_response: dict[str, Any] | None, **_: Any) -> None:
        if response_dict and parsed_response and parsed_response.get("Error", {}).get("Code") == TOO_SKEWED:
            self.learn(response_dict["headers"])

    def _signing(self, request: Any, **_: Any) -> None:
        if self.offset:
            request.context = _Context(request.context, self.timestamp())


class _Context(dict[str, Any]):
    """What botocore notes about a request as it signs it; the time that it notes is the one given."""

    def __init__(self, noted: Mapping[str, Any], timestamp: str) -> None:
        super().__init__(noted)
        self._timestamp = timestamp

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, self._timestamp if name == "timestamp" else value)
