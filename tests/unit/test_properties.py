"""What must hold for every merge, whatever the keys: nothing lost, nothing overwritten, no dependence on order.

They hold for listing and planning together, so they belong to no single package.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from memory_store import MemoryStore, identities, in_order
from samples import DAY, etag_of, image

from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.identity_map import Mapped, check_map
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.objects import Location, S3Object
from streammerge.errors import RunError, UsageError
from streammerge.planning.collisions import name_images
from streammerge.planning.counters import Counters
from streammerge.planning.mapping import HeldBack
from streammerge.planning.plan import CopyTask, Decision, decide
from streammerge.planning.report_of_counters import make_report

PATTERN = "{identity}_{any}/{name}"  # several folders an identity: one source may collide with itself
NAMES = ("s", "s_2", "2")  # chosen so that a renamed image meets the one that another source renames
IDENTITIES = (
    "a",
    "a-b",
    "a.b",
    "a0",
    "a!",
    "a b",
    "A",
    "0",
    "..",
    "é",
    "e\u0301",
    "🙂",
    "\uffff",
    "\U00010000",
    "\x01",
)
FILES = (
    "a.jpg",
    "a_s.jpg",
    "a_s_2.jpg",
    "a_s_2_2.jpg",
    "a_2.jpg",
    ".jpg",
    "a",
    "b/a.jpg",
    "b/a_s.jpg",
    "a.PNG",
    "/a.jpg",
)

Contents = Mapping[str, str]  # by key below a prefix; a content that ends in "~" was uploaded in parts, "" is empty

FOLDERS = st.one_of(
    st.tuples(st.sampled_from(IDENTITIES), st.sampled_from(FILES)).map("/".join),
    st.sampled_from(["loose.jpg", "train.rec", "/a.jpg", "a/", "a0", "🙂"]),
)
PATTERNED = st.tuples(st.sampled_from(IDENTITIES), st.sampled_from(["_", "_1", "_2", ""]), st.sampled_from(FILES)).map(
    lambda parts: f"{parts[0]}{parts[1]}/{parts[2]}"
)
CONTENT = st.sampled_from(["1", "2", "3", "1~", ""])
SOURCES = st.tuples(
    st.dictionaries(FOLDERS, CONTENT, max_size=12),
    st.dictionaries(PATTERNED, CONTENT, max_size=12),
    st.dictionaries(FOLDERS, CONTENT, max_size=12),
)
PAGE_SIZES = st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any)
RULES = st.fixed_dictionaries(
    {
        "min_images": st.integers(1, 3),
        "collisions": st.sampled_from(["rename", "first"]),
        "duplicates": st.sampled_from(["name", "content", "none"]),
    }
)


def a_job(sources: int = 3, **rules: Any) -> Job:
    """Sources 0, 1, … in buckets of their own, the second one with a pattern."""
    return make_job(
        [f"{name}=s3://source-{position}/x/" for position, name in enumerate(NAMES[:sources])],
        into="s3://out/x/",
        layouts={NAMES[1]: PATTERN} if sources > 1 else {},
        hidden=["include"],
        **rules,
    )


def objects(contents: Contents) -> list[S3Object]:
    """The objects that a bucket with these contents lists, in order."""
    return in_order(
        S3Object(f"x/{below}", len(content), etag_of(content) + "-2" * content.endswith("~"), DAY)
        for below, content in contents.items()
    )


class Outcome(NamedTuple):
    """All decisions of a job, and what is ignored in its sources."""

    decisions: list[Decision]
    listing_counters: list[ListingCounters]

    @property
    def kept(self) -> dict[str, tuple[int, str]]:
        """Source and key by target."""
        return {copy.target: (copy.source, copy.object.key) for copy in self.copies}

    @property
    def copies(self) -> list[CopyTask]:
        """The copies of all identities."""
        return [copy for decision in self.decisions for copy in decision.copies]


def run(job: Job, store: MemoryStore, *, ordered: bool = True, ranges: int = 1, rows: Sequence[Mapped] = ()) -> Outcome:
    """Scan, apply a map, and decide as `merge` does."""
    listing_counters = [ListingCounters() for _ in job.sources]
    locations = [*(source.location for source in job.sources), job.destination]
    layouts = [source.layout for source in job.sources]
    found = asyncio.run(
        identities(
            store,
            locations,
            ordered=ordered,
            ranges=ranges,
            layouts=layouts,
            listing_counters=listing_counters,
            namespaces=[source.namespace or "" for source in job.sources],
        )
    )
    held = HeldBack(rows, NAMES)
    found = [identity for identity in found if not held.takes(identity)]
    found += held.settled(Counter())
    return Outcome([decide(identity, job) for identity in found], listing_counters)


def store_of(sources: Sequence[Contents], out: Contents | None = None, sizes: Sequence[int] = (1000,)) -> MemoryStore:
    """A store that lists in order."""
    buckets = {f"source-{position}": objects(contents) for position, contents in enumerate(sources)}
    return MemoryStore({**buckets, "out": objects(out or {})}, sizes)


def by_identity(outcome: Outcome) -> dict[str, Decision]:
    """The decisions, each identity's once."""
    assert len({decision.identity.name for decision in outcome.decisions}) == len(outcome.decisions)
    return {decision.identity.name: decision for decision in outcome.decisions}


