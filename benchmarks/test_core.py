"""Micro-benchmarks of what is done for every key, copy and answer: CPU alone, no network, no event loop.

    .venv/bin/pytest benchmarks/test_core.py --benchmark-columns=median,iqr,ops

They assert only that the work was done. Each counts a page of 1,000 keys, or 1,000 copies, so that a millisecond is a
microsecond a key.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from loopback.datasets import Dataset, PageCache, Rules

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.job import make_job
from streammerge.dataset.layout import parse_layout
from streammerge.dataset.objects import Identity, Image, S3Object
from streammerge.listing.alphabet import Alphabet
from streammerge.listing.index import Index
from streammerge.listing.listing import Listing
from streammerge.listing.merge_join import Join
from streammerge.planning.counters import Counters
from streammerge.planning.plan import CopyTask, decide
from streammerge.s3.sigv4 import Credentials, encode_path, sign
from streammerge.s3.xml import parse_copy, parse_page
from streammerge.transfer.limiter import Limiter

Benchmark = Callable[..., Any]  # the fixture of pytest-benchmark
_JOB = make_job(["one=s3://bucket/one/", "two=s3://bucket/two/"], into="s3://bucket/into/", min_images=2)
_COUNT = 1000


def _listed(prefix: str, *, images: int = 2, shape: str = "folder") -> list[S3Object]:
    """A page below a prefix."""
    return parse_page(_page(prefix, images=images, shape=shape), "LIST").objects


def _page(prefix: str, *, images: int = 2, shape: str = "folder", owner: bytes = b"") -> bytes:
    dataset = Dataset(prefix.encode(), Rules(identities=_COUNT, images=images, shape=shape), PageCache(1 << 24))
    contents = dataset.render(0, _COUNT).replace(b"</Contents>", owner + b"</Contents>")
    head = b"<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t"
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        + head
        + b"</NextContinuationToken>"
        + contents
        + b"</ListBucketResult>"
    )


@pytest.mark.parametrize("owner", [b"", b"<Owner><ID>o</ID></Owner>"], ids=["usual", "by expat"])
def test_parse_page(benchmark: Benchmark, owner: bytes) -> None:
    body = _page("one/", owner=owner)
    assert len(benchmark(parse_page, body, "LIST").objects) == _COUNT


def _join(pages: Sequence[Sequence[S3Object]]) -> list[Identity]:
    listings = [Listing(prefix, ListingCounters()) for prefix in ("one/", "two/")]
    listings.append(Listing("into/", ListingCounters(), images_only=False))
    join = Join(listings, {})
    for position, page in enumerate(pages):
        join.feed(position, page, last=True)
    return list(join.complete())


@pytest.mark.parametrize("sources", [1, 2])
def test_join(benchmark: Benchmark, sources: int) -> None:
    pages = [_listed("one/"), _listed("two/") if sources == 2 else [], []]
    assert len(benchmark(_join, pages)) == _COUNT // 2


def test_index_of_a_pattern(benchmark: Benchmark) -> None:
    page = _listed("one/", images=1, shape="flat")

    def index() -> Index:
        made = Index(Listing("one/", ListingCounters(), parse_layout("{identity}_face.{ext}")))
        made.add(page)
        made.seal()
        return made

    assert len(list(benchmark(index).identities(""))) == _COUNT


def _at_destination(item: S3Object) -> S3Object:
    return item._replace(key=item.key.replace("one/", "into/"))


def _images(prefix: str) -> list[list[Image]]:
    return [identity.members[0] for identity in _join([_listed(prefix), [], []])]


@pytest.mark.parametrize("case", ["new", "already there", "two sources"])
def test_decide(benchmark: Benchmark, case: str) -> None:
    """500 identities of two images: what nearly all are, what a second run sees, and duplicates in two sources."""
    ours = _images("one/")
    there = [[image._replace(object=_at_destination(image.object)) for image in images] for images in ours]
    identities = [
        Identity(
            images[0].object.key.split("/")[1],
            [images, images if case == "two sources" else [], found if case == "already there" else []],
        )
        for images, found in zip(ours, there, strict=True)
    ]

    def settle() -> Counters:
        counters = Counters(_JOB)
        for identity in identities:
            counters.decided(decide(identity, _JOB))
        return counters

    assert benchmark(settle).images == _COUNT


def test_alphabet(benchmark: Benchmark) -> None:
    names = [item.key.split("/")[1] for item in _listed("one/", images=1, shape="hex")][::50]

    def cut() -> str | None:
        alphabet = Alphabet()
        alphabet.learn(names)
        return next(alphabet.borders(names[-1], None), None)

    assert benchmark(cut)


def test_sign(benchmark: Benchmark) -> None:
    credentials = Credentials("AKIAEXAMPLE", "secret", "token")

    def one(item: S3Object) -> dict[str, str]:
        headers = {
            "host": "bucket.s3.us-east-1.amazonaws.com",
            "x-amz-copy-source": encode_path(f"bucket/{item.key}"),
            "x-amz-copy-source-if-match": f'"{item.etag}"',
        }
        sign(
            "PUT", encode_path(f"/{item.key}"), "", headers, credentials, region="us-east-1",
            timestamp="20260101T000000Z",
        )  # fmt: skip
        return headers

    items = _listed("one/")
    assert len(benchmark(lambda: [one(item) for item in items])) == _COUNT


def test_parse_copy(benchmark: Benchmark) -> None:
    body = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult><LastModified>2026-01-01T00:00:00.000Z'
        b"</LastModified><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag></CopyObjectResult>"
    )
    assert all(benchmark(lambda: [parse_copy(body, "copy") for _ in range(_COUNT)]))


def test_window(benchmark: Benchmark) -> None:
    """An answer a third of a millisecond, 100 ms each, with the limiter full."""

    def answers() -> int:
        limiter = Limiter()
        for number in range(_COUNT):
            now = number / 3000
            limiter.start_at(now)
            limiter.answered(now + 0.1, 0.1, throttled=False, in_flight=limiter.size)
        return limiter.size

    assert benchmark(answers) > 1


def test_copies_to_make(benchmark: Benchmark) -> None:
    """The value of a copy: a run makes millions."""
    items = _listed("one/")

    def make() -> list[CopyTask]:
        return [CopyTask(item, 0, "into/" + item.key, "one") for item in items]

    assert len(benchmark(make)) == _COUNT
