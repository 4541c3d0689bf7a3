"""Whether a source looks as its layout says."""

from collections.abc import Sequence

from samples import listed, source

from streammerge.dataset.objects import Page, S3Object
from streammerge.listing.layout_check import (
    FirstLevel,
    first_level,
    looks_flat,
    looks_mixed,
    looks_nested,
    looks_unlike,
    propose_layout,
)

FLAT = [listed(f"one/{name}_face.png") for name in ("ab", "ac", "ad")]
PATTERN = "{identity}_face.{ext}"


def level(objects: Sequence[S3Object], folders: int, token: str | None = None) -> FirstLevel:
    """What one page of LIST with a delimiter says."""
    return first_level(source(), Page(list(objects), [f"one/{number}/" for number in range(folders)], token))


def test_a_flat_source_is_seen() -> None:
    """More loose images than folders: the user is told which, how many, and both ways out."""
    problem = looks_flat(source(), level(FLAT, 2))
    assert problem is not None
    assert problem.startswith(
        "source one (s3://data/one/) looks flat: it has 3 images directly under the prefix, beside 2 "
    )
    assert "(such as ab_face.png)" in problem
    assert "--layout 'one={identity}_face.{ext}'" in problem
    assert "--layout one=folder" in problem


def test_a_prefix_one_folder_too_deep_is_seen() -> None:
    """Where names spell no identity, the folder may be the one, and the prefix above it what was meant."""
    numbers = looks_flat(source(), level([listed(f"one/{number}.jpg") for number in range(3)], 0)) or ""
    assert "If all are images of 'one':  one=s3://data/\n" in numbers
    assert "--layout 'one={identity}.{ext}'" in numbers
    same = looks_flat(source(), level([listed(f"one/img_{number}.jpg") for number in range(3)], 0)) or ""
    assert same.endswith("\nIf all are images of 'one':  one=s3://data/")
    assert "{identity}" not in same
    assert "If all" not in (looks_flat(source(), level(FLAT, 0)) or "")


def test_a_few_loose_images_are_not_flat() -> None:
    """As many folders as loose images, or more, and the source is what it says."""
    assert looks_flat(source(), level(FLAT, 3)) is None
    assert looks_flat(source(), level([], 0)) is None


def test_what_is_no_image_is_not_loose() -> None:
    """RecordIO files, empty files and markers beside the folders say nothing."""
    others = [listed("one/train.rec"), listed("one/a.jpg", size=0), listed("one/", size=0), listed("one/readme.txt")]
    assert looks_flat(source(), level(others, 0)) is None
    assert looks_flat(source(), level([*others, FLAT[0]], 0)) is not None


def test_whoever_says_folder_means_it() -> None:
    """With the layout said in so many words, or another one, nobody is stopped."""
    assert looks_flat(source(layout="folder"), level(FLAT, 0)) is None
    assert looks_flat(source(layout=PATTERN), level(FLAT, 0)) is None


def test_the_proposal_cannot_forge_the_terminal() -> None:
    """A key with control characters is shown escaped."""
    problem = looks_flat(source(), level([listed("one/\x1b[2J.jpg")], 0))
    assert problem is not None
    assert "\x1b" not in problem.split("\n")[0]
    assert "\\x1b[2J.jpg" in problem


def test_a_source_unlike_its_pattern() -> None:
    """More misfits than fits among the images: the oddity says how many, and shows one."""
    sample = [*FLAT[:1], listed("one/ab/0.jpg"), listed("one/ac/0.jpg"), listed("one/readme.txt")]
    oddity = looks_unlike(source(layout=PATTERN), sample)
    assert oddity is not None
    assert f"does not look like {PATTERN}: 2 of its first 3 images will be ignored for not fitting it" in oddity
    assert "(such as ab/0.jpg)" in oddity
    assert "--layout 'one=folder'" in oddity


def test_a_flat_source_unlike_its_pattern() -> None:
    """Where the misfits are flat, the pattern that they follow is proposed."""
    oddity = looks_unlike(source(layout="{identity}-nothing.{ext}"), FLAT)
    assert oddity is not None
    assert "--layout 'one={identity}_face.{ext}'" in oddity


def test_a_mixed_source_is_called_out() -> None:
    """Loose images beside more folders are counted, with an example, before they are ignored."""
    oddity = looks_mixed(source(), level(FLAT, 5))
    assert oddity is not None
    assert "3 images directly under the prefix, beside 5 folders; the images are ignored" in oddity
    assert looks_mixed(source(), level([listed("one/readme.txt")], 5)) is None
    assert looks_mixed(source(layout="folder"), level(FLAT, 5)) is None


def test_a_prefix_one_level_too_high_is_called_out() -> None:
    """Where most images lie two folders deep, the first folder may be no identity at all."""
    deep = [listed("one/set0/ab/0.jpg"), listed("one/set0/ab/1.jpg"), listed("one/set0/ac/0.jpg")]
    oddity = looks_nested(source(), deep)
    assert oddity is not None
    assert "3 of its first 3 images lie in nested folders (such as set0/ab/0.jpg)" in oddity
    assert "If the identity is 'ab', name s3://data/one/set0/ and its siblings as separate sources" in oddity
    shallow = [listed(f"one/ab/{number}.jpg") for number in range(3)]
    assert looks_nested(source(), deep + shallow) is None
    assert looks_nested(source(layout="folder"), deep) is None


def test_a_source_like_its_pattern() -> None:
    """Half of the images fitting is enough, and no images are no oddity."""
    pattern = source(layout=PATTERN)
    assert looks_unlike(pattern, FLAT) is None
    assert looks_unlike(pattern, [FLAT[0], listed("one/ab/0.jpg")]) is None
    assert looks_unlike(pattern, []) is None


def test_what_loose_names_propose() -> None:
    """A layout, unless they spell a single identity beside folders: then folders are what counts."""
    same = [listed(f"one/img_{number}.jpg") for number in range(5)]
    assert str(propose_layout(source(), level(FLAT, 2))) == PATTERN
    assert propose_layout(source(), level(same, 2)) is None
    assert propose_layout(source(), level(same, 0)) is not None
    assert propose_layout(source(), level([], 2)) is None
