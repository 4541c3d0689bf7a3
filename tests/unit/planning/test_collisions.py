"""Which images of an identity are kept, and under which names."""

from typing import Any

import pytest
from samples import etag_of, image, renamed_key

from streammerge.errors import RunError
from streammerge.planning import collisions
from streammerge.planning.collisions import Named, name_images

A, B, C, D = "first", "second", "third", "fourth"


def settle(*members: dict[str, str], **rules: Any) -> Named:
    """Settle sources given as the contents of their images by name; the sources are s0, s1 and so on."""
    images = [
        [image(name, content, below=f"{position}/") for name, content in sorted(member.items())]
        for position, member in enumerate(members)
    ]
    return name_images(images, [f"s{position}" for position in range(len(members))], **rules)


def kept(named: Named) -> list[tuple[int, str, str]]:
    """Source, original name and name of what is kept."""
    return [
        (source, entry.object.key.partition("/")[2], entry.name)
        for source, images in enumerate(named.kept)
        for entry in images
    ]


def test_names_that_are_free_are_kept() -> None:
    """Images of different names keep them, in the order of the sources."""
    named = settle({"a.jpg": A, "b.jpg": B}, {"c.jpg": C})
    assert kept(named) == [(0, "a.jpg", "a.jpg"), (0, "b.jpg", "b.jpg"), (1, "c.jpg", "c.jpg")]
    assert (named.duplicates, named.dropped) == (0, 0)


def test_an_identity_of_one_source_keeps_its_names() -> None:
    """What nearly every identity is: nothing to settle, the very same names."""
    named = settle({}, {"a.jpg": A, "b.jpg": A})
    assert kept(named) == [(1, "a.jpg", "a.jpg"), (1, "b.jpg", "b.jpg")]
    assert (named.images, named.renamed) == (2, 0)


def test_no_image_at_all() -> None:
    """An identity that only the destination has keeps nothing."""
    assert settle({}, {}) == Named([[], []], 0)


def test_equal_images_of_one_name_count_once() -> None:
    """Same name, size and MD5: one image, and it is the first source's."""
    named = settle({"a.jpg": A}, {"a.jpg": A}, {"a.jpg": A})
    assert kept(named) == [(0, "a.jpg", "a.jpg")]
    assert (named.duplicates, named.dropped) == (2, 0)


def test_a_duplicate_of_a_renamed_image() -> None:
    """An image equal to one that was renamed is a duplicate all the same: the original names count."""
    named = settle({"a.jpg": A}, {"a.jpg": B}, {"a.jpg": B})
    assert kept(named) == [(0, "a.jpg", "a.jpg"), (1, "a.jpg", "a_s1.jpg")]
    assert named.duplicates == 1


def test_a_duplicate_under_the_name_that_an_image_was_given() -> None:
    """An image that brings along the name that an equal one was given is its duplicate; a different one is not."""
    named = settle({"a.jpg": A}, {"a.jpg": B}, {"a_s1.jpg": B}, {"a_s1.jpg": C})
    assert kept(named)[2:] == [(3, "a_s1.jpg", "a_s1_s3.jpg")]
    assert named.duplicates == 1


def test_a_merged_set_adds_nothing_to_its_sources() -> None:
    """What a merge has made is, name for name, a duplicate of what it was made of, and its sources keep their names."""
    sources = [{"a.jpg": A, "b.jpg": B}, {"a.jpg": B, "a_s1.jpg": C}, {"a.jpg": C, "b.jpg": D}]
    contents = {
        f"{position}/{name}": content for position, each in enumerate(sources) for name, content in each.items()
    }
    once = settle(*sources)
    merged = {given: contents[f"{source}/{name}"] for source, name, given in kept(once)}
    again = settle(*sources, merged)
    assert kept(again) == kept(once)
    assert again.duplicates == len(merged)


def test_many_collisions_of_one_name_are_numbered_in_linear_time() -> None:
    """The search for a free name goes on where the last one ended: no name is looked up from the start again."""
    images = [renamed_key(image("a.jpg", f"{number}"), f"{number:05}") for number in range(2000)]
    desk = collisions._Desk(["s0"], "name", "rename")
    desk.taken = looked_up = LookedUp()
    assert [each.name for each in desk.settle(0, images)][-1] == "a_s0_1999.jpg"
    assert looked_up.times < 3 * len(images)


class LookedUp(set[str]):
    """Names, and how often one was looked up."""

    times = 0

    def __contains__(self, name: object) -> bool:
        self.times += 1
        return super().__contains__(name)


def test_three_sources_collide() -> None:
    """Every later image is renamed by its own source; none is overwritten."""
    named = settle({"a.jpg": A}, {"a.jpg": B}, {"a.jpg": C})
    assert [name for _, _, name in kept(named)] == ["a.jpg", "a_s1.jpg", "a_s2.jpg"]


def test_a_name_that_renaming_would_give_is_taken() -> None:
    """Free names go first, so an image called `a_s1.jpg` keeps its name and the renamed one counts on."""
    named = settle({"a.jpg": A}, {"a.jpg": B, "a_s1.jpg": C, "a_s1_2.jpg": D})
    assert kept(named) == [
        (0, "a.jpg", "a.jpg"),
        (1, "a_s1.jpg", "a_s1.jpg"),
        (1, "a_s1_2.jpg", "a_s1_2.jpg"),
        (1, "a.jpg", "a_s1_3.jpg"),
    ]


