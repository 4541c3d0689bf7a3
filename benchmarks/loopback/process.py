"""The stand-in as a child process, for the benchmarks that drive it."""

import datetime as dt
import ipaddress
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PROGRAM = Path(__file__).parent.parent / "standin.py"


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in that runs: where it is, and which certificate its clients must trust."""

    endpoint: str
    certificate: Path | None = None

    def control(self, **rules: Any) -> None:
        """Change its rules: latency_ms, jitter, limit, burst, refuse_late, fault, forget, reset_stats."""
        self._call("control", json.dumps(rules).encode())

    def statistics(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._call("stats"))
        return found

    def _call(self, what: str, body: bytes | None = None) -> bytes:
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        request = urllib.request.Request(f"{self.endpoint}/-/{what}", data=body, method="PUT" if body else "GET")
        with urllib.request.urlopen(request, context=context) as reply:
            found: bytes = reply.read()
        return found


@contextmanager
def standin(*arguments: str, tls_folder: Path | None = None) -> Iterator[StandIn]:
    """Run a stand-in; with TLS if there is a folder to put its certificate in."""
    command = [sys.executable, str(_PROGRAM), *arguments]
    certificate = None
    if tls_folder:
        certificate, key = make_certificate(tls_folder)
        command += ["--tls", str(certificate), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield StandIn(json.loads(process.stdout.readline())["endpoint"], certificate)
        finally:
            process.terminate()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "streammerge stand-in")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "standin.crt", folder / "standin.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
