"""One suite over every store there is: the one in memory, and S3Store on each real server.

What a server cannot do is skipped with the reason; what it does wrong is written where the test allows for it.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from memory_s3 import MemoryS3, Stored
from oracle import walk
from seeding import multiply, new_bucket
from servers import Server, connect
from streammerge.dataset.objects import Location, Page, S3Object
from streammerge.errors import (
    ChangedError,
    ObjectError,
    RunError,
    StreamMergeError,
    TransientError,
    UsageError,
)
from streammerge.listing.scan import Lister
from streammerge.merging.copying import Copier
from streammerge.planning.plan import CopyTask
from streammerge.s3.client import S3Client, open_client
from streammerge.s3.options import Options

_BOUND = 60.0
_PART = 5 << 20  # S3's least
_SERVERS = {"seaweedfs": "seaweed", "ceph": "ceph", "moto": "moto_server", "ministack": "ministack_server"}
_CANNOT = {
    ("seaweedfs", "double slash"): "SeaweedFS collapses // in keys",
    ("seaweedfs", "leading slash"): "SeaweedFS drops a leading / of a key below a prefix",
    ("seaweedfs", "backslash"): "SeaweedFS takes a backslash for a slash",
    ("seaweedfs", "dots"): "SeaweedFS has no component . or ..",
    ("moto", "newline"): "moto does not route keys with a newline",
}
_UNCONDITIONAL = {
    ("ceph", 1 << 32): "Ceph ignores If-None-Match on CopyObject",
    ("moto", 1 << 32): "moto ignores If-None-Match on CopyObject",
    ("ministack", 1 << 32): "MiniStack ignores If-None-Match on CopyObject",
}
_KEYS = {
    "space": "a b .jpg",
    "plus": "a+b.jpg",
    "percent": "100%.jpg",
    "lone percent": "a%.txt",
    "encoded slash": "a%2Fb.jpg",
    "encoded twice": "a%252Fb.jpg",
    "double slash": "a//b.jpg",
    "leading slash": "/a.jpg",
    "backslash": "a\\b.jpg",
    "dots": "a/../b.jpg",
    "emoji": "\U0001f642.jpg",
    "newline": "a\nb.jpg",
    "tab": "a\tb.jpg",
    "control": "a\x01b\x1f.jpg",
    "markup": "a<b>&amp;\"'.jpg",
    "query": "a?b=c&d#e.jpg",
    "reserved": "a!$&'()*,;:=@[]~.jpg",
    "decomposed": "zu\u0308rich.jpg",
    "composed": "z\u00fcrich.jpg",
    "last of Unicode": "\ufffd\U0010fffd.jpg",
    "longest": "",  # made to have 1,024 bytes with its prefix
}


class Store(Lister, Copier, Protocol):
    """What scanning and copying need, and the look beforehand."""

    async def probe(self, location: Location, *, delimiter: str = "") -> Page:
        """The first page below a prefix."""


class Site(Protocol):
    """Where a store's objects are, seen without the store."""

    name: str
    tree: bool  # lists in the order of a tree
    ignores_pin: bool  # copies a source that is not the one that was listed
    forgets_tags: bool  # with which a multipart upload was begun
    part: int  # the least part that it takes, in bytes
    copy_into_nowhere: type[StreamMergeError]  # what becomes of a copy into a bucket that is gone

    def open(self, *, multipart_threshold: int, part_size: int) -> contextlib.AbstractAsyncContextManager[Store]:
        """A store."""

    def new_bucket(self) -> str:
        """Make a bucket."""

    def delete_bucket(self, bucket: str) -> None:
        """Remove an empty bucket."""

    def put(self, bucket: str, key: str, stored: Stored) -> None:
        """Make an object."""

    def put_many(self, bucket: str, keys: list[str]) -> None:
        """Make many small objects."""

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""

    def get(self, bucket: str, key: str) -> Stored:
        """An object, with all that belongs to it."""

    def keys(self, bucket: str, prefix: str) -> dict[str, int]:
        """Sizes by key."""

    def uploads(self, bucket: str) -> int:
        """How many multipart uploads were begun and neither completed nor aborted."""

    def before_part(self, store: Store, do: Callable[[], Awaitable[None]]) -> None:
        """Have `do` done before each part of a multipart copy."""


