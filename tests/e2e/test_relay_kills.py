"""Relays that are killed again and again: in the end all is there, and no upload is left."""

import contextlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from command import started, streammerge
from fault_proxy import Exchange, Fault, fault_proxy
from oracle import Source, contents, oracle
from profiles import profiles
from seeding import new_bucket, put_all
from servers import Server, connect
from stub_s3 import Asked

_SMALL, _MIDDLE, _LARGE = 5000, 600_000, 20 << 20  # bytes; with the least --memory the last go in three parts
_IDENTITIES = 40
_KILLS = 4  # with 8 relays in flight each
_BOUND = 120.0  # seconds; whatever takes longer hangs
_PAIRS = [
    "seaweed moto_server",
    *(
        pytest.param(pair, marks=pytest.mark.full)
        for pair in ("seaweed ceph", "ceph seaweed", "seaweed ministack_server")
    ),
]
pytestmark = pytest.mark.timeout(600)


@dataclass
class Puts:
    """Hears of every PUT of an object, or a part of one, before it is forwarded."""

    objects: int = 0
    parts: int = 0
    heard: threading.Event = field(default_factory=threading.Event)

    async def hear(self, exchange: Exchange) -> None:
        if "partNumber=" in exchange.asked.path:
            self.parts += 1
        else:
            self.objects += 1
        self.heard.set()
        forwarded = await exchange.forward()
        await exchange.send(forwarded.head + forwarded.body)

    def wait_for(self, *, objects: int = 0, parts: int = 0) -> bool:
        """Wait until so many were asked for; False if nothing comes any more."""
        while self.objects < objects or self.parts < parts:
            self.heard.clear()
            if not self.heard.wait(_BOUND / 4):
                return False
        return True


def _puts(asked: Asked) -> bool:
    return asked.method == "PUT"


def _body(number: int) -> bytes:
    return b"".join((number + each).to_bytes(4, "big") for each in range(_LARGE // 4))


@pytest.fixture(scope="module", params=_PAIRS)
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server, str, Any, Any]]:
    """Objects of all sizes on the first server, large ones first and last, and a bucket of that name on the other."""
    there, here = (request.getfixturevalue(name) for name in request.param.split())
    with contextlib.closing(connect(there)) as source, contextlib.closing(connect(here)) as destination:
        bucket = new_bucket(source)
        new_bucket(destination, bucket)
        bodies = {
            f"from/id{number:02}/{name}.jpg": b"%d" % (number % 10) * size
            for number in range(_IDENTITIES)
            for name, size in (("a", _SMALL), ("b", _SMALL + 1), ("c", _MIDDLE))
        }
        large = {f"from/id{number:02}/large.png": _body(number) for number in (0, 1, _IDENTITIES - 1)}
        put_all(source, bucket, bodies | large)
        yield there, here, bucket, source, destination


def test_relays_that_are_killed(ends: tuple[Server, Server, str, Any, Any], tmp_path: Path) -> None:
    """The first time while parts are on their way; the destination is the oracle's, and the uploads are gone."""
    there, here, bucket, source, destination = ends
    arguments = ["merge", f"vendor=s3://{bucket}/from/", "--source-profile", "vendor=there", "--profile", "here"]
    arguments += ["--into", f"s3://{bucket}/to/", "--memory", "16MiB", "--concurrency", "8", "--json"]
    arguments += ["--journal", str(tmp_path / "journal")]
    puts, moments = Puts(), random.Random(3)
    for kill in range(_KILLS):
        # Once the proxy is left, the server has done all that was asked of it: no upload is begun after the next look.
        with (
            fault_proxy(here, Fault(puts.hear, on=("other",), where=_puts)) as proxy,
            started(*arguments, env=profiles(tmp_path, {"there": there, "here": proxy.server})) as process,
        ):
            if kill == 0:
                assert puts.wait_for(parts=2), "no part is sent"
            else:
                assert puts.wait_for(objects=puts.objects + moments.randint(1, 12)), "nothing is sent"
            process.kill()
            process.wait(_BOUND)
        if kill == 0:
            assert destination.list_multipart_uploads(Bucket=bucket).get("Uploads")
    last = streammerge(*arguments, env=profiles(tmp_path, {"there": there, "here": here}))
    assert last.code == 0, last.err
    assert last.report["already_present"] > 0
    expected = oracle(source, [Source("vendor", bucket, "from/")])
    found = contents(destination, bucket, "to/")
    assert {below: size for below, (size, _) in found.items()} == {below: one.size for below, one in expected.items()}
    for below, (_, etag) in found.items():
        if "-" not in etag:
            assert etag == expected[below].etag, below
    for number in (0, 1, _IDENTITIES - 1):
        body = destination.get_object(Bucket=bucket, Key=f"to/id{number:02}/large.png")["Body"].read()
        assert body == _body(number)
    assert not destination.list_multipart_uploads(Bucket=bucket).get("Uploads")
