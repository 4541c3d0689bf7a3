"""moto: an S3 server in this process. It needs nothing but pip, and checks no signature."""

import contextlib
import http.client
from collections.abc import Iterator

from moto.server import ThreadedMotoServer

from servers import Server
from streammerge.demo.server import LOOPBACK


@contextlib.contextmanager
def moto() -> Iterator[Server]:
    """Run moto on a free port. Its state belongs to the process: a new server starts by emptying it."""
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=10)) as connection:
            connection.request("POST", "/moto-api/reset")
            connection.getresponse().read()
        yield Server(f"http://{host}:{port}", "moto", "moto-secret")
    finally:
        server.stop()
