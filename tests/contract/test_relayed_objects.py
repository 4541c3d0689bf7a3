"""What relaying objects costs, and leaves, where a store on either side is at odds with what is expected of it."""

import asyncio
import hashlib

import pytest

from streammerge.dataset.objects import Location, S3Object
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import open_client
from streammerge.s3.options import Options
from stub_s3 import Answer, Asked, listing, refusal, stub_s3

_BOUND = 60.0  # seconds
_BODY = "x" * 1_000_000  # passed on while it comes
_ETAG = hashlib.md5(_BODY.encode()).hexdigest()
_OTHER = hashlib.md5(b"damaged").hexdigest()
_SOURCE, _DESTINATION = Location("source", "from/"), Location("destination", "into/")


class _Stores:
    """A source and a destination; keeps what was asked for. Each test changes what one of them answers."""

    def __init__(self) -> None:
        self.gets: list[Asked] = []
        self.puts: list[Asked] = []
        self.kept: dict[str, str] = {}  # ETags by path

    def __call__(self, asked: Asked) -> Answer:
        if "list-type" in asked.path:
            return listing()
        if asked.method == "GET":
            self.gets.append(asked)
            return self.get()
        if asked.method == "PUT":
            self.puts.append(asked)
            if "if-none-match" in asked.headers and asked.path in self.kept:
                return refusal(412, "PreconditionFailed")
            self.kept[asked.path] = self.etag()
        return Answer(200, headers={"ETag": f'"{self.kept[asked.path]}"'})

    def get(self) -> Answer:
        """What the source answers."""
        return Answer(200, _BODY, {"ETag": f'"{_ETAG}"'})

    def etag(self) -> str:
        """Of what the destination makes of a body."""
        return _ETAG


def _relayed(stores: _Stores, monkeypatch: pytest.MonkeyPatch, count: int) -> list[object]:
    """Relay so many objects, one after the other, each in one attempt; what became of them."""

    async def run(endpoint: str) -> list[object]:
        options = Options(endpoint_url=endpoint, transfer="relay", timeout=30, attempts=3)
        async with asyncio.timeout(_BOUND), open_client(options) as store:
            await store.probe(_SOURCE)
            await store.probe(_DESTINATION)
            copies = (
                CopyTask(
                    S3Object(f"from/ada/{number}.jpg", len(_BODY), _ETAG, "2026-01-01T00:00:00.000Z"),
                    0,
                    f"into/ada/{number}.jpg",
                    "ada",
                )
                for number in range(count)
            )

            return [
                (await asyncio.gather(store.copy(copy, _SOURCE, _DESTINATION), return_exceptions=True))[0]
                for copy in copies
            ]

    with stub_s3(stores) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        return asyncio.run(run(server.endpoint_url))


def test_a_source_whose_etags_are_no_md5s_is_asked_once_for_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the first one, of which nobody knows that it is encrypted."""

    class _Encrypted(_Stores):
        def get(self) -> Answer:
            return Answer(200, _BODY, {"ETag": f'"{_ETAG}"', "x-amz-server-side-encryption": "aws:kms"})

    stores = _Encrypted()
    assert all(isinstance(made, Made) for made in _relayed(stores, monkeypatch, 3))
    assert (len(stores.gets), len(stores.puts)) == (4, 3)


def test_a_source_that_refuses_to_be_asked_for_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for them once."""

    class _Refusing(_Stores):
        def get(self) -> Answer:
            asks = "x-amz-checksum-mode" in self.gets[-1].headers
            return refusal(400, "InvalidArgument") if asks else super().get()

    stores = _Refusing()
    assert all(isinstance(each, Made) for each in _relayed(stores, monkeypatch, 3))
    assert len(stores.gets) == 4


def test_a_501_of_the_source_says_nothing_about_the_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every PUT still has If-None-Match."""

    class _Refusing(_Stores):
        def get(self) -> Answer:
            # Twice, since it is asked anew without checksums
            return refusal(501, "NotImplemented") if len(self.gets) <= 2 else super().get()

    stores = _Refusing()
    refused, *made = _relayed(stores, monkeypatch, 3)
    assert "NotImplemented" in str(refused)
    assert all(isinstance(each, Made) for each in made)
    assert ["if-none-match" in asked.headers for asked in stores.puts] == [True, True]


def test_a_damaged_object_is_replaced_although_the_source_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that ignores Content-MD5 keeps what arrived; the next attempt would take it for another's."""

    class _Damaging(_Stores):
        def get(self) -> Answer:
            return refusal(503, "SlowDown") if len(self.gets) == 2 else super().get()

        def etag(self) -> str:
            return _OTHER if len(self.puts) == 1 else _ETAG

    stores = _Damaging()
    (made,) = _relayed(stores, monkeypatch, 1)
    assert isinstance(made, Made)
    assert list(stores.kept.values()) == [_ETAG]
    assert (len(stores.gets), len(stores.puts)) == (3, 2)