def counts(outcome: Outcome) -> list[tuple[int, Counter[str]]]:
    """What the sources were seen to hold."""
    return [(counters.objects, counters.reasons) for counters in outcome.listing_counters]


@given(sources=SOURCES, rules=RULES, sizes=PAGE_SIZES, ranges=st.integers(1, 5))
def test_pages_and_ranges_do_not_change_the_plan(
    sources: Sequence[Contents], rules: dict[str, Any], sizes: list[int], ranges: int
) -> None:
    """Wherever pages end and ranges are cut, the same is decided."""
    job = a_job(**rules)
    whole = run(job, store_of(sources, sources[0]))
    cut = run(job, store_of(sources, sources[0], sizes), ranges=ranges)
    assert by_identity(cut) == by_identity(whole)
    assert counts(cut) == counts(whole)


@given(sources=SOURCES, rules=RULES, sizes=PAGE_SIZES, seed=st.integers(0, 99))
def test_listing_order_does_not_change_the_plan(
    sources: Sequence[Contents], rules: dict[str, Any], sizes: list[int], seed: int
) -> None:
    """A store that lists in no order at all leads to the same decisions."""
    job = a_job(**rules)
    buckets = {f"source-{position}": objects(contents) for position, contents in enumerate(sources)}
    buckets["out"] = objects(sources[2])
    in_any_order = {bucket: Random(seed).sample(found, len(found)) for bucket, found in buckets.items()}
    one = run(job, MemoryStore(dict(buckets)))
    other = run(job, MemoryStore(dict(in_any_order), sizes), ordered=False)
    assert by_identity(other) == by_identity(one)
    assert counts(other) == counts(one)


@given(
    sources=SOURCES,
    rules=RULES,
    namespaces=st.tuples(*[st.sampled_from(["", "a", "a-", "s-", "é", "\U00010000"])] * 3),
    sizes=PAGE_SIZES,
    ranges=st.integers(1, 4),
    ordered=st.booleans(),
)
def test_a_namespace_is_a_source_renamed_beforehand(
    sources: Sequence[Contents],
    rules: dict[str, Any],
    namespaces: Sequence[str],
    sizes: list[int],
    ranges: int,
    *,
    ordered: bool,
) -> None:
    """Nothing is lost or split by it, in whatever order the sources are listed."""
    sources = [{key: body for key, body in contents.items() if key[:1] != "/"} for contents in sources]
    renamed = [
        {namespace + key: body for key, body in contents.items()}
        for namespace, contents in zip(namespaces, sources, strict=True)
    ]
    expected = run(a_job(**rules), store_of(renamed))
    job = a_job(**rules, namespaces=dict(zip(NAMES, namespaces, strict=True)))
    found = run(job, store_of(sources, sizes=sizes), ordered=ordered, ranges=ranges)
    assert {(copy.target, copy.source, copy.object.etag) for copy in found.copies} == {
        (copy.target, copy.source, copy.object.etag) for copy in expected.copies
    }
    assert by_identity(found).keys() == by_identity(expected).keys()