class MemorySite:
    """The store in memory."""

    ignores_pin = forgets_tags = False
    part = 1024
    copy_into_nowhere: type[StreamMergeError] = RunError

    def __init__(self, *, tree: bool) -> None:
        self.name = "memory"
        self.tree = tree
        self._store = MemoryS3(tree=tree)

    @contextlib.asynccontextmanager
    async def open(self, *, multipart_threshold: int, part_size: int) -> AsyncIterator[Store]:
        self._store._threshold, self._store._part_size = multipart_threshold, part_size
        yield self._store

    def new_bucket(self) -> str:
        bucket = uuid.uuid4().hex
        self._store.buckets[bucket] = {}
        return bucket

    def delete_bucket(self, bucket: str) -> None:
        del self._store.buckets[bucket]

    def put(self, bucket: str, key: str, stored: Stored) -> None:
        self._store.put(bucket, key, stored)

    def put_many(self, bucket: str, keys: list[str]) -> None:
        for key in keys:
            self.put(bucket, key, Stored(b"many"))

    def delete(self, bucket: str, key: str) -> None:
        del self._store.buckets[bucket][key]

    def get(self, bucket: str, key: str) -> Stored:
        return self._store.buckets[bucket][key]

    def keys(self, bucket: str, prefix: str) -> dict[str, int]:
        below = self._store.buckets[bucket].items()
        return {key: len(stored.body) for key, stored in below if key.startswith(prefix)}

    def uploads(self, bucket: str) -> int:
        return sum(found == bucket for found, _ in self._store.uploads)

    def before_part(self, store: Store, do: Callable[[], Awaitable[None]]) -> None:
        assert store is self._store
        self._store.before_part = do


class ServerSite:
    """A real server, seen by boto3."""

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self.tree = name == "seaweedfs"
        self.ignores_pin = name == "moto"
        self.forgets_tags = name == "ministack"
        self.part = 1024 if name == "ceph" else _PART
        # SeaweedFS says InternalError, which is tried again, and is the same in the end
        self.copy_into_nowhere: type[StreamMergeError] = TransientError if name == "seaweedfs" else RunError
        self._server = server
        self.client = connect(server)

    @contextlib.asynccontextmanager
    async def open(self, *, multipart_threshold: int, part_size: int) -> AsyncIterator[Store]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", self._server.access_key)
            patch.setenv("AWS_SECRET_ACCESS_KEY", self._server.secret_key)
            options = Options(
                endpoint_url=self._server.endpoint_url,
                multipart_threshold=multipart_threshold,
                part_size=part_size,
                attempts=2,
                timeout=_BOUND,
            )
            async with open_client(options) as store:
                yield store

    def new_bucket(self) -> str:
        return new_bucket(self.client)

    def delete_bucket(self, bucket: str) -> None:
        self.client.delete_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, stored: Stored) -> None:
        self.client.put_object(
            Bucket=bucket,
            Key=key,
            Body=stored.body,
            ContentType=stored.content_type,
            Metadata=stored.metadata,
            Tagging="&".join(f"{name}={value}" for name, value in stored.tags.items()),
        )

    def put_many(self, bucket: str, keys: list[str]) -> None:
        self.put(bucket, "origin", Stored(b"many"))
        multiply(self._server, bucket, "origin", keys)

    def delete(self, bucket: str, key: str) -> None:
        self.client.delete_object(Bucket=bucket, Key=key)

    def get(self, bucket: str, key: str) -> Stored:
        found = self.client.get_object(Bucket=bucket, Key=key)
        tags = self.client.get_object_tagging(Bucket=bucket, Key=key).get("TagSet", ())  # Ceph may leave it out
        return Stored(
            found["Body"].read(), found["ContentType"], found["Metadata"], {tag["Key"]: tag["Value"] for tag in tags}
        )

    def keys(self, bucket: str, prefix: str) -> dict[str, int]:
        return {found.key: found.size for found in walk(self.client, bucket, prefix)}

    def uploads(self, bucket: str) -> int:
        return len(self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()))

    def before_part(self, store: Store, do: Callable[[], Awaitable[None]]) -> None:
        async def handle(**_: Any) -> None:
            await do()

        assert isinstance(store, S3Client)
        store._at(Location("any", "")).client.meta.events.register("before-call.s3.UploadPartCopy", handle)


