"""Relayed objects through a proxy on either side that spoils requests and answers: nothing is lost or half uploaded."""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

import spoiling
from command import Ended, finished, started, streammerge
from fault_proxy import Exchange, Fault, fault_proxy
from oracle import Source, contents, oracle
from profiles import profiles
from seeding import new_bucket, put_all
from servers import Server, connect
from stub_s3 import Asked

_LARGE = 20 << 20  # bytes; with the least --memory it goes in three parts
_MIDDLE = 8  # objects that are passed on while they come
_REMOVED = 20.0  # seconds after which an upload that was completed is gone
_BOUND = 90.0  # seconds; whatever takes longer hangs
_ACTS = [getattr(spoiling, name) for name in spoiling.PASSING if name not in spoiling.HANGING]
_SIDES = pytest.mark.parametrize("side", ["source", "destination"])
Side = Literal["source", "destination"]


@dataclass(frozen=True, slots=True)
class Data:
    """A source and the destination on a server that is reached as if it were two."""

    server: Server
    client: Any
    bucket: str
    source: Source
    folder: Path

    def arguments(self, into: str, *more: str) -> list[str]:
        """What to run."""
        job = [self.source.argument, "--source-profile", "source", "--profile", "destination", "--memory", "16MiB"]
        return ["merge", *job, "--into", f"s3://{self.bucket}/{into}", "--json", "--timeout", "5", *more]

    def env(self, **servers: Server) -> dict[str, str]:
        """An environment in which either side may be reached through a proxy."""
        return profiles(self.folder, {"source": self.server, "destination": self.server, **servers})

    def is_right(self, into: str, told: str = "") -> bool:
        """Whether the destination has every byte of what it must have, and the server no upload that was not ended.

        told: on stderr; an upload whose beginning was never answered has no name, and is told of.
        """
        expected = oracle(self.client, [self.source])
        there = contents(self.client, self.bucket, into)
        large = self.client.get_object(Bucket=self.bucket, Key=f"{into}id00/large.jpg")["Body"].read()
        return (
            {below: size for below, (size, _) in there.items()} == {below: one.size for below, one in expected.items()}
            and all(there[below][1] in (one.etag, there["id00/large.jpg"][1]) for below, one in expected.items())
            and large == _body()
            and ("it may have begun all the same" in told or not self._open_uploads(into))
        )

    def _open_uploads(self, into: str) -> bool:
        """Whether uploads stay open: SeaweedFS may remove one only after it has answered that it is complete."""
        until = time.monotonic() + _REMOVED
        while self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=into).get("Uploads", ()):
            if time.monotonic() > until:
                return True
            time.sleep(0.2)
        return False


