"""How a key spells identity and name, and what counts as an image."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.ignored import not_an_image
from streammerge.dataset.image_extensions import IMAGE_EXTENSIONS
from streammerge.dataset.layout import FOLDER, parse_layout, propose_pattern
from streammerge.errors import UsageError


@pytest.mark.parametrize(
    ("below", "placed"),
    [
        ("id/a.jpg", ("id", "a.jpg")),
        ("id/deep/er/a.jpg", ("id", "deep/er/a.jpg")),
        ("id//a.jpg", ("id", "/a.jpg")),
        ("id/", ("id", "")),
        ("../a.jpg", ("..", "a.jpg")),
        ("a.jpg", "not in a folder"),
        ("", "not in a folder"),
        ("/a.jpg", "no identity"),
    ],
)
def test_folder(below: str, placed: tuple[str, str] | str) -> None:
    """The first component is the identity, the rest the name, nested or not."""
    assert FOLDER.place(below) == placed


@pytest.mark.parametrize(
    ("pattern", "below", "placed"),
    [
        ("{identity}_face.{ext}", "ab_face.png", ("ab", "ab_face.png")),
        ("{identity}_face.{ext}", "a_face_face.png", ("a_face", "a_face_face.png")),
        ("{identity}_face.{ext}", "ab_body.png", "pattern mismatch"),
        ("{identity}_face.{ext}", "_face.png", "pattern mismatch"),
        ("{identity}_face.{ext}", "x/ab_face.png", "pattern mismatch"),
        ("{identity}_face.{ext}", "ab_faceXpng", "pattern mismatch"),
        ("{identity}_{any}.{ext}", "a_b_c.jpg", ("a", "a_b_c.jpg")),
        ("{identity}_{any}.{ext}", "a_.jpg", ("a", "a_.jpg")),
        ("{any}/{identity}/{any}.{ext}", "cam1/ab/0.jpg", ("ab", "0.jpg")),
        ("{identity}/{identity}_{any}.{ext}", "ab/ab_1.jpg", ("ab", "ab_1.jpg")),
        ("{identity}/{identity}_{any}.{ext}", "ab/cd_1.jpg", "pattern mismatch"),
        ("{identity}_{name}.{ext}", "ab_1.jpg", ("ab", "1.jpg")),
        ("{identity}_{name}.jpg", "ab_1.jpg", ("ab", "1.jpg")),
        ("{identity}/{name}", "ab/1.jpg", ("ab", "1.jpg")),
        ("{identity}/{name}.{ext}", "ab/1.jpg.jpg", ("ab", "1.jpg.jpg")),
        ("{name}_{identity}.{ext}", "1_ab.jpg", ("ab", "1.jpg")),
        ("{ext}/{identity}/{name}", "jpg/ab/1.jpg", ("ab", "1.jpg")),
        ("{identity}/{name}_x", "ab/1_x", ("ab", "1")),
        ("(.*){identity}[+].{ext}", "(.*)ab[+].jpg", ("ab", "(.*)ab[+].jpg")),
        ("{identity}_{any}.{ext}", "a\nb_\n.jpg", ("a\nb", "a\nb_\n.jpg")),
    ],
)
def test_pattern(pattern: str, below: str, placed: tuple[str, str] | str) -> None:
    """Fields take the fewest characters that fit, never a slash; the name keeps the extension of the key."""
    assert parse_layout(pattern).place(below) == placed


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("{identity}_{nr}.{ext}", "unknown field {nr}"),
        ("{identity}_{}.{ext}", "unknown field {}"),
        ("{Identity}.{ext}", "unknown field {Identity}"),
        ("{identity}_{.jpg", "unbalanced brace"),
        ("{identity}}.jpg", "unbalanced brace"),
        ("{{identity}}.jpg", "unbalanced brace"),
        ("{name}.{ext}", "must be 'folder' or contain {identity}"),
        ("folders", "must be 'folder' or contain {identity}"),
        ("", "must be 'folder' or contain {identity}"),
    ],
)
def test_refuses_what_is_no_layout(pattern: str, problem: str) -> None:
    """A layout that cannot work is refused with what is wrong about it."""
    with pytest.raises(UsageError) as caught:
        parse_layout(pattern)
    assert problem in str(caught.value)
    assert repr(pattern) in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "tail"),
    [
        ("folder", "/"),
        ("{identity}_face.{ext}", "_face."),
        ("{identity}/{identity}_{any}.{ext}", "/"),
        ("{identity}/img_{any}.jpg", "/img_"),
        ("{identity}.jpg", ".jpg"),
        ("{identity}", None),
        ("img_{identity}_{any}.{ext}", None),
        ("{any}/{identity}/{name}", None),
        ("{identity}_\U0010ffff.{ext}", "_\U0010ffff."),
        ("{identity}_\U0010ffff{any}", "_"),
        ("{identity}\U0010ffff{any}", None),
    ],
)
def test_the_tail(layout: str, tail: str | None) -> None:
    """What follows the identity that keys begin with, without the highest character at its end, which has no next."""
    assert parse_layout(layout).tail == tail


@given(
    key=st.text(st.sampled_from("a_/.-f"), max_size=12),
    layout=st.sampled_from(
        ["folder", "{identity}_{any}.{ext}", "{identity}/{identity}_{any}.{ext}", "{identity}-f.{ext}"]
    ),
)
def test_every_key_begins_with_identity_and_tail(key: str, layout: str) -> None:
    """The promise that the merge join rests on, whichever identity a pattern matches."""
    parsed = parse_layout(layout)
    placed = parsed.place(f"{key}.a")
    if isinstance(placed, tuple):
        assert parsed.tail is not None
        assert f"{key}.a".startswith(placed[0] + parsed.tail)


def test_a_layout_is_written_as_it_was_read() -> None:
    """The report shows the user's own words."""
    assert str(parse_layout("{identity}_{any}.{ext}")) == "{identity}_{any}.{ext}"
    assert str(FOLDER) == "folder"