@dataclass(frozen=True, slots=True)
class Ground:
    """A site, and a folder of it in two buckets that no other test uses."""

    site: Site
    source: Location
    destination: Location

    def put(self, name: str, stored: Stored | None = None) -> str:
        """Make a source object; its key."""
        key = self.source.prefix + name
        self.site.put(self.source.bucket, key, stored or Stored(b"content"))
        return key

    def copied(self) -> Mapping[str, int]:
        """What is at the destination."""
        return self.site.keys(self.destination.bucket, self.destination.prefix)


@pytest.fixture(scope="module", params=["memory", "memory in tree order", *_SERVERS])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Each site in turn."""
    if request.param in _SERVERS:
        found = ServerSite(request.param, request.getfixturevalue(_SERVERS[request.param]))
        yield found
        found.client.close()
    else:
        yield MemorySite(tree="tree" in request.param)


@pytest.fixture(scope="module")
def buckets(site: Site) -> tuple[str, str]:
    """Two buckets for all tests of a site: on SeaweedFS each costs a volume."""
    return site.new_bucket(), site.new_bucket()


@pytest.fixture
def ground(site: Site, buckets: tuple[str, str]) -> Ground:
    """New prefixes of equal length."""
    name = uuid.uuid4().hex
    return Ground(site, Location(buckets[0], f"from/{name}/"), Location(buckets[1], f"into/{name}/"))


@pytest.fixture
async def store(ground: Ground) -> AsyncIterator[Store]:
    """A store that has looked at both buckets."""
    async with _opened(ground) as opened:
        yield opened


@pytest.fixture
async def parted(ground: Ground) -> AsyncIterator[Store]:
    """A store that copies everything in parts, as small as the site takes them."""
    async with _opened(ground, multipart_threshold=0, part_size=ground.site.part) as opened:
        yield opened


@contextlib.asynccontextmanager
async def _opened(ground: Ground, *, multipart_threshold: int = 1 << 32, part_size: int = 1) -> AsyncIterator[Store]:
    async with ground.site.open(multipart_threshold=multipart_threshold, part_size=part_size) as opened:
        await opened.probe(ground.source)
        await opened.probe(ground.destination)
        yield opened


async def _list_all(store: Store, location: Location) -> list[S3Object]:
    found: list[S3Object] = []
    token: str | None = None
    while True:
        page = await store.list_page(location, token=token)
        found += page.objects
        token = page.token
        if token is None:
            return found


async def _to_copy(store: Store, ground: Ground, key: str) -> CopyTask:
    (listed,) = [found for found in await _list_all(store, ground.source) if found.key == key]
    below = key.removeprefix(ground.source.prefix)
    return CopyTask(listed, 0, ground.destination.prefix + below, "ada")


async def test_pages_hold_a_thousand_and_go_on(store: Store, ground: Ground) -> None:
    """Over 1,000 keys come in pages, each key once."""
    keys = [f"{ground.source.prefix}{number // 50:03}/{number:05}.jpg" for number in range(1_100)]
    ground.site.put_many(ground.source.bucket, keys)
    first = await store.list_page(ground.source)
    assert len(first.objects) == 1_000
    assert first.token is not None
    second = await store.list_page(ground.source, token=first.token)
    assert (len(second.objects), second.token) == (100, None)
    assert [found.key for found in first.objects + second.objects] == keys


async def test_listing_after_a_key(store: Store, ground: Ground) -> None:
    """`after` leaves out what comes before it and itself, whether or not there is such a key."""
    keys = [ground.put(name) for name in ("a.jpg", "c.jpg", "e.jpg")]
    for after, rest in ((keys[0], keys[1:]), (f"{ground.source.prefix}b", keys[1:]), (keys[2], [])):
        page = await store.list_page(ground.source, after=after)
        assert ([found.key for found in page.objects], page.token) == (rest, None)


async def test_listed_object_has_size_etag_and_time(store: Store, ground: Ground) -> None:
    """The ETag comes without quotes and is the MD5 of a small object; the time is ISO 8601."""
    key = ground.put("a.jpg", Stored(b"hello"))
    (found,) = await _list_all(store, ground.source)
    assert (found.key, found.size, found.etag) == (key, 5, "5d41402abc4b2a76b9719d911017c592")
    assert found.modified.startswith("20")
    assert found.modified[10] == "T"


async def test_nothing_below_a_prefix(store: Store, ground: Ground) -> None:
    """That is an empty page, not an error, whatever lies beside the prefix."""
    ground.site.put(ground.source.bucket, ground.source.prefix.rstrip("/") + "2/a.jpg", Stored(b"another"))
    page = await store.list_page(ground.source)
    assert (page.objects, page.token) == ([], None)
    probed = await store.probe(ground.source, delimiter="/")
    assert (probed.objects, probed.prefixes, probed.token) == ([], [], None)


async def test_probe_tells_folders_from_loose_objects(store: Store, ground: Ground) -> None:
    """With a delimiter, folders come as prefixes."""
    for name in ("ada/1.jpg", "ada/2.jpg", "bob/1.jpg", "loose.jpg"):
        ground.put(name)
    page = await store.probe(ground.source, delimiter="/")
    prefix = ground.source.prefix
    assert [found.key for found in page.objects] == [f"{prefix}loose.jpg"]
    assert page.prefixes == [f"{prefix}ada/", f"{prefix}bob/"]
    flat = await store.probe(ground.source)
    assert (len(flat.objects), flat.prefixes) == (4, [])


async def test_order_is_of_bytes_or_of_a_tree(store: Store, ground: Ground) -> None:
    """Byte order where the store has it; all keys, each once, in any case."""
    names = ["a!/x", "a-b/x", "a.b/x", "a/x", "a/y/z", "a0/x", "ab/x", "a\uffff/x", "a\U0001f642/x", "B/x"]
    keys = [ground.put(name) for name in names]
    listed = [found.key for found in await _list_all(store, ground.source)]
    in_bytes = sorted(keys, key=str.encode)
    if ground.site.tree:
        assert listed != in_bytes
        assert sorted(listed, key=str.encode) == in_bytes
        assert listed.index(f"{ground.source.prefix}a/x") < listed.index(f"{ground.source.prefix}a-b/x")
    else:
        assert listed == in_bytes


@pytest.mark.parametrize("kind", _KEYS)
async def test_key_survives_byte_for_byte(store: Store, ground: Ground, kind: str) -> None:
    """A key is listed as it was written, and its copy has it, too."""
    if reason := _CANNOT.get((ground.site.name, kind)):
        pytest.skip(reason)
    name = _KEYS[kind] or _filled(1_024 - len(ground.source.prefix))
    key = ground.put(name, Stored(kind.encode()))
    assert [found.key for found in await _list_all(store, ground.source)] == [key]
    await store.copy(await _to_copy(store, ground, key), ground.source, ground.destination)
    assert ground.copied() == {ground.destination.prefix + name: len(kind)}
    assert ground.site.get(ground.destination.bucket, ground.destination.prefix + name).body == kind.encode()


def _filled(size: int) -> str:
    """A name of so many bytes, of components that a file system takes."""
    folders = (size - 5) // 200
    return ("d" * 199 + "/") * folders + "f" * (size - 200 * folders - 4) + ".jpg"


async def test_copy_takes_all_that_belongs_to_an_object(store: Store, ground: Ground) -> None:
    """Content, content type, metadata and tags are the source's."""
    stored = Stored(b"content", "image/jpeg", {"camera": "7", "place": "a b+c"}, {"split": "train", "by": "eve"})
    key = ground.put("ada/1.jpg", stored)
    copy = await _to_copy(store, ground, key)
    await store.copy(copy, ground.source, ground.destination)
    assert ground.site.get(ground.destination.bucket, copy.target) == stored


