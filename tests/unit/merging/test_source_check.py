"""Flat or not: by a sample before a merge, by counts where everything is listed first."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from samples import source

from memory_s3 import MemoryS3, Stored
from streammerge.dataset.counters import ListingCounters
from streammerge.errors import UsageError, unwrap
from streammerge.merging.source_check import SourceCheck

_FOLDERS = [f"id{number}/0.jpg" for number in range(3)]
_LOOSE = [f"x{number}_face.jpg" for number in range(5)]


def _check(
    keys: Sequence[str], warned: list[str], *, lists_first: bool, layout: str | None = None, page_size: int = 1000
) -> SourceCheck:
    store = MemoryS3(page_size=page_size)
    store.buckets["data"] = {}
    for key in keys:
        store.put("data", f"one/{key}", Stored(b"1"))
    return SourceCheck(cast("Any", store), [source(layout=layout)], warned.append, lists_first=lists_first)


async def _refusal(check: SourceCheck) -> str:
    with pytest.raises(BaseExceptionGroup) as caught:
        await check.before()
    error = unwrap(caught.value)
    assert isinstance(error, UsageError)
    return str(error)


def _counted(loose: Sequence[str]) -> ListingCounters:
    counters = ListingCounters()
    for key in loose:
        counters.ignore("not in a folder", f"one/{key}")
    return counters


@pytest.mark.parametrize("lists_first", [False, True])
async def test_a_source_of_one_page_is_judged_at_once(*, lists_first: bool) -> None:
    """Nothing more is to be learned by listing it."""
    check = _check(_FOLDERS + _LOOSE, [], lists_first=lists_first)
    assert "looks flat: it has 5 images directly under the prefix, beside 3 folders," in await _refusal(check)


async def test_a_merge_is_stopped_by_a_sample() -> None:
    """Before its first copy, and it is told that there is more."""
    assert "among those looked at" in await _refusal(_check(_FOLDERS + _LOOSE, [], lists_first=False, page_size=4))


async def test_a_plan_is_not_stopped_by_a_sample_but_by_counts() -> None:
    """It lists everything anyway."""
    check = _check(_FOLDERS + _LOOSE, [], lists_first=True, page_size=4)
    await check.before()
    check.folders[0] = 6
    check.after([_counted(_LOOSE)], [])
    check.folders[0] = 4
    with pytest.raises(UsageError, match="beside 4 folders, which"):
        check.after([_counted(_LOOSE)], [])


async def test_counts_replace_what_a_sample_said() -> None:
    """The report has one sentence on loose images, with their number, also where a sample had seen none."""
    warned = list[str]()
    check = _check([*_FOLDERS, "x.jpg"], warned, lists_first=False, page_size=3)
    await check.before()
    said = list(warned)
    check.folders[0] = 3
    report = [*said, "something else"]
    check.after([_counted(["x.jpg"] * 2)], report)
    assert "has 2 images directly under the prefix, beside 3 folders; the images are ignored" in warned[-1]
    assert report == ["something else"]  # the planner's own `warn` puts the new sentence there


async def test_whoever_passes_folder_is_not_told() -> None:
    """They know that loose images are ignored."""
    warned = list[str]()
    check = _check(_FOLDERS + _LOOSE, warned, lists_first=True, layout="folder")
    await check.before()
    check.after([_counted(_LOOSE)], [])
    assert not warned
