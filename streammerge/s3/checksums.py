"""S3's own checksums: reads them from answers, and computes them of bodies."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from streammerge.dataset.checksums import Checksums, checksums_of

_HEADER = "x-amz-checksum-"
ASKED = {"x-amz-checksum-mode": "ENABLED"}  # headers of a GET or HEAD: the answer has checksums


class Digest(Protocol):
    """A checksum that is being computed."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add bytes of the object."""

    def digest(self) -> bytes:
        """The checksum of the bytes so far."""


class _Crc:
    """A CRC that is being computed."""

    def __init__(self, calculate: Callable[[bytes | memoryview, int], int], size: int) -> None:
        self._calculate = calculate
        self._size = size  # bytes
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._calculate(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _crc32() -> Digest:
    return _Crc(zlib.crc32, 4)


def _crc32c() -> Digest:
    import anycrc  # noqa: PLC0415 - most objects need none

    return _Crc(anycrc.Model("CRC32C").calc, 4)


def _crc64nvme() -> Digest:
    import anycrc  # noqa: PLC0415 - most objects need none

    return _Crc(anycrc.Model("CRC64-NVME").calc, 8)


# By name, those first that cost least
_ALGORITHMS: dict[str, Callable[[], Digest]] = {
    "crc64nvme": _crc64nvme,
    "crc32c": _crc32c,
    "crc32": _crc32,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}

FAST = ("crc64nvme", "crc32c", "crc32")  # those that take a tenth of the time of an MD5


def in_answer(headers: Mapping[str, str]) -> Checksums:
    """The checksums of an object in the headers of an answer, whose names are in lower case."""
    values = {name: headers[_HEADER + name] for name in _ALGORITHMS if _HEADER + name in headers}
    return checksums_of(values, headers.get(f"{_HEADER}type", ""), in_parts="-" in headers.get("etag", ""))


def in_fields(fields: Mapping[str, Any]) -> Checksums:
    """The same in the fields of the body of an answer, as its XML names them."""
    named = {name.removeprefix("Checksum").lower(): value for name, value in fields.items() if "Checksum" in name}
    return checksums_of(named, named.pop("type", ""), in_parts="-" in fields.get("ETag", ""))


def of_whole(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """A checksum of the full object in an answer: its algorithm and its value; None if it has none that can be one."""
    return next((known for known in in_answer(headers).full.items() if _is_one(*known)), None)


def recorded(stored: Checksums) -> str:
    """The same as the journal has it, `ALGORITHM VALUE`; empty if there is none."""
    return next((f"{algorithm} {value}" for algorithm, value in stored.full.items()), "")


def _is_one(algorithm: str, value: str) -> bool:
    """Whether a value may be a checksum of this kind at all."""
    try:
        return len(base64.b64decode(value, validate=True)) == len(begin(algorithm).digest())
    except ValueError:
        return False


def header_of(algorithm: str) -> str:
    """The header that carries such a checksum."""
    return _HEADER + algorithm


def begin(algorithm: str) -> Digest:
    """A checksum to compute."""
    return _ALGORITHMS[algorithm]()


def in_base_64(digest: Digest) -> str:
    """A checksum as headers carry it."""
    return base64.b64encode(digest.digest()).decode()