_MAPPED = ("a", "a-b", "é", "e\u0301", "A", "new", "")


@given(
    sources=SOURCES,
    rules=RULES,
    table=st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from(IDENTITIES)), st.sampled_from(_MAPPED)),
    sizes=PAGE_SIZES,
    ranges=st.integers(1, 4),
    ordered=st.booleans(),
)
def test_a_map_is_a_merge_of_sources_renamed_beforehand(
    sources: Sequence[Contents],
    rules: dict[str, Any],
    table: dict[tuple[int, str], str],
    sizes: list[int],
    ranges: int,
    *,
    ordered: bool,
) -> None:
    """Nothing is lost or split by it, in whatever order the sources are listed."""
    rows = [Mapped(NAMES[source], identity, to) for (source, identity), to in table.items()]
    try:
        check_map(rows, NAMES)
    except UsageError:
        return
    renamed = []
    for source, contents in enumerate(sources):
        after = dict[str, str]()
        last = dict[str, bytes]()
        for key in sorted(contents, key=str.encode):
            identity, _ = place(source, key)
            to = table.get((source, identity), identity)
            if identity and not to:
                continue
            new = to + key.removeprefix(identity)
            if new in after:  # two objects cannot have one key
                return
            # Of one source's images with one name, the first key wins: not one that renaming puts first.
            if new.encode() < last.get(to, b""):
                return
            after[new], last[to] = contents[key], new.encode()
        renamed.append(after)
    expected = run(a_job(**rules), store_of(renamed))
    found = run(a_job(**rules), store_of(sources, sizes=sizes), ordered=ordered, ranges=ranges, rows=rows)
    assert {(copy.target, copy.source, copy.object.etag) for copy in found.copies} == {
        (copy.target, copy.source, copy.object.etag) for copy in expected.copies
    }
    assert by_identity(found).keys() == by_identity(expected).keys()


class Naive(NamedTuple):
    """What a merge must result in."""

    kept: dict[str, tuple[int, str]]
    duplicates: int
    dropped: int
    below: int  # images kept of identities below the threshold
    ignored: int


def naive(sources: Sequence[Contents], min_images: int, collisions: str, duplicates: str) -> Naive:
    """The rules of the merge, worked out over everything at once, on a dict."""
    placed: dict[str, list[Placed]] = {}
    ignored = twins = dropped = below = 0
    for source, contents in enumerate(sources):
        for key in sorted(contents, key=str.encode):
            identity, name = place(source, key)
            if identity and contents[key] and key.lower().endswith((".jpg", ".png")):
                placed.setdefault(identity, []).append(Placed(source, key, name, contents[key]))
            else:
                ignored += 1
    kept: dict[str, tuple[int, str]] = {}
    for identity, images in placed.items():
        names, more_twins, more_dropped = settle(images, collisions, duplicates)
        twins, dropped = twins + more_twins, dropped + more_dropped
        if len(names) < min_images:
            below += len(names)
        else:
            kept |= {f"x/{identity}/{name}": (one.source, f"x/{one.key}") for name, one in names.items()}
    return Naive(kept, twins, dropped, below, ignored)


class Placed(NamedTuple):
    """An image as the naive way sees it."""

    source: int
    key: str
    name: str
    content: str