@pytest.mark.parametrize(
    ("key", "size", "reason"),
    [
        ("id/a.jpg", 1, None),
        ("id/a.JPG", 1, None),
        ("id/a.jPeG", 1, None),
        ("id/.jpg", 1, None),
        ("id/a.txt.webp", 1, None),
        ("id/a.jpg", 0, "empty file"),
        ("id/a.txt", 1, "not an image"),
        ("id/a.txt", 0, "not an image"),
        ("id/jpg", 1, "not an image"),
        ("id.d/jpg", 1, "not an image"),
        ("id/a.jpg.part", 1, "not an image"),
        ("id/a.gif", 1, "not an image"),
        ("id/a.", 1, "not an image"),
        ("train.rec", 1, "not an image"),
        ("id/", 0, "folder marker"),
        ("id.jpg/", 0, "folder marker"),
        ("id/", 1, "not an image"),
    ],
)
def test_what_is_an_image(key: str, size: int, reason: str | None) -> None:
    """An image has an image's extension and at least one byte; all else has a reason."""
    assert not_an_image(key, size) == reason


def test_extensions_are_those_of_torchvision() -> None:
    """What torchvision's ImageFolder loads, word for word."""
    torchvision = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
    assert {f".{extension}" for extension in IMAGE_EXTENSIONS} == set(torchvision)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["ab_face.png", "ac_face.png", "ad_face.jpg"], "{identity}_face.{ext}"),
        (["ab_face.png", "ac_face.png", "other.jpg"], "{identity}_face.{ext}"),
        (["ab_0.jpg", "ab_1.jpg", "ac_0.jpg"], "{identity}_0.{ext}"),
        (["ab_0.jpg", "ab_1.jpg", "ac_2.jpg"], "{identity}_{any}.{ext}"),
        (["ab-0.jpg", "ab-1.jpg", "ac-2.jpg"], "{identity}-{any}.{ext}"),
        (["ab.jpg", "ac.jpg", "ad.jpg"], "{identity}.{ext}"),
        (["0001.jpg"], "{identity}.{ext}"),
    ],
)
def test_proposes_a_pattern(names: list[str], pattern: str) -> None:
    """What most names have in common is proposed, and most of them fit it."""
    assert propose_pattern(names) == pattern
    place = parse_layout(pattern).place
    assert sum(isinstance(place(name), tuple) for name in names) * 2 > len(names)


@given(below=st.text(st.sampled_from("ab/_.\n🙂"), max_size=12))
def test_the_folder_layout_loses_no_character(below: str) -> None:
    """Identity and name put together again are the key."""
    placed = FOLDER.place(below)
    if isinstance(placed, str):
        assert "/" not in below or below.startswith("/")
    else:
        assert "/".join(placed) == below


def test_two_fields_side_by_side_are_refused() -> None:
    """Nothing would tell where one ends and the other begins."""
    for text in ("{identity}{name}", "a_{any}{identity}.{ext}"):
        with pytest.raises(UsageError, match="literal text between them"):
            parse_layout(text)
