"""The survey of several prefixes: equal to what a merge decides, and to counting the naive way."""

import asyncio
import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import ONE_TRY, MemoryStore, in_order
from samples import DAY, etag_of

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.job import make_job
from streammerge.dataset.layout import parse_layout
from streammerge.dataset.objects import Identity, Page, S3Object
from streammerge.dataset.source import Source
from streammerge.dataset.source_arguments import make_sources
from streammerge.inspection.label_noise import Noise, Witnesses
from streammerge.inspection.report import Keeps, Overlap
from streammerge.inspection.run import _judged
from streammerge.inspection.survey import THRESHOLDS, Survey
from streammerge.inspection.warnings import find_warnings
from streammerge.listing.layout_check import first_level, propose_layout
from streammerge.listing.listing import Listing
from streammerge.listing.scan import one_by_one, scan
from streammerge.planning.plan import KEPT, decide

BELOW = st.one_of(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["1.jpg", "2.jpg", "d/1.jpg", "1_q.jpg"])).map("/".join),
    st.sampled_from(["loose.png", "train.rec", "a/notes.txt", "x/", "b/0.PNG"]),
)
CONTENTS = st.dictionaries(BELOW, st.sampled_from(["", "1", "2", "3~"]), max_size=9)  # ~: uploaded in parts


class Seen(NamedTuple):
    """What a scan of some prefixes was heard of."""

    survey: Survey
    noise: Noise
    decided: dict[int, Counter[str]]


def listed(contents: dict[str, str]) -> list[S3Object]:
    """The objects of one prefix."""
    return in_order(
        S3Object(f"x/{below}", len(content), etag_of(content) + "-2" * content.endswith("~"), DAY)
        for below, content in contents.items()
    )


def survey_of(prefixes: list[dict[str, str]], sources: tuple[Source, ...] = (), *, ordered: bool = True) -> Seen:
    """Scan prefixes, survey them, and let the merge's own code decide at every threshold."""
    sources = sources or make_sources([f"{'pqr'[n]}=s3://bucket-{n}/x/" for n in range(len(prefixes))])
    store = MemoryStore({f"bucket-{n}": listed(contents) for n, contents in enumerate(prefixes)}, (3,))
    survey, noise = Survey(sources), Noise()
    decided = {n: Counter[str]() for n in THRESHOLDS}
    urls = [f"{source.name}={source.location}" for source in sources]
    jobs = {n: make_job(urls, "s3://out/", min_images=n) for n in THRESHOLDS}

    async def hear(identity: Identity) -> None:
        survey.add(identity)
        noise.note(identity)
        for n, job in jobs.items():
            decision = decide(identity._replace(members=[*identity.members, []]), job)
            if decision.verdict == KEPT:
                decided[n].update(identities=1, images=len(decision.copies))

    listings = [
        (source.location, Listing("x/", counters, source.layout, ordered=ordered))
        for source, counters in zip(sources, survey.listing_counters, strict=True)
    ]
    asyncio.run(scan(store, listings, ONE_TRY, one_by_one(hear)))
    return Seen(survey, noise, decided)


