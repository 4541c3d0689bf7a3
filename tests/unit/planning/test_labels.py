"""When equal labels of two sources are probably not the same person."""

import pytest
from samples import image

from streammerge.dataset.objects import Identity
from streammerge.dataset.source_arguments import make_sources
from streammerge.planning.labels import SharedLabels

_URLS = ["one=s3://data/one/", "two=s3://data/two/", "three=s3://data/three/"]


def _identity(name: str, *contents: str) -> Identity:
    return Identity(name, [[image("1.jpg", content)] if content else [] for content in contents])


def _warnings(names: list[str], *contents: str, namespaces: dict[str, str] | None = None) -> list[str]:
    labels = SharedLabels(make_sources(_URLS[: len(contents)], namespaces=namespaces or {}))
    for name in names:
        labels.add(_identity(name, *contents))
    return labels.warnings()


@pytest.mark.parametrize(
    ("names", "warned"),
    [
        ([f"{number:07}" for number in range(10)], True),
        ([f"{number:08x}a1" for number in range(10)], True),
        ([f"{number:07}" for number in range(9)], False),
        ([f"{number:032x}" for number in range(0x9000, 0x9040)], True),
        ([f"{'c0ffee12' * 4}"[:-2] + f"{number:02x}" for number in range(40)], False),
        ([f"person {number}" for number in range(40)], False),
        (["facade", "decade", "defaced", "effaced", "acceded"] * 4, False),
    ],
)
def test_many_shared_numbers_are_warned_of(names: list[str], *, warned: bool) -> None:
    """Numbers of any length and short hexadecimal ones are; names, words and digests are not."""
    assert bool(_warnings(names, "1", "2")) == warned


def test_the_warning_names_the_pair_and_the_way_out() -> None:
    """Only the pair that is in doubt."""
    [warning] = _warnings([str(number) for number in range(12)], "1", "2", "")
    assert "sources one and two share at least 12 identities" in warning
    assert "--namespace two=two-," in warning


def test_one_image_in_common_settles_it() -> None:
    """Two sources that know the same people share an image somewhere."""
    labels = SharedLabels(make_sources(_URLS[:2]))
    for number in range(40):
        labels.add(_identity(str(number), str(number), "5"))
    assert labels.warnings() == []


def test_a_namespace_confirms() -> None:
    """Whoever has chosen one, be it none, knows."""
    names = [str(number) for number in range(12)]
    assert _warnings(names, "1", "2", namespaces={"two": ""}) == []


def test_one_namespace_for_both_keeps_nobody_apart() -> None:
    """The numbers are as many, and as much in doubt, behind it."""
    names = [f"m-{number}" for number in range(12)]
    [warning] = _warnings(names, "1", "2", namespaces={"one": "m-", "two": "m-"})
    assert "share at least 12 identities" in warning
    assert _warnings(names, "1", "2", namespaces={"one": "m-", "two": "n-"}) == []


def test_what_cannot_be_compared_is_no_evidence() -> None:
    """Images that were uploaded in parts have no MD5 to compare."""
    labels = SharedLabels(make_sources(_URLS[:2]))
    parted = image("1.jpg", etag="0" * 32 + "-2")
    for number in range(40):
        labels.add(Identity(str(number), [[parted], [image("1.jpg")]]))
    assert labels.warnings() == []