def place(source: int, key: str) -> tuple[str, str]:
    """Identity and name; no identity if the key does not fit the source's layout."""
    folder, slash, name = key.partition("/")
    if source != 1:
        return (folder if slash else ""), name
    identity, mark, _ = folder.partition("_")
    return (identity if slash and mark and "/" not in name else ""), name


def settle(images: list[Placed], collisions: str, duplicates: str) -> tuple[dict[str, Placed], int, int]:
    """The images kept by name, and how many were duplicates or dropped."""
    names: dict[str, Placed] = {}

    def is_twin(one: Placed) -> bool:
        return not one.content.endswith("~") and any(
            one.content == other.content and (duplicates == "content" or one.name in (other.name, given))
            for given, other in names.items()
            if duplicates != "none"
        )

    twins = dropped = 0
    for source in range(3):
        late = []
        for one in (one for one in images if one.source == source):
            if is_twin(one):
                twins += 1
            elif one.name in names:
                late.append(one)
            else:
                names[one.name] = one
        for one in late:
            if is_twin(one):
                twins += 1
            elif collisions == "rename":
                stem, _, extension = one.name.rpartition(".")
                endings = ("", *(f"_{number}" for number in range(2, 99)))
                candidates = (f"{stem}_{NAMES[source]}{ending}.{extension}" for ending in endings)
                names[next(name for name in candidates if name not in names)] = one
            else:
                dropped += 1
    return names, twins, dropped


@given(sources=SOURCES, rules=RULES)
def test_nothing_is_lost(sources: Sequence[Contents], rules: dict[str, Any]) -> None:
    """Every object listed is kept, a duplicate, dropped, below the threshold or ignored, as the naive way has it."""
    outcome = run(a_job(**rules), store_of(sources))
    expected = naive(sources, **rules)
    kept = outcome.kept
    named = [decision.named for decision in outcome.decisions]
    below = sum(decision.named.images for decision in outcome.decisions if decision.verdict != "kept")
    ignored = sum(counters.reasons.total() for counters in outcome.listing_counters)
    duplicates, dropped = sum(one.duplicates for one in named), sum(one.dropped for one in named)
    assert Naive(kept, duplicates, dropped, below, ignored) == expected
    assert len(kept) + below + duplicates + dropped + ignored == sum(map(len, sources))


@given(sources=SOURCES, rules=RULES, parts=st.lists(st.integers(0, 3), min_size=1), seed=st.integers(0, 99))
def test_counters_of_parts_add_up(
    sources: Sequence[Contents], rules: dict[str, Any], parts: list[int], seed: int
) -> None:
    """Decisions that are counted apart, in any order, come to the report of all of them, examples included."""
    job = a_job(**rules)
    decisions = run(job, store_of(sources, sources[2])).decisions
    whole, apart = Counters(job), [Counters(job) for _ in range(4)]
    for decision in decisions:
        whole.decided(decision)
    for number, decision in enumerate(Random(seed).sample(decisions, len(decisions))):
        apart[parts[number % len(parts)]].decided(decision)
    added = Counters(job)
    for part in Random(seed).sample(apart, 4):
        added += part
    assert make_report(added, "plan", requests={}, seconds=0.0) == make_report(whole, "plan", requests={}, seconds=0.0)


@given(sources=SOURCES, rules=RULES)
def test_targets_and_images_are_unique(sources: Sequence[Contents], rules: dict[str, Any]) -> None:
    """No two copies have one target, none is made twice, and all lie below the destination."""
    copies = run(a_job(**rules), store_of(sources)).copies
    assert len({copy.target for copy in copies}) == len(copies)
    assert len({(copy.source, copy.object.key) for copy in copies}) == len(copies)
    assert all(copy.target.startswith(f"x/{copy.identity}/") for copy in copies)


