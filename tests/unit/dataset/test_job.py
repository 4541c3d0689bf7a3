"""Jobs from text: names, layouts, rules, and everything that is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.job import Job, make_job
from streammerge.dataset.layout import FOLDER
from streammerge.dataset.objects import Location, parse_location
from streammerge.dataset.source import Source
from streammerge.dataset.source_arguments import default_names
from streammerge.errors import UsageError

INTO = "s3://out/merged"


def test_a_job_from_text() -> None:
    """Sources get a name, a location with its slash, and a layout; the rest has its defaults."""
    job = make_job(["s3://bb/one", "flat=s3://bb/two/x"], into=INTO, layouts={"flat": "{identity}.{ext}"})
    assert job.sources[0] == Source("one", Location("bb", "one/"), FOLDER, assumed=True)
    flat = job.sources[1]
    assert (flat.name, flat.location, str(flat.layout), flat.assumed) == (
        "flat",
        Location("bb", "two/x/"),
        "{identity}.{ext}",
        False,
    )
    assert str(flat) == "flat (s3://bb/two/x/)"
    assert job.destination == Location("out", "merged/")
    assert (job.min_images, job.max_images) == (2, None)
    assert (job.collisions, job.duplicates, job.if_exists) == ("rename", "name", "skip-same")


def test_rules_reach_the_job() -> None:
    """What is said about the rules is what the job has."""
    rules: dict[str, Any] = {
        "min_images": 1,
        "max_images": 1,
        "collisions": "first",
        "duplicates": "none",
        "if_exists": "overwrite",
    }
    job = make_job(["s3://bb/one"], into=INTO, **rules)
    assert {name: getattr(job, name) for name in rules} == rules


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["s3://bb/data/casia"], ["casia"]),
        (["s3://bb"], ["bb"]),
        (["s3://bb/a/imgs", "s3://bb/b/imgs"], ["a", "b"]),
        (["s3://bb/a/imgs", "s3://bb/b/imgs", "s3://bb/c/imgs"], ["a", "b", "c"]),
        (["s3://b.one/x", "s3://b.two/x"], ["b.one", "b.two"]),
        (["s3://bb", "s3://cc"], ["bb", "cc"]),
        (["s3://bb/x", "s3://cc"], ["bb", "cc"]),
        (["s3://bb/a", "s3://bb/a/deeper"], ["a", "deeper"]),
        (["s3://bb/a/x", "s3://bb/b/x", "s3://bb/b/y"], ["a", "b", "bb-b-y"]),
        (["s3://bb//x", "s3://bb/y"], ["bb-x", "y"]),
        ([], []),
    ],
)
def test_default_names(urls: list[str], names: list[str]) -> None:
    """A source is named by the path component in which it differs, or else by its whole path."""
    assert default_names([parse_location(url) for url in urls]) == names


PATHS = st.lists(st.sampled_from(["a", "b", "c", "imgs"]), min_size=1, max_size=3).map("/".join)


@given(paths=st.lists(PATHS, min_size=3, max_size=6))
def test_a_source_at_the_end_renames_none_before_it(paths: list[str]) -> None:
    """The names of two or more sources stay what they are when another one joins them."""
    locations = [Location("bb", f"{path}/") for path in paths]
    assert default_names(locations)[:-1] == default_names(locations[:-1])


@pytest.mark.parametrize(
    ("layouts", "expected"),
    [
        ({}, {"a": "folder", "b": "folder"}),
        ({"a": "{identity}.{ext}"}, {"a": "{identity}.{ext}", "b": "folder"}),
        (["{identity}.{ext}"], {"a": "{identity}.{ext}", "b": "{identity}.{ext}"}),
        (["{identity}.{ext}", "b=folder"], {"a": "{identity}.{ext}", "b": "folder"}),
        (["b=folder", "{identity}.{ext}"], {"a": "{identity}.{ext}", "b": "{identity}.{ext}"}),
        (["a={identity}={any}.{ext}"], {"a": "{identity}={any}.{ext}", "b": "folder"}),
    ],
)
def test_layouts_by_name(layouts: dict[str, str] | list[str], expected: dict[str, str]) -> None:
    """A layout is for the source that it names, or for all; the last word counts."""
    job = make_job(["s3://bb/a", "s3://bb/b"], into=INTO, layouts=layouts)
    assert {source.name: str(source.layout) for source in job.sources} == expected


def test_whether_a_layout_was_said() -> None:
    """Naming `folder` is not the same as saying nothing: who says it knows that loose images are ignored."""
    job = make_job(["s3://bb/a", "s3://bb/b"], into=INTO, layouts=["a=folder"])
    assert [source.assumed for source in job.sources] == [False, True]


def test_a_name_with_an_equals_sign() -> None:
    """Prefixes such as `run=1` give names that a layout can still be said for."""
    job = make_job(["s3://bb/run=1", "s3://bb/run=2"], into=INTO, layouts=["run=1={identity}.{ext}"])
    assert [source.name for source in job.sources] == ["run=1", "run=2"]
    assert [str(source.layout) for source in job.sources] == ["{identity}.{ext}", "folder"]


REFUSED: list[tuple[list[str], dict[str, Any], str]] = [
    ([], {}, "no source: name"),
    (["bb/one"], {}, "'bb/one' is not an S3 URL"),
    (["one=bb/one"], {}, "is not an S3 URL"),
    (["a=b=s3://bb/one"], {}, "'b=s3://bb/one' is not an S3 URL"),
    (["s3:///one"], {}, "has no valid bucket name"),
    (["s3://bb/one"], {"into": "merged"}, "'merged' is not an S3 URL"),
    (["s3://bb/one", "s3://bb/one/"], {}, "source s3://bb/one/ is given twice"),
    (["s3://bb/one", "s3://bb/one/more"], {}, "sources one (s3://bb/one/) and more (s3://bb/one/more/) overlap"),
    (["s3://bb/one/more", "s3://bb/one"], {}, "overlap: choose prefixes that do not nest"),
    (["s3://bb", "s3://bb/one"], {}, "sources bb (s3://bb/) and one (s3://bb/one/) overlap"),
    (["s3://cc/x", "s3://bb/one", "s3://bb"], {}, "overlap: choose prefixes that do not nest"),
    (["s3://out/merged"], {}, "source merged (s3://out/merged/) overlaps the destination s3://out/merged/"),
    (["s3://out/merged/old"], {}, "overlaps the destination"),
    (["s3://out"], {}, "source out (s3://out/) overlaps the destination s3://out/merged/"),
    (["s3://bb/one"], {"into": "s3://bb"}, "overlaps the destination s3://bb/"),
    (["x=s3://bb/one", "x=s3://bb/two"], {}, "2 sources are named 'x'"),
    (["x=s3://bb/one", "x=s3://bb/two", "x=s3://cc"], {}, "3 sources are named 'x'"),
    (["two=s3://bb/one", "s3://bb/two"], {}, "2 sources are named 'two'"),
    (["a/b=s3://bb/one"], {}, "'a/b' cannot name a source"),
    (["a\nb=s3://bb/one"], {}, "'a\\nb' cannot name a source"),
    (["s3://bb/a\x1b"], {}, "cannot name a source"),
    (["s3://bb/one"], {"min_images": 0}, "--min-images 0: it must be at least 1"),
    (["s3://bb/one"], {"min_images": -1}, "--min-images -1"),
    (["s3://bb/one"], {"min_images": 3, "max_images": 2}, "--max-images 2 is less than --min-images 3"),
    (["s3://bb/one"], {"max_images": 1}, "--max-images 1 is less than --min-images 2"),
    (["s3://bb/one"], {"layouts": {"two": "folder"}}, "--layout two=…: there is no such source; the sources are one"),
    (["s3://bb/one"], {"layouts": ["two=folder"]}, "--layout two=…: there is no such source"),
    (["s3://bb/one"], {"layouts": ["ones=folder"]}, "the sources are one. Did you mean one?"),
    (["s3://bb/one"], {"layouts": ["one={identity}_{nr}.jpg"]}, "unknown field {nr}"),
    (["s3://bb/one"], {"layouts": ["{identity"]}, "unbalanced brace"),
    (["s3://bb/one"], {"layouts": {"one": "flat"}}, "must be 'folder' or contain {identity}"),
]


@pytest.mark.parametrize(("sources", "rest", "problem"), REFUSED, ids=[f"{case[0]}-{case[1]}" for case in REFUSED])
def test_refuses_what_contradicts_itself(sources: list[str], rest: dict[str, Any], problem: str) -> None:
    """A job that cannot be meant is refused before anything is sent, with what is wrong about it."""
    with pytest.raises(UsageError) as caught:
        make_job(sources, **{"into": INTO, **rest})
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("sources", "into"),
    [
        (["s3://bb/train", "s3://bb/train2"], "s3://bb/train3"),
        (["s3://bb/a", "s3://bb/b/a"], "s3://bb/A"),
        (["s3://bb.x/a", "s3://bb/a"], "s3://bb.y/a"),
        (["one=s3://bb", "two=s3://cc"], "s3://dd"),
    ],
)
def test_neighbours_do_not_overlap(sources: list[str], into: str) -> None:
    """`train` and `train2` have nothing in common, and neither have two buckets."""
    job = make_job(sources, into=into)
    assert [str(source.location).rstrip("/") for source in job.sources] == [
        text.partition("=")[2] if "=" in text else text for text in sources
    ]


@given(names=st.lists(st.text(max_size=4), min_size=1, max_size=4))
def test_names_of_a_job_can_stand_in_keys(names: list[str]) -> None:
    """Whatever the names, a job has only such as are one printable component, each once."""
    sources = tuple(Source(name, Location("bb", f"{position}/")) for position, name in enumerate(names))
    try:
        job = Job(sources, Location("out", ""))
    except UsageError:
        assert len(set(names)) < len(names) or not all(
            name and name.isprintable() and "/" not in name for name in names
        )
    else:
        assert len({source.name for source in job.sources}) == len(names)
        assert all(source.name.isprintable() and source.name.strip("/") == source.name != "" for source in job.sources)


def test_fingerprints_stay() -> None:
    """A journal is found by it: neither another version nor a new setting may change the fingerprint of an old job."""
    plain = make_job(["s3://bb/one", "s3://bb/two"], into=INTO)
    rich = make_job(
        ["s3://bb/one", "flat=s3://bb/two"],
        into=INTO,
        layouts={"flat": "{identity}_face.{ext}"},
        include={"one": ["a/*", "b/*"]},
        exclude=["tmp/*"],
        extensions=["flat=png"],
        min_images=3,
        max_images=9,
        collisions="first",
        duplicates="content",
    )
    assert plain.fingerprint == "f4926ee8c407cefd965e52ae64549fea519290a2992abc9bb91dc2cc8f330c72"
    assert rich.fingerprint == "8960a87faad122365e78f269c108b0295a71d1065a223ae096e6db821028580e"


def test_what_a_fingerprint_is_of() -> None:
    """All that decides the plan; not what may change from run to run, nor how the same thing is said."""
    plain = make_job(["s3://bb/one"], into=INTO)
    same = [
        make_job(["one=s3://bb/one/"], into=INTO, layouts=["folder"]),
        make_job(["s3://bb/one"], into=INTO, min_images=2),
        make_job(["s3://bb/one"], into=INTO, if_exists="overwrite"),
    ]
    others = [
        make_job(["x=s3://bb/one"], into=INTO),
        make_job(["s3://bb/one"], into="s3://out/other"),
        make_job(["s3://bb/one"], into=INTO, min_images=1),
        make_job(["s3://bb/one"], into=INTO, layouts=["{identity}.{ext}"]),
        make_job(["s3://bb/one"], into=INTO, include=["a/*"]),
        make_job(["s3://bb/one"], into=INTO, exclude=["a/*"]),
    ]
    assert {job.fingerprint for job in same} == {plain.fingerprint}
    assert len({job.fingerprint for job in [plain, *others]}) == len(others) + 1