def _body() -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in range(_LARGE // 4))


@pytest.fixture(scope="module")
def data(seaweed: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    """Small objects, some that are passed on while they come, and one that goes in parts."""
    with contextlib.closing(connect(seaweed)) as client:
        bucket = new_bucket(client)
        bodies = {f"from/id{number // 4:02}/{number}.jpg": b"%d" % number * 5000 for number in range(80)}
        middle = {f"from/id{number:02}/middle.jpg": b"%d" % number * 600_000 for number in range(_MIDDLE)}
        put_all(client, bucket, {**bodies, **middle, "from/id00/large.jpg": _body()}, Tagging="a=b")
        folder = tmp_path_factory.mktemp("aws")
        yield Data(seaweed, client, bucket, Source("vendor", bucket, "from/"), folder)


def _run(data: Data, side: Side, into: str, *faults: Fault) -> Ended:
    with fault_proxy(data.server, *faults, seed=5) as proxy:
        # the other side by another name of the server, for it to be another one
        ended = streammerge(*data.arguments(into), env=data.env(**{side: proxy.server}), timeout=_BOUND)
        assert sum(proxy.struck.values()) > 5
        return ended


@_SIDES
def test_every_fault(data: Data, side: Side) -> None:
    """Requests of either side are refused, broken off and answered with nonsense: all arrives, byte by byte."""
    faults = [Fault(act, share=0.25 / len(_ACTS), on=("list", "other")) for act in _ACTS]
    ended = _run(data, side, f"every/{side}/", *faults)
    assert ended.code == 0, ended.err
    assert data.is_right(f"every/{side}/", ended.err)
    assert ended.report["copied"] + ended.report["already_present"] == 81 + _MIDDLE


def _is_body(asked: Asked) -> bool:
    return asked.method == "PUT" or (asked.method == "GET" and "/from/id" in asked.path)


async def _damaged(exchange: Exchange) -> None:
    """A body that has another byte when it arrives."""
    if exchange.asked.method == "PUT":
        exchange._raw = exchange._raw[:-1] + bytes([exchange._raw[-1] ^ 1])
    forwarded = await exchange.forward()
    body = forwarded.body if exchange.asked.method == "PUT" else forwarded.body[:-1] + bytes([forwarded.body[-1] ^ 1])
    await exchange.send(forwarded.head + body)


@_SIDES
def test_a_byte_that_changes_on_its_way_is_noticed(data: Data, side: Side) -> None:
    """On the way here and on the way there: it is sent again, and what arrives is what was stored."""
    ended = _run(data, side, f"damaged/{side}/", Fault(_damaged, share=0.1, on=("other",), where=_is_body))
    assert ended.code == 0, ended.err
    assert data.is_right(f"damaged/{side}/")


@pytest.mark.full
@_SIDES
def test_a_run_that_is_told_to_stop_leaves_no_upload(data: Data, side: Side) -> None:
    """SIGTERM while parts are on their way; the same command then finishes it."""
    into, begun = f"stopped/{side}/", threading.Event()

    async def wait(exchange: Exchange) -> None:
        begun.set()
        await asyncio.sleep(2)
        forwarded = await exchange.forward()
        await exchange.send(forwarded.head + forwarded.body)

    def in_part(asked: Asked) -> bool:
        return "partNumber=" in asked.path or ("range" in asked.headers and asked.method == "GET")

    with fault_proxy(data.server, Fault(wait, on=("other",), where=in_part)) as proxy:
        env = data.env(**{side: proxy.server})
        with started(*data.arguments(into), env=env) as process:
            assert begun.wait(_BOUND)
            process.send_signal(signal.SIGTERM)
            assert finished(process, env).code == 143
    assert not data.client.list_multipart_uploads(Bucket=data.bucket, Prefix=into).get("Uploads")
    with fault_proxy(data.server) as proxy:
        ended = streammerge(*data.arguments(into), env=data.env(**{side: proxy.server}))
    assert ended.code == 0, ended.err
    assert data.is_right(into)


@_SIDES
def test_keys_that_expire_on_one_side(data: Data, side: Side) -> None:
    """The message names the side, and that the same command goes on."""

    async def expire(exchange: Exchange) -> None:
        await exchange.answer(400, spoiling.error("ExpiredToken"), Content_Type="application/xml")

    with fault_proxy(data.server, Fault(expire, on=("other",), where=_is_body, after=20)) as proxy:
        ended = streammerge(*data.arguments(f"expired/{side}/"), env=data.env(**{side: proxy.server}))
    assert ended.code == 3
    assert f"the {side} s3://{data.bucket}/" in ended.err, ended.err
    assert "renew them and run the same command again" in ended.err


@_SIDES
def test_no_permission_on_one_side(data: Data, side: Side) -> None:
    """What is refused for every object stops the run, and the message names the side."""

    async def deny(exchange: Exchange) -> None:
        await exchange.answer(403, spoiling.error("AccessDenied"), Content_Type="application/xml")

    with fault_proxy(data.server, Fault(deny, on=("other",), where=_is_body)) as proxy:
        ended = streammerge(*data.arguments(f"denied/{side}/"), env=data.env(**{side: proxy.server}))
    assert ended.code == 2, ended.err
    assert f"the {side} s3://{data.bucket}/" in ended.err + ended.out, ended.err
    assert contents(data.client, data.bucket, f"denied/{side}/") == {}
