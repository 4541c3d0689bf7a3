"""Single objects on every real server: HEAD, GET, PUT and DELETE, by whatever key, and nothing beside it is touched."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from oracle import walk
from seeding import new_bucket
from servers import Server, connect
from streammerge.dataset.objects import Location
from streammerge.errors import ChangedError
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.options import Options

_NAMES = {
    "plain": "ada/1.jpg",
    "markup": "a<b>&amp;\"'.jpg",
    "space": " a  b .jpg",
    "double slash": "a//b.jpg",
    "newline": "a\nb.jpg",
    "carriage return": "a\rb\r\nc.jpg",
    "tab": "a\tb.jpg",
    "control": "a\x01b\x1f\x7f.jpg",
    "not a character": "a\uffff.jpg",
    "emoji": "zu\u0308rich \U0001f642.jpg",
    "percent": "100%20+.jpg",
}
_CANNOT = {
    "seaweedfs": {"double slash"},  # collapses it
    "moto": {"newline", "carriage return"},  # does not route it
}


@pytest.fixture(scope="module")
def shared(server: Server) -> str:
    """A bucket for all tests of a server."""
    with contextlib.closing(connect(server)) as client:
        return new_bucket(client)


@pytest.fixture
def names(request: pytest.FixtureRequest) -> dict[str, str]:
    """The names that the server at hand can hold."""
    cannot = _CANNOT.get(request.node.callspec.params["server"], set())
    return {kind: name for kind, name in _NAMES.items() if kind not in cannot}


@pytest.fixture
def place(shared: str) -> Location:
    """A prefix that no other test uses."""
    return Location(shared, f"into/{uuid.uuid4().hex}/")


@pytest.fixture
async def store(server: Server, place: Location) -> AsyncIterator[S3Client]:
    """A store on the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        async with open_client(Options(endpoint_url=server.endpoint_url, attempts=2, timeout=60)) as opened:
            await opened.probe(place)
            yield opened


async def test_every_key_is_written_read_and_looked_at(store: S3Client, place: Location, names: dict[str, str]) -> None:
    """What was written under a key is what HEAD and GET find under it."""
    for kind, name in names.items():
        key, body = place.prefix + name, kind.encode()
        await store.objects_at(place).write(place.bucket, key, body)
        head = await store.objects_at(place).head(place.bucket, key)
        assert head is not None, kind
        assert (head.object.key, head.object.size, head.etag_is_md5) == (key, len(body), True)
        assert await store.objects_at(place).read(place.bucket, key, head.object.etag) == body


async def test_every_key_is_removed_and_no_other(
    client: Any, store: S3Client, place: Location, names: dict[str, str]
) -> None:
    """Also those that XML cannot carry; what lies beside the prefix, or only begins like a key, stays."""
    keys = [place.prefix + name for name in names.values()]
    beside = [f"{place.prefix.rstrip('/')}2/ada/1.jpg", f"{place.prefix}ada/1.jpg.bak", f"{place.prefix}adb"]
    for key in keys + beside:
        client.put_object(Bucket=place.bucket, Key=key, Body=b"x")
    before = {found.key for found in walk(client, place.bucket, "")}
    assert before.issuperset(keys + beside)
    assert await store.objects_at(place).remove(place, [*keys, f"{place.prefix}never was"]) == {}
    assert {found.key for found in walk(client, place.bucket, "")} == before.difference(keys)


async def test_more_than_a_batch_is_removed(client: Any, store: S3Client, place: Location) -> None:
    """More keys than one request takes; most of them are not there, which is as good as removed."""
    there = [f"{place.prefix}{number:04}.jpg" for number in (0, 999, 1000, 1001)]
    for key in there:
        client.put_object(Bucket=place.bucket, Key=key, Body=b"x")
    keys = [f"{place.prefix}{number:04}.jpg" for number in range(1002)]
    assert await store.objects_at(place).remove(place, keys) == {}
    assert list(walk(client, place.bucket, place.prefix)) == []


async def test_nothing_outside_the_prefix_is_removed(client: Any, store: S3Client, place: Location) -> None:
    """One key that is not below it, and none is removed at all."""
    inside, outside = f"{place.prefix}a.jpg", f"{place.prefix.rstrip('/')}2/a.jpg"
    for key in (inside, outside):
        client.put_object(Bucket=place.bucket, Key=key, Body=b"x")
    with pytest.raises(ValueError, match="is not below"):
        await store.objects_at(place).remove(place, [inside, outside])
    there = {found.key for found in walk(client, place.bucket, place.prefix.rstrip("/"))}
    assert there == {inside, outside}


async def test_write_does_not_replace(client: Any, store: S3Client, place: Location) -> None:
    """A second write under the same key is refused, and the first one stays."""
    key = f"{place.prefix}00000001.journal"
    await store.objects_at(place).write(place.bucket, key, b"first")
    with pytest.raises(ChangedError):
        await store.objects_at(place).write(place.bucket, key, b"second")
    assert client.get_object(Bucket=place.bucket, Key=key)["Body"].read() == b"first"


async def test_pieces_are_pinned(client: Any, store: S3Client, place: Location) -> None:
    """A range has the bytes asked for; of an object that was replaced, none is read."""
    key = f"{place.prefix}a.jpg"
    etag = client.put_object(Bucket=place.bucket, Key=key, Body=b"0123456789")["ETag"].strip('"')
    assert await store.objects_at(place).read(place.bucket, key, etag, start=2, size=3) == b"234"
    assert await store.objects_at(place).read(place.bucket, key, etag, start=8, size=5) == b"89"
    client.put_object(Bucket=place.bucket, Key=key, Body=b"9876543210")
    with pytest.raises(ChangedError):
        await store.objects_at(place).read(place.bucket, key, etag, start=2, size=3)


async def test_what_is_not_there(store: S3Client, place: Location) -> None:
    """HEAD finds nothing, and GET says that it is gone."""
    assert await store.objects_at(place).head(place.bucket, f"{place.prefix}none") is None
    with pytest.raises(ChangedError):
        await store.objects_at(place).read(place.bucket, f"{place.prefix}none")