async def test_copy_replaces_what_is_there(store: Store, ground: Ground) -> None:
    """Whether to replace is decided before; the copy just does."""
    copy = (await _to_copy(store, ground, ground.put("ada/1.jpg")))._replace(replaces=True)
    ground.site.put(ground.destination.bucket, copy.target, Stored(b"old", "text/plain", {"old": "yes"}))
    await store.copy(copy, ground.source, ground.destination)
    assert ground.site.get(ground.destination.bucket, copy.target).body == b"content"
    assert ground.site.get(ground.destination.bucket, copy.target).metadata == {}


@pytest.mark.parametrize("threshold", [1 << 32, 0], ids=["whole", "in parts"])
async def test_what_has_come_to_lie_at_the_target_stays(site: Site, ground: Ground, threshold: int) -> None:
    """A copy that was planned for a free target does not replace what somebody else wrote there meanwhile."""
    if (site.name, threshold) in _UNCONDITIONAL:
        pytest.skip(_UNCONDITIONAL[site.name, threshold])
    async with site.open(multipart_threshold=threshold, part_size=_PART) as store:
        await store.probe(ground.source)
        copy = await _to_copy(store, ground, ground.put("ada/1.jpg"))
        ground.site.put(ground.destination.bucket, copy.target, Stored(b"another's"))
        await store.probe(ground.destination)
        found = await store.copy(copy, ground.source, ground.destination)
    assert isinstance(found, S3Object)
    assert (found.key, found.size) == (copy.target, len(b"another's"))
    assert ground.site.get(ground.destination.bucket, copy.target).body == b"another's"


