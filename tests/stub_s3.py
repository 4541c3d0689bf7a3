"""A server that answers what a test says, for answers that no real server here can be made to give."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from servers import Server

_KEYS = ("STUBACCESSKEY", "stub-secret-key-that-nobody-may-see")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer."""

    status: int
    body: str = ""  # bytes that are no UTF-8 as surrogates
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, *, more: str = "", **headers: str) -> Answer:
    """An error as S3 words it; `more` are elements beyond the code and the message."""
    body = f"<Error><Code>{code}</Code><Message>Stub says {code}</Message>{more}<RequestId>STUB1</RequestId></Error>"
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def listing(*keys: str) -> Answer:
    """The only page of a listing; each object has 3 bytes."""
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{'ab' * 16}&quot;</ETag><Size>3</Size></Contents>"
        for key in keys
    )
    return Answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")


def folders(*prefixes: str) -> Answer:
    """The only page of a listing with a delimiter."""
    entries = "".join(f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>" for prefix in prefixes)
    return Answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")


@contextlib.contextmanager
def stub_s3(answer: Callable[[Asked], Answer], *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run the stub on a free port of loopback; with `tls` it is spoken to by HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or a body waits 40 ms for the acknowledgement of its head

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError, ssl.SSLError):  # whoever asked has gone away
                super().handle()

        def handle_expect_100(self) -> bool:
            return True  # as some servers and proxies do not send `100 Continue`

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            answered = answer(asked)
            body = b"" if self.command == "HEAD" else answered.body.encode(errors="surrogateescape")
            self.send_response(answered.status)
            for name, value in {"Content-Length": str(len(body)), **answered.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Server(f"{'https' if tls else 'http'}://127.0.0.1:{http.server_address[1]}", *_KEYS)
        finally:
            http.shutdown()
            thread.join()