def test_collisions_are_settled_in_byte_order_of_key() -> None:
    """Of two colliding images the lesser key gets the simpler name."""
    first = [image("a.jpg", A)]
    second = [renamed_key(image("a.jpg", content), key) for key, content in (("x", B), ("y", C))]
    named = name_images([first, second], ["s0", "s1"])
    assert [(entry.object.key, entry.name) for images in named.kept for entry in images] == [
        ("a.jpg", "a.jpg"),
        ("x", "a_s1.jpg"),
        ("y", "a_s1_2.jpg"),
    ]


def test_a_source_collides_with_itself() -> None:
    """Two keys of one source may spell the same name; both images are kept, equal ones once."""
    images = [renamed_key(image("a.jpg", content), key) for key, content in (("x", A), ("y", B), ("z", A))]
    named = name_images([images], ["s0"])
    assert [(entry.object.key, entry.name) for images in named.kept for entry in images] == [
        ("x", "a.jpg"),
        ("y", "a_s0.jpg"),
    ]
    assert named.duplicates == 1


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("a.jpg", "a_s1.jpg"),
        ("a.b.jpg", "a.b_s1.jpg"),
        (".jpg", "_s1.jpg"),
        ("a", "a_s1"),
        ("b/a.jpg", "b/a_s1.jpg"),
        ("b.d/a", "b.d/a_s1"),
        ("b/.jpg", "b/_s1.jpg"),
        ("/a.jpg", "/a_s1.jpg"),
        ("é🙂\n.jpg", "é🙂\n_s1.jpg"),
    ],
)
def test_where_the_source_goes_in_a_name(name: str, renamed: str) -> None:
    """The source's name stands before the extension of the last component."""
    assert settle({name: A}, {name: B}).kept[1][0].name == renamed


def test_etags_that_are_no_md5_prove_nothing() -> None:
    """Two multipart objects of equal size and ETag are both kept."""
    etag = f"{etag_of(A)}-2"
    named = name_images([[image("a.jpg", A, etag=etag)], [image("a.jpg", A, etag=etag)]], ["s0", "s1"])
    assert [entry.name for images in named.kept for entry in images] == ["a.jpg", "a_s1.jpg"]


def test_equal_md5_of_another_size_is_another_image() -> None:
    """Size and ETag must both agree."""
    first = image("a.jpg", A)
    other = first._replace(object=first.object._replace(size=first.object.size + 1))
    assert name_images([[first], [other]], ["s0", "s1"]).images == 2


def test_first_drops_the_later_images() -> None:
    """With `first` a name is the first source's alone; what differs is dropped, what is equal is a duplicate."""
    named = settle({"a.jpg": A}, {"a.jpg": B, "b.jpg": B}, {"a.jpg": A}, collisions="first")
    assert kept(named) == [(0, "a.jpg", "a.jpg"), (1, "b.jpg", "b.jpg")]
    assert (named.duplicates, named.dropped) == (1, 1)


def test_error_stops_at_a_collision() -> None:
    """With `error` a collision ends the run and says which image, which source and what to do."""
    with pytest.raises(RunError, match=r"'1/a\.jpg' of source s1 collides .* --collisions rename keeps both"):
        settle({"a.jpg": A}, {"a.jpg": B}, collisions="error")


def test_error_lets_duplicates_pass() -> None:
    """Equal images do not collide."""
    assert settle({"a.jpg": A}, {"a.jpg": A}, collisions="error").duplicates == 1


def test_no_duplicates_at_all() -> None:
    """With `none` even equal images are all kept."""
    named = settle({"a.jpg": A}, {"a.jpg": A}, duplicates="none")
    assert [name for _, _, name in kept(named)] == ["a.jpg", "a_s1.jpg"]


def test_duplicates_by_content() -> None:
    """With `content` an equal image counts once under whatever name, in one source or across."""
    named = settle({"a.jpg": A, "b.jpg": A}, {"c.jpg": A, "d.jpg": B}, duplicates="content")
    assert kept(named) == [(0, "a.jpg", "a.jpg"), (1, "d.jpg", "d.jpg")]
    assert named.duplicates == 2


def test_a_dropped_image_makes_no_duplicates() -> None:
    """Content that was dropped for its name is kept when it comes again under a name that is free."""
    named = settle({"a.jpg": A}, {"a.jpg": B}, {"c.jpg": B}, duplicates="content", collisions="first")
    assert kept(named) == [(0, "a.jpg", "a.jpg"), (2, "c.jpg", "c.jpg")]
    assert (named.duplicates, named.dropped) == (0, 1)


def test_by_content_a_free_name_comes_before_a_new_one() -> None:
    """Of equal images of one source the one whose name is free is kept, so that none need be renamed."""
    named = settle({"a.jpg": A}, {"a.jpg": B, "c.jpg": B}, duplicates="content")
    assert kept(named) == [(0, "a.jpg", "a.jpg"), (1, "c.jpg", "c.jpg")]
    assert named.duplicates == 1