@pytest.mark.parametrize("newer", [b"of another size", b"CONTENT"])
async def test_replaced_source_is_not_copied(store: Store, ground: Ground, newer: bytes) -> None:
    """The copy fails, and what lay at the target stays, unless the server ignores the pin."""
    key = ground.put("ada/1.jpg")
    copy = (await _to_copy(store, ground, key))._replace(replaces=True)
    ground.site.put(ground.destination.bucket, copy.target, Stored(b"there before"))
    ground.put("ada/1.jpg", Stored(newer))
    with pytest.raises(ChangedError):
        await store.copy(copy, ground.source, ground.destination)
    left = newer if ground.site.ignores_pin else b"there before"
    assert ground.site.get(ground.destination.bucket, copy.target).body == left


async def test_deleted_source(store: Store, ground: Ground) -> None:
    """It has changed, and nothing appears at the target."""
    key = ground.put("ada/1.jpg")
    copy = await _to_copy(store, ground, key)
    ground.site.delete(ground.source.bucket, key)
    with pytest.raises(ChangedError):
        await store.copy(copy, ground.source, ground.destination)
    assert ground.copied() == {}


async def test_bucket_that_never_was(store: Store) -> None:
    """It is the user's mistake, and named."""
    with pytest.raises(UsageError, match=r"s3://no-such-bucket-anywhere/x/.*[Cc]heck"):
        await store.probe(Location("no-such-bucket-anywhere", "x/"))