@given(sources=SOURCES, rules=RULES)
def test_a_second_run_finds_everything_there(sources: Sequence[Contents], rules: dict[str, Any]) -> None:
    """Once the plan's copies are made, the same job has nothing to copy, no conflict, nothing unplanned."""
    job = a_job(**rules)
    copies = run(job, store_of(sources)).copies
    out = {copy.target[2:]: sources[copy.source][copy.object.key[2:]] for copy in copies}
    again = run(job, store_of(sources, out))
    assert Counter(copy for decision in again.decisions for copy in decision.present) == Counter(copies)
    assert not any(decision.copies or decision.conflicts or decision.unplanned for decision in again.decisions)


@given(sources=SOURCES, rules=RULES, first=st.integers(1, 2))
def test_another_source_renames_nothing(sources: Sequence[Contents], rules: dict[str, Any], first: int) -> None:
    """What the first sources have placed stays where it is when another one is added at the end."""
    before = run(a_job(first, **rules), store_of(sources)).kept
    after = run(a_job(first + 1, **rules), store_of(sources)).kept
    assert before.items() <= after.items()


FILES_OF_ONE = st.dictionaries(st.sampled_from(FILES), CONTENT, max_size=8)


@given(
    members=st.lists(FILES_OF_ONE, min_size=1, max_size=5),
    names=st.permutations(["s", "s_2", "2", "s_2_2", "_"]),
    rules=st.fixed_dictionaries(
        {
            "duplicates": st.sampled_from(["name", "content", "none"]),
            "collisions": st.sampled_from(["rename", "first"]),
        }
    ),
)
@example(members=[{"a.jpg": "1"}] * 5, names=["s", "s_2", "2", "s_2_2", "_"], rules={"duplicates": "none"})
def test_names_of_one_identity(members: list[dict[str, str]], names: list[str], rules: dict[str, Any]) -> None:
    """Names are unique, sum up, keep the extension and the folder, and do not change with a source at the end."""
    images = [[image(name, member[name]) for name in sorted(member)] for member in members]
    named = name_images(images, names, **rules)
    kept = [image for of_source in named.kept for image in of_source]
    assert len({image.name for image in kept}) == len(kept) == named.images
    assert named.renamed == sum(image.name != image.object.key for image in kept)
    assert len(kept) + named.duplicates + named.dropped == sum(map(len, images))
    for (key, *_), name in kept:
        assert name.rpartition("/")[0] == key.rpartition("/")[0]
        assert ("." not in key) or name.rpartition(".")[2] == key.rpartition(".")[2]
    fewer = name_images(images[:-1], names, **rules)
    assert named.kept[: len(fewer.kept)] == fewer.kept


KEY = st.text(st.sampled_from("a-.0/ 1\x01é🙂\uffff\U00010000"), min_size=1, max_size=6)


@given(
    listings=st.lists(st.sets(KEY.map(lambda key: f"{key}.jpg"), max_size=15), min_size=2, max_size=3),
    sizes=PAGE_SIZES,
)
@example(listings=[{"a/1.jpg", "a-b/1.jpg", "a.b/1.jpg", "a0/1.jpg"}, {"a/2.jpg", "a/3.jpg"}], sizes=[1])
@example(listings=[{"\uffff/1.jpg", "\U00010000/1.jpg"}, {"\U00010000/2.jpg", "\uffff/2.jpg"}], sizes=[1])
def test_the_join_yields_each_identity_whole(listings: list[set[str]], sizes: list[int]) -> None:
    """Each identity comes once, complete, its images in byte order, after all that sort before it as `identity/`."""
    store = MemoryStore({f"bucket-{n}": objects(dict.fromkeys(keys, "1")) for n, keys in enumerate(listings)}, sizes)
    found = asyncio.run(identities(store, [Location(f"bucket-{n}", "x/") for n in range(len(listings))]))
    order = [f"{identity.name}/".encode() for identity in found]
    assert order == sorted(set(order))
    for position, keys in enumerate(listings):
        expected = sorted((key for key in keys if key.find("/") > 0), key=str.encode)
        by_name = {identity.name: [one.object.key[2:] for one in identity.members[position]] for identity in found}
        assert [
            key for name in sorted(by_name, key=lambda name: f"{name}/".encode()) for key in by_name[name]
        ] == expected
        assert all(key.partition("/")[0] == name for name, keys in by_name.items() for key in keys)


