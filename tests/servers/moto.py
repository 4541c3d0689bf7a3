"""moto: an S3 server in this process. It needs nothing but pip, and checks no signature.

It says of every multipart upload that it was begun in 2010; here it says when it was.
"""

import contextlib
import http.client
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from moto.core.responses import ActionResult
from moto.s3.models import FakeMultipart
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

from servers import Server
from streammerge.demo.server import LOOPBACK


@contextlib.contextmanager
def moto() -> Iterator[Server]:
    """Run moto on a free port. Its state belongs to the process: a new server starts by emptying it."""
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0)
    with _dated_uploads():
        yield from _running(server)


def _running(server: ThreadedMotoServer) -> Iterator[Server]:
    server.start()
    try:
        host, port = server.get_host_and_port()
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=10)) as connection:
            connection.request("POST", "/moto-api/reset")
            connection.getresponse().read()
        yield Server(f"http://{host}:{port}", "moto", "moto-secret")
    finally:
        server.stop()


@contextlib.contextmanager
def _dated_uploads() -> Iterator[None]:
    """Have it remember when an upload was begun, and say so in a listing of them."""
    begun: dict[str, datetime] = {}
    begin, serialize = FakeMultipart.__init__, S3Response.serialized

    def beginning(upload: FakeMultipart, *args: Any, **options: Any) -> None:
        begin(upload, *args, **options)
        begun[upload.id] = datetime.now(UTC)

    def serialized(response: S3Response, answer: ActionResult) -> Any:
        if isinstance(answer.result, dict):
            for upload in answer.result.get("Uploads", ()):
                upload["Initiated"] = begun[upload["UploadId"]]
        return serialize(response, answer)

    with (
        mock.patch.object(FakeMultipart, "__init__", beginning),
        mock.patch.object(S3Response, "serialized", serialized),
    ):
        yield