async def test_bucket_that_goes_away(ground: Ground) -> None:
    """It stops the run, for a listing and for a copy: never is it an empty listing."""
    gone = Location(ground.site.new_bucket(), "x/")
    async with _opened(ground) as store:
        await store.probe(gone)
        copy = await _to_copy(store, ground, ground.put("ada/1.jpg"))
        ground.site.delete_bucket(gone.bucket)
        with pytest.raises(RunError, match="NoSuchBucket"):
            await store.list_page(gone)
        with pytest.raises(ground.site.copy_into_nowhere):
            await store.copy(copy, ground.source, gone)


async def test_target_that_is_too_long(store: Store, ground: Ground) -> None:
    """A key of more than 1,024 bytes is refused before anything is sent."""
    copy = await _to_copy(store, ground, ground.put("ada/1.jpg"))
    target = ground.destination.prefix + _filled(1_025 - len(ground.destination.prefix))
    assert len(target) == 1_025
    with pytest.raises(ObjectError) as refusal:
        await store.copy(copy._replace(target=target), ground.source, ground.destination)
    assert refusal.value.code == "KeyTooLongError"
    assert ground.copied() == {}


async def test_copy_in_parts_takes_all_that_belongs_to_an_object(parted: Store, ground: Ground) -> None:
    """As a copy in one piece does, over three parts, the last one small; nothing unfinished is left."""
    part = ground.site.part
    body = b"1" * part + b"2" * part + b"3"
    stored = Stored(body, "image/tiff", {"camera": "7"}, {"split": "train", "note": "a-b"})
    copy = await _to_copy(parted, ground, ground.put("ada/odd name+%.tiff", stored))
    await parted.copy(copy, ground.source, ground.destination)
    arrived = replace(stored, tags={}) if ground.site.forgets_tags else stored
    assert ground.site.get(ground.destination.bucket, copy.target) == arrived
    assert ground.site.uploads(ground.destination.bucket) == 0


async def test_source_replaced_before_its_parts_are_copied(parted: Store, ground: Ground) -> None:
    """The copy fails, no target and no unfinished upload is left."""
    copy = await _to_copy(parted, ground, ground.put("ada/1.jpg", Stored(b"1" * (ground.site.part + 1))))
    ground.put("ada/1.jpg", Stored(b"2" * (ground.site.part + 1)))
    with pytest.raises(ChangedError):
        await parted.copy(copy, ground.source, ground.destination)
    assert ground.copied() == {}
    assert ground.site.uploads(ground.destination.bucket) == 0


async def test_source_replaced_while_its_parts_are_copied(parted: Store, ground: Ground) -> None:
    """Also where the server ignores the pin on a part, no mixture of two objects comes about."""
    copy = await _to_copy(parted, ground, ground.put("ada/1.jpg", Stored(b"1" * (ground.site.part + 1))))
    uploads = []

    async def replace() -> None:
        uploads.append(ground.site.uploads(ground.destination.bucket))
        ground.put("ada/1.jpg", Stored(b"2" * (ground.site.part + 1)))

    ground.site.before_part(parted, replace)
    with pytest.raises(ChangedError):
        await parted.copy(copy, ground.source, ground.destination)
    assert uploads[0] == 1
    assert ground.copied() == {}
    assert ground.site.uploads(ground.destination.bucket) == 0


async def test_copy_in_parts_that_is_cancelled(parted: Store, ground: Ground) -> None:
    """No target and no unfinished upload is left."""
    copy = await _to_copy(parted, ground, ground.put("ada/1.jpg", Stored(b"1" * (ground.site.part + 1))))
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.sleep(_BOUND)

    ground.site.before_part(parted, hang)
    task = asyncio.create_task(parted.copy(copy, ground.source, ground.destination))
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({task, waiting}, timeout=_BOUND, return_when=asyncio.FIRST_COMPLETED)
    assert waiting.done(), task.result()
    assert ground.site.uploads(ground.destination.bucket) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, _BOUND)
    assert ground.copied() == {}
    assert ground.site.uploads(ground.destination.bucket) == 0
