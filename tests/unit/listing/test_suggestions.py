"""What is said of a prefix below which there is nothing."""

import pytest

from memory_s3 import MemoryS3, Stored
from streammerge.dataset.objects import Page, parse_location
from streammerge.errors import UsageError
from streammerge.listing.suggestions import _NO_PATTERNS, suggest

_KEYS = [
    "sets/photos/ada/1.jpg",
    "sets/faces/ada/1.jpg",
    *(f"sets/run-{number}/ada/1.jpg" for number in range(9)),
    "loose/1.jpg",
    "odd/a\nb/1.jpg",
]


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("s3://data/sets/phots/", "Check the spelling: below s3://data/sets/ there is photos/, "),
        ("s3://data/stes/photos/", "Check the spelling: below s3://data/ there is sets/, "),
        ("s3://data/stes/photos/raw/", "Check the spelling: below s3://data/ there is sets/, "),
        ("s3://data/odd/ab/", "Check the spelling: below s3://data/odd/ there is a\\nb/"),
        ("s3://data/loose/more/", "Check the spelling"),
        ("s3://data/loose/1.jpg", "1.jpg is an object; name the prefix above it, s3://data/loose/"),
        ("s3://data/sets/*", f"{_NO_PATTERNS}"),
        ("s3://data/sets/[ab]/", f"{_NO_PATTERNS}"),
        ("s3://empty/sets/", "Check the spelling"),
        ("s3://empty/", "Check the spelling"),
    ],
)
async def test_the_nearest_names_that_there_are(url: str, advice: str) -> None:
    """They are those of the nearest prefix above that has any, few, and the one most alike comes first."""
    store = MemoryS3()
    store.buckets |= {"data": {}, "empty": {}}
    for key in _KEYS:
        store.put("data", key, Stored(b"x"))
    said = await suggest(store, parse_location(url))
    assert said == advice if not advice.endswith(", ") else said.startswith(advice)
    assert said.count(", ") < 5


async def test_a_listing_that_fails_names_nothing() -> None:
    """Whoever may list a prefix may not list what is above it, and hears what is true all the same."""

    class Guarded:
        async def probe(self, location: object, *, delimiter: str = "") -> Page:
            raise UsageError(f"cannot list {location} by {delimiter}: AccessDenied")

    assert await suggest(Guarded(), parse_location("s3://data/sets/phots/")) == "Check the spelling"