def images(contents: dict[str, str]) -> dict[str, dict[str, str]]:
    """By identity and name, the images of a prefix of folders."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for below, content in contents.items():
        identity, slash, name = below.partition("/")
        if slash and content and name.lower().endswith((".jpg", ".png")):
            found[identity][name] = content
    return found


@given(prefixes=st.lists(CONTENTS, min_size=1, max_size=3), ordered=st.booleans())
def test_what_a_merge_would_keep_is_what_it_decides(prefixes: list[dict[str, str]], *, ordered: bool) -> None:
    """At each threshold the numbers are those of the decisions, in whatever order the store lists."""
    seen = survey_of(prefixes, ordered=ordered)
    assert [(keep.identities, keep.images) for keep in seen.survey.keeps()] == [
        (seen.decided[n]["identities"], seen.decided[n]["images"]) for n in THRESHOLDS
    ]


@given(st.lists(CONTENTS, min_size=1, max_size=3))
def test_counts_of_a_prefix(prefixes: list[dict[str, str]]) -> None:
    """Identities, images, bytes, histogram, single images: as counted from the contents."""
    survey = survey_of(prefixes).survey
    for found, contents in zip(survey.prefixes(proposed=[False] * len(prefixes)), prefixes, strict=True):
        expected = images(contents)
        sizes = [len(held) for held in expected.values()]
        assert (found.identities, found.images, found.most) == (len(sizes), sum(sizes), max(sizes, default=0))
        assert found.bytes == sum(len(content) for held in expected.values() for content in held.values())
        assert found.images_per_identity == Counter(sizes)
        assert found.single_image_identities == sizes.count(1)
        assert found.objects == len(contents) == found.images + sum(found.ignored.values())
        assert found.zero_byte_images == sum(
            not text for below, text in contents.items() if below[-3:].lower() in ("jpg", "png")
        )
        assert found.loose + found.in_folders + found.nested == found.images + found.ignored.get("not in a folder", 0)
        assert found.recordio == ["x/train.rec"] * ("train.rec" in contents)


@given(CONTENTS, CONTENTS)
def test_overlap_of_two(one: dict[str, str], other: dict[str, str]) -> None:
    """Identities and images shared, by name, by content, by both."""
    together = survey_of([one, other]).survey.together()
    mine, theirs = images(one), images(other)
    shared = mine.keys() & theirs.keys()

    def common(of: Callable[[dict[str, str]], Collection[object]]) -> int:
        return sum(len(set(of(mine[name])) & set(of(theirs[name]))) for name in shared)

    def plain(held: dict[str, str]) -> set[tuple[str, str]]:
        return {(name, content) for name, content in held.items() if content != "3~"}

    assert together.overlaps == [
        Overlap(
            "p",
            "q",
            identities=len(shared),
            same_name=common(lambda held: held.keys()),
            same_content=common(lambda held: {content for _, content in plain(held)}),
            same_name_and_content=common(plain),
        )
    ]
    assert (together.identities, together.shared_identities) == (len(mine.keys() | theirs.keys()), len(shared))


@given(st.lists(CONTENTS, min_size=1, max_size=3))
def test_noise_is_every_content_under_several_identities(prefixes: list[dict[str, str]]) -> None:
    """Digests find the same contents as a dictionary of everything, and witnesses name them."""
    noise = survey_of(prefixes).noise
    under: dict[str, set[str]] = defaultdict(set)
    for contents in prefixes:
        for name, held in images(contents).items():
            for content in held.values():
                under[content].add(name)
    multipart = under.pop("3~", None)
    expected = sorted(len(names) for names in under.values() if len(names) > 1)
    found = list(noise.repeated())
    assert sorted(count for _, count in found) == expected
    assert (noise.incomparable > 0) == bool(multipart)


def test_witnesses_name_where_a_content_lies() -> None:
    """A second look at the identities gives the keys, one for each identity, across prefixes."""
    prefixes = [{"a/1.jpg": "1", "a/2.jpg": "1", "b/1.jpg": "2"}, {"c/1.jpg": "1"}]
    seen = survey_of(prefixes)
    witnesses = Witnesses([digest for digest, _ in seen.noise.repeated()])

    async def look(identity: Identity) -> None:
        witnesses.look(identity)

    sources = seen.survey.sources
    store = MemoryStore({f"bucket-{n}": listed(contents) for n, contents in enumerate(prefixes)})
    listings = [(source.location, Listing("x/", ListingCounters())) for source in sources]
    asyncio.run(scan(store, listings, ONE_TRY, one_by_one(look)))
    [places] = witnesses.examples()
    assert [(name, source, found.key) for name, source, found in places] == [
        ("a", 0, "x/a/1.jpg"),
        ("c", 1, "x/c/1.jpg"),
    ]


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        ({"a/1.jpg": "1"}, "folder"),
        ({"a/1.jpg": "1", "a/b/1.jpg": "1"}, "nested"),
        ({"1.jpg": "1"}, "flat"),
        ({"1.jpg": "1", "a/1.jpg": "1"}, "mixed"),
        ({"notes.txt": "1", "a/1.jpg": ""}, "no images"),
    ],
)
def test_layout_found(contents: dict[str, str], found: str) -> None:
    """In one word, from all images."""
    (prefix,) = survey_of([contents]).survey.prefixes(proposed=[False])
    assert prefix.layout_found == found


def test_only_together() -> None:
    """An identity with one image in each of two prefixes reaches two only together."""
    keeps = survey_of([{"a/1.jpg": "1", "b/1.jpg": "1"}, {"a/2.jpg": "2", "b/1.jpg": "1"}]).survey.keeps()
    assert keeps[:2] == [Keeps(1, 2, 3, 0), Keeps(2, 1, 2, 1)]


def test_stray_files_are_counted_by_extension() -> None:
    """Most frequent first; a prefix of countless extensions does not fill the memory."""
    many = {f"a/{n}.{n}x": "1" for n in range(60)} | {"a/b.TXT": "1", "c.txt": "1", "none": "1"}
    (prefix,) = survey_of([many]).survey.prefixes(proposed=[False])
    assert next(iter(prefix.other_files)) == "other"
    (prefix,) = survey_of([{"a/b.TXT": "1", "c.txt": "1", "none": "1"}]).survey.prefixes(proposed=[False])
    assert prefix.other_files == {".txt": 2, "": 1}


def test_a_proposed_layout_can_always_be_compiled() -> None:
    """Braces in the names do not make a pattern that means something else."""
    sample = [S3Object(f"x/{n}_{{name}}.jpg", 1, etag_of("1"), DAY) for n in range(3)]
    (source,) = make_sources(["p=s3://bucket-0/x/"])
    layout = propose_layout(source, first_level(source, Page(sample, [], None)))
    assert layout is not None
    assert layout.place("1_{name}.jpg") == ("1", "1_{name}.jpg")


def test_trouble_is_said() -> None:
    """Each of the faults that real sets had has its sentence."""
    faults = {"a/1.jpg": "1", "b/d/1.jpg": "2", "b/e/1.jpg": "3", "c/0.jpg": "", "train.rec": "1", "loose.jpg": "1"}
    seen = survey_of([faults, {"a/1.jpg": "4"}])
    said = find_warnings(
        seen.survey.prefixes(proposed=[False, False]), seen.survey.together(), seen.survey.keeps(), None
    )  # fmt: skip
    for fault in (
        "p has 1 image in no folder",
        "p has 2 images in nested folders; the first folder is the identity",
        "p has 1 empty image; merge will ignore it",
        "p has RecordIO files at its root (train.rec)",
        "q has only one image per identity",
        "1 identity reaches 2 images only when all prefixes are combined",
        "1 name collision: merge will rename the later image",
    ):
        assert any(sentence.startswith(fault) for sentence in said), (fault, said)


def test_counts_have_the_last_word_on_layouts() -> None:
    """A sample may take a source for flat, or for folders; what was counted decides, and decides once."""
    given = make_sources(["p=s3://bucket-0/x/"])
    pattern = parse_layout("{identity}_face.{ext}")
    loose = {f"x{number}_face.jpg": "1" for number in range(3)}
    folders = {f"{number}/{image}.jpg": "1" for number in range(5) for image in range(2)}
    as_pattern = (dataclasses.replace(given[0], layout=pattern),)
    for contents, taken_for, better in (
        (loose | folders, as_pattern, given),  # more folders than loose images
        (loose | {"0/0.jpg": "1"}, as_pattern, as_pattern),
        (loose | {"0/0.jpg": "1"}, given, as_pattern),
        (loose | folders, given, given),
    ):
        survey = survey_of([contents], tuple(taken_for)).survey
        assert [str(one.layout) for one in _judged(given, survey, set(), set())] == [str(one.layout) for one in better]
    crowded = loose | {f"0/{image}.jpg": "1" for image in range(9)}
    counted = set[str]()
    assert _judged(given, survey_of([crowded], as_pattern).survey, counted, set()) == list(given)
    assert _judged(given, survey_of([crowded], tuple(given)).survey, counted, set()) == list(as_pattern)
    assert _judged(given, survey_of([crowded], as_pattern).survey, counted, set()) == list(as_pattern)


def test_loose_images_whose_names_spell_one_identity_are_nobodys() -> None:
    """Beside folders, that is: the folders count, and are not judged again."""
    given = make_sources(["p=s3://bucket-0/x/"])
    as_pattern = (dataclasses.replace(given[0], layout=parse_layout("{identity}_{any}.{ext}")),)
    contents = {f"img_{number}.jpg": "1" for number in range(30)} | {"0/0.jpg": "1", "1/0.jpg": "1"}
    counted, nobody = set[str](), set[str]()
    assert _judged(given, survey_of([contents], as_pattern).survey, counted, nobody) == list(given)
    assert _judged(given, survey_of([contents], tuple(given)).survey, counted, nobody) == list(given)
    people = {f"p{number % 3}_{number}.jpg": "1" for number in range(90)} | {"0/0.jpg": "1"}
    assert _judged(given, survey_of([people], tuple(given)).survey, set(), set()) == list(as_pattern)
