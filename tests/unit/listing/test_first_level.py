"""What is seen of a first level that is more than a page: loose images and folders wherever they are."""

from collections.abc import Iterable

import pytest
from samples import source

from memory_s3 import MemoryS3, Stored
from streammerge.dataset.objects import Location, Page
from streammerge.listing.first_level import look_around
from streammerge.listing.layout_check import FirstLevel, first_level, looks_flat, looks_mixed

_PREFIX = Location("data", "one/")


class Delimited(MemoryS3):
    """A page is as many entries as S3's, folders counted once."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.buckets["data"] = {}
        for name in names:
            self.put("data", f"one/{name}", Stored(b"1"))
        self.asked = 0

    async def probe(self, location: Location, *, delimiter: str = "", after: str = "") -> Page:
        self.asked += 1
        assert delimiter == "/"
        entries = dict[str, bool]()
        for key in sorted(self.buckets[location.bucket], key=str.encode):
            folder, slash, _ = key[len(location.prefix) :].partition("/")
            if key > after:
                entries[f"{location.prefix}{folder}{slash}"] = bool(slash)
        page = list(entries.items())[:1000]
        objects = [self._listed[location.bucket, name] for name, is_folder in page if not is_folder]
        more = "more" if len(entries) > len(page) else None
        return Page(objects, [name for name, is_folder in page if is_folder], more)


async def _seen(store: Delimited) -> FirstLevel:
    first = await store.probe(_PREFIX, delimiter="/")
    return first_level(source(), await look_around(store, _PREFIX, first))


def _folders(count: int, form: str = "id{:06}") -> list[str]:
    return [f"{form.format(number)}/0.jpg" for number in range(count)]


def _loose(count: int, form: str) -> list[str]:
    return [f"{form.format(number)}_face.jpg" for number in range(count)]


@pytest.mark.parametrize("form", ["x{:05}", "id9{:05}", "idx{:05}", "🙂{:05}"])
async def test_loose_images_behind_a_page_of_folders_are_seen(form: str) -> None:
    """5,000 images that sort after 1,000 folders make a source flat."""
    level = await _seen(Delimited(_folders(1000) + _loose(5000, form)))
    problem = looks_flat(source(), level)
    assert problem is not None
    assert "among those looked at (there are more)" in problem
    assert "--layout 'one={identity}_face.{ext}'" in problem


@pytest.mark.parametrize("form", ["p{:06}", "id{:06}", "{:06}z"])
async def test_folders_behind_a_page_of_loose_images_are_seen(form: str) -> None:
    """1,000 images that sort before 20,000 folders make no source flat; they are told of."""
    level = await _seen(Delimited(_loose(1000, "00{:04}") + _folders(20_000, form)))
    assert looks_flat(source(), level) is None
    oddity = looks_mixed(source(), level)
    assert oddity is not None
    assert "1,000 images directly under the prefix" in oddity


async def test_one_page_is_all_there_is() -> None:
    """Then nothing more is asked, and the counts are those of the whole source."""
    store = Delimited(_folders(600) + _loose(400, "x{:05}"))
    level = await _seen(store)
    assert (level.loose, level.folders, level.whole, store.asked) == (400, 600, True, 1)


async def test_looking_around_is_bounded_and_counts_nothing_twice() -> None:
    """However large a source is, a look takes some twenty requests."""
    store = Delimited(_folders(30_000))
    level = await _seen(store)
    assert store.asked <= 20
    assert 1000 < level.folders <= 30_000
    assert (level.loose, level.whole) == (0, False)
