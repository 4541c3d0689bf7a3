"""Which path an image gets on disk, when it gets none, and when a file is taken for it."""

import posixpath
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.layout import FOLDER
from streammerge.dataset.objects import Identity, Image, S3Object
from streammerge.manifest.wanted import Found, Wanted, lot
from streammerge.pulling.paths import TEMPORARY, FileSystem, Paths, Refused, Verdict, judge

_MD5 = "0123456789abcdef" * 2
_ODD = st.text(st.sampled_from("aAbé/.\\\0 \nß"), max_size=6) | st.sampled_from(["..", ".", "a.jpg", TEMPORARY])
_KEYS = st.lists(st.lists(_ODD, min_size=2, max_size=4).map("/".join), max_size=12, unique=True)


def identity(name: str, *names: str) -> Identity:
    """An identity with images of these names."""
    return Identity(name, [[Image(S3Object(f"set/{name}/{each}", 1, _MD5, "2026-01-01"), each) for each in names]])


def placed(paths: Paths, *identities: Identity) -> tuple[list[str], list[Refused]]:
    """The paths that are given, and what is refused."""
    both = [each for found in identities for each in paths.place(found)]
    return [each.path for each in both if isinstance(each, Wanted)], [
        each for each in both if isinstance(each, Refused)
    ]


@pytest.mark.parametrize(
    ("name", "image", "reason"),
    [
        ("..", "x.jpg", "'..'"),
        (".", "x.jpg", "'..'"),
        ("a", "../../x.jpg", "'..'"),
        ("a", "b/./x.jpg", "'.'"),
        ("a", "/etc/x.jpg", "empty name"),
        ("a", "b//x.jpg", "empty name"),
        ("a", "x\0.jpg", "NUL"),
        ("a", "é" * 126 + ".jpg", "255 bytes"),
        ("i" * 256, "x.jpg", "255 bytes"),
        (TEMPORARY + "1", "x.jpg", "unfinished"),
    ],
)
def test_refuses_names_that_must_not_become_files(name: str, image: str, reason: str) -> None:
    """Each with its key and its reason; the others of the identity go on."""
    paths, [refused] = placed(Paths(FileSystem()), identity(name, image), identity("z", "ok.jpg"))
    assert paths == ["z/ok.jpg"]
    assert refused.key == f"set/{name}/{image}"
    assert reason in refused.reason


def test_a_backslash_is_refused_where_it_separates() -> None:
    """And is a character like any other elsewhere."""
    odd = identity("a", "..\\x.jpg")
    assert placed(Paths(FileSystem()), odd)[0] == ["a/..\\x.jpg"]
    assert placed(Paths(FileSystem(backslash_separates=True)), odd)[0] == []


def test_a_name_that_is_a_file_and_a_folder() -> None:
    """The file comes first; what would lie in the folder of that name is refused."""
    paths, [refused] = placed(Paths(FileSystem()), identity("a", "x.jpg/1.jpg", "x.jpg", "y.jpg"))
    assert paths == ["a/x.jpg", "a/y.jpg"]
    assert refused == Refused("set/a/x.jpg/1.jpg", "'a/x.jpg' would have to be both a file and a folder")


def test_names_that_differ_in_case_alone() -> None:
    """Both are kept where the file system tells them apart; else the first in byte order is."""
    both = identity("Bo", "1.jpg"), identity("a", "B.jpg", "b.jpg", "é.jpg", "e\u0301.jpg"), identity("bo", "2.jpg")
    paths, refused = placed(Paths(FileSystem()), *both)
    assert (len(paths), refused) == (6, [])
    paths, refused = placed(Paths(FileSystem(tells_case=False)), *both)
    assert paths == ["Bo/1.jpg", "a/B.jpg", "a/e\u0301.jpg"]
    assert [each.key for each in refused] == ["set/a/b.jpg", "set/a/é.jpg", "set/bo/2.jpg"]


@given(_KEYS, st.booleans(), st.booleans())
def test_no_key_leads_out_and_no_path_is_given_twice(keys: list[str], tells_case: bool, backslash: bool) -> None:  # noqa: FBT001
    """Whatever the keys, each gets a path that is below the directory and its own, or is refused."""
    by_identity: dict[str, list[str]] = {}
    for key in keys:
        place = FOLDER.place(key)
        if not isinstance(place, str):
            by_identity.setdefault(place[0], []).append(place[1])
    paths = Paths(FileSystem(tells_case=tells_case, backslash_separates=backslash))
    names = sorted(by_identity, key=lambda name: name + "/")
    given_paths, refused = placed(paths, *(identity(name, *by_identity[name]) for name in names))
    assert len(given_paths) + len(refused) == sum(map(len, by_identity.values()))
    for path in given_paths:
        resolved = posixpath.normpath(posixpath.join("/dir", path.replace("\\", "/") if backslash else path))
        assert resolved == f"/dir/{path}"
        assert "\0" not in path
    wrapped = given_paths if tells_case else [path.casefold() for path in given_paths]
    assert len(set(wrapped)) == len(wrapped)
    folders = {folder for path in wrapped for folder in _above(path)}
    assert not folders & set(wrapped)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


_THEN = round(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("size", "etag", "modified", "check", "verdict"),
    [
        (3, _MD5, "2026-01-02T00:00:00.000Z", "size", "present"),
        (3, _MD5, "2026-01-02T00:00:00.000Z", "md5", "compare"),
        (4, _MD5, "2026-01-02T00:00:00.000Z", "md5", "fetch"),
        (3, _MD5, "2026-01-01T00:00:00.000Z", "size", "compare"),
        (3, _MD5, "2026-01-02T00:00:00.001Z", "size", "compare"),
        (3, _MD5 + "-2", "2026-01-02T00:00:00+00:00", "md5", "present"),
        (3, _MD5 + "-2", "2026-01-01T00:00:00.000Z", "md5", "present"),
        (3, _MD5 + "-2", "2026-01-03T00:00:00.000Z", "size", "fetch"),
        (3, _MD5, "once", "size", "compare"),
        (3, _MD5 + "-2", "once", "size", "fetch"),
    ],
)
def test_judges_what_is_in_the_place(size: int, etag: str, modified: str, check: str, verdict: Verdict) -> None:
    """By size, by the object's time, by MD5 where that is asked for or needed, and by age where there is none."""
    wanted = Wanted(S3Object("set/a/x.jpg", size, etag, modified), "a", "x.jpg")
    assert judge(wanted, Found("a", "x.jpg", 3, _THEN), "md5" if check == "md5" else "size") == verdict


def test_what_is_not_there_is_fetched() -> None:
    """Neither a missing file nor something that is no file counts."""
    wanted = Wanted(S3Object("set/a/x.jpg", 3, _MD5, "2026-01-01T00:00:00Z"), "a", "x.jpg")
    assert judge(wanted, None, "size") == "fetch"
    assert judge(wanted, Found("a", "x.jpg", -1, _THEN), "size") == "fetch"


def test_a_sample_is_spread_over_the_names() -> None:
    """The lots of names in order are in no order, and always the same."""
    names = [f"id{number:05}" for number in range(1000)]
    drawn = sorted(sorted(names, key=lot)[:100])
    per_tenth = [sum(1 for name in drawn if name.startswith(f"id00{tenth}")) for tenth in range(10)]
    assert min(per_tenth) >= 3
    assert drawn[:2] != names[:2]
