"""What the store in memory has beyond the contract: what tests of scanning and copying turn on it."""

import pytest

from memory_s3 import MemoryS3, Stored
from streammerge.dataset.objects import Location
from streammerge.errors import ThrottledError

_ALL = Location("bucket", "")


def _store(*keys: str, page_size: int = 1000, tree: bool = False) -> MemoryS3:
    store = MemoryS3(page_size=page_size, tree=tree)
    store.buckets["bucket"] = {}
    for key in keys:
        store.put("bucket", key, Stored(key.encode()))
    return store


async def test_pages_are_as_long_as_asked() -> None:
    """Five keys on pages of two are three pages, the last one short."""
    store = _store("a", "b", "c", "d", "e", page_size=2)
    first = await store.list_page(_ALL)
    second = await store.list_page(_ALL, token=first.token)
    third = await store.list_page(_ALL, token=second.token)
    assert [[found.key for found in page.objects] for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert third.token is None


async def test_tree_order_holds_across_pages() -> None:
    """A folder's content comes before `folder-2/`, whatever the pages are."""
    store = _store("a-b/x", "a/x", "a/y", page_size=1, tree=True)
    keys, token = [], None
    for _ in range(3):
        page = await store.list_page(_ALL, token=token)
        keys += [found.key for found in page.objects]
        token = page.token
    assert (keys, token) == (["a/x", "a/y", "a-b/x"], None)


async def test_faults_come_in_turn_and_end() -> None:
    """Each fault is one call's, of its operation alone."""
    store = _store("a")
    store.faults["list"].extend([ThrottledError("slow down"), ThrottledError("again")])
    for message in ("slow down", "again"):
        with pytest.raises(ThrottledError, match=message):
            await store.list_page(_ALL)
    assert len((await store.list_page(_ALL)).objects) == 1
    assert store.requests == {"list": 3}
