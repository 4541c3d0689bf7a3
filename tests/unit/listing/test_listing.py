"""A prefix in the join: a page is placed as a whole where it can be, with the same outcome as key by key."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.ignored import is_folder_marker, not_an_image
from streammerge.dataset.junk import junk
from streammerge.dataset.layout import FOLDER
from streammerge.dataset.objects import Image, S3Object
from streammerge.listing.listing import Listing

_NAMES = st.sampled_from(["ada", "", ".", ".x", "1.jpg", "2.JPG", "3.webp", "4.txt", "jpg", "e.", "@eaDir", "a.jpg.b"])
_BELOW = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_PAGES = st.lists(st.tuples(_BELOW | st.sampled_from(["ada/1.jpg", "bob/2.png"]), st.integers(0, 3)), max_size=5)


@given(page=_PAGES, images_only=st.booleans())
def test_a_page_is_placed_as_each_of_its_keys_is(*, page: list[tuple[str, int]], images_only: bool) -> None:
    """Most pages hold nothing but images in folders; one that does not loses nothing by that, and gains nothing."""
    objects = [S3Object(f"p/{below}", size, "", "") for below, size in page]
    right, ignored = [], Counter[str]()
    for item, (below, size) in zip(objects, page, strict=True):
        if images_only:
            placed = not_an_image(below, size) or junk(below) or FOLDER.place(below)
        else:
            placed = "folder marker" if is_folder_marker(below, size) else FOLDER.place(below)
        if isinstance(placed, str):
            ignored[placed] += 1
        else:
            right.append((placed[0], Image(item, placed[1])))
    listing = Listing("p/", counters := ListingCounters(), images_only=images_only)
    assert list(listing.place(objects)) == right
    assert counters.reasons == ignored
    assert counters.objects == len(page)