FAMILIES = st.dictionaries(
    st.sampled_from(["", "0", "1", "a_", "a_9", "b", "z-", "🙂"]), st.integers(1, 300), max_size=4
)


@given(
    sources=st.lists(FAMILIES, min_size=1, max_size=3),
    size=st.integers(40, 200),
    ranges=st.integers(2, 16),
    images=st.integers(1, 3),
)
@example(sources=[{"a_": 133, "b": 1}, {"a_": 300}], size=400, ranges=16, images=3)
def test_ranges_lose_nothing(sources: list[dict[str, int]], size: int, ranges: int, images: int) -> None:
    """However the names are spread, every range is read to its border and no further: each key comes once."""
    keys = [
        [
            f"x/{family}{number:03}/{one}.jpg"
            for family, many in families.items()
            for number in range(many)
            for one in range(images)
        ]
        for families in sources
    ]
    buckets = {f"bucket-{n}": in_order(S3Object(key, 1, "", DAY) for key in of_one) for n, of_one in enumerate(keys)}
    locations = [Location(bucket, "x/") for bucket in buckets]
    found = asyncio.run(identities(MemoryStore(dict(buckets), [size]), locations, ranges=ranges))
    assert len({identity.name for identity in found}) == len(found)
    for position, of_one in enumerate(keys):
        listed = [one.object.key for identity in found for one in identity.members[position]]
        assert sorted(listed) == sorted(of_one)


@given(
    keys=st.lists(KEY.map(lambda key: f"x/{key}.jpg"), min_size=2, max_size=12),
    sizes=PAGE_SIZES,
    ranges=st.integers(1, 3),
)
@example(keys=["x/\U00010000/a.jpg", "x/\uffff/a.jpg"], sizes=[1], ranges=1)
@example(keys=["x/a/a.jpg", "x/a-b/a.jpg"], sizes=[1], ranges=1)
@example(keys=["x/a/a.jpg", "x/a/a.jpg"], sizes=[1], ranges=1)
def test_a_listing_out_of_order_is_an_error(keys: list[str], sizes: list[int], ranges: int) -> None:
    """Where order was promised a key that does not come after the one before it stops the run; otherwise none does."""
    found = [S3Object(key, 1, etag_of(key), DAY) for key in keys]
    store = MemoryStore({"source": found, "out": []}, sizes)
    locations = [Location("source", "x/"), Location("out", "x/")]
    expected = {folder for folder, slash, _ in (key[2:].partition("/") for key in keys) if folder and slash}
    encoded = [key.encode() for key in keys]
    if encoded == sorted(set(encoded)):
        assert {one.name for one in asyncio.run(identities(store, locations, ranges=ranges))} == expected
    elif ranges == 1:  # cut at a border, such a store would answer as another one does
        with pytest.raises(RunError, match="--listing-order any"):
            asyncio.run(identities(store, locations))
    whole = asyncio.run(identities(store, locations, ordered=False))
    assert {one.name for one in whole} == expected
    assert [one.object.key for identity in whole for one in identity.members[0]] == sorted(
        {key for key in keys if key[2:].find("/") > 0}, key=str.encode
    )


def test_the_rules_of_the_naive_way_are_those_of_a_job() -> None:
    """The oracle is asked by the very names that a job has for its rules."""
    rules = {"min_images", "collisions", "duplicates"}
    assert rules <= {field.name for field in dataclasses.fields(Job)}
    assert naive([{"a/1.jpg": "1"}, {}, {}], 1, "rename", "name").kept == {"x/a/1.jpg": (0, "x/a/1.jpg")}
