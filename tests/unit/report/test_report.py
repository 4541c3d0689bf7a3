"""What a run says at its end: the counts, the text, the JSON."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import ESTIMATE, a_report
from samples import a_decision, a_job, copy, identity

from streammerge.dataset.counters import EXAMPLES
from streammerge.listing.listing import Listing
from streammerge.planning.counters import Counters
from streammerge.planning.failures import Failure
from streammerge.planning.outcomes import Failed
from streammerge.planning.plan import decide
from streammerge.planning.report import Report, SourceReport
from streammerge.planning.report_of_counters import make_report
from streammerge.planning.stopped_run import so_far
from streammerge.planning.throughput import Sample
from streammerge.planning.unplanned import NO_FOLDER, DestinationCounters
from streammerge.pulling.report import PullReport
from streammerge.pulling.report_lines import so_far as pulled_so_far
from streammerge.report.units import counted, human_bytes, human_time, human_usd


def test_the_headline() -> None:
    """The block that people look for first, word for word."""
    assert str(a_report()).startswith(
        """\
============================================================
MERGE COMPLETE
============================================================
Total identities: 325,891
Total images: 1,247,332
Identities from single source: 298,445
Identities from multiple sources: 27,446
Skipped (too few images): 124,782
Avg images per identity: 3.8

"""
    )


@pytest.mark.parametrize(
    ("changes", "title", "complete"),
    [
        ({}, "MERGE COMPLETE", True),
        ({"failed": 1}, "MERGE INCOMPLETE", False),
        ({"conflicts": 1}, "MERGE INCOMPLETE", False),
        ({"not_attempted": 1}, "MERGE INCOMPLETE", False),
        ({"unplanned": 1, "recordio": ["out/train.rec"], "skipped_too_many": 1, "dropped": 1}, "MERGE COMPLETE", True),
        ({"stopped": "interrupted"}, "MERGE INTERRUPTED", False),
        ({"stopped": "the disk is full"}, "MERGE INCOMPLETE", False),
        ({"command": "plan", "estimate": ESTIMATE, "not_attempted": 7}, "MERGE PLAN", True),
        ({"command": "plan", "estimate": ESTIMATE, "conflicts": 1}, "MERGE PLAN HAS CONFLICTS", False),
    ],
)
def test_what_is_complete(changes: dict[str, Any], title: str, *, complete: bool) -> None:
    """Only a merge that brought every image of its plan is complete; title, JSON and property agree."""
    report = a_report(**changes)
    assert report.complete is complete
    assert report.to_json()["complete"] is complete
    text = str(report)
    assert text.split("\n")[1] == title
    to_try = bool(report.failed or report.not_attempted or report.stopped) and not report.is_plan
    assert ("Run the same command again" in text) is to_try


def test_the_text_of_a_merge() -> None:
    """Sources, copies, duration and requests; what did not happen is not mentioned."""
    lines = str(a_report()).split("\n")
    assert lines[10:] == [
        "Copies",
        "  Copied:        1,247,332 (100%, 12.5 GB)",
        "  Already there: 0",
        "  Failed:        0",
        "  Unplanned:     0",
        "  Duration:      6 min 10 s (3,371 copies/s)",
        "  Requests:      1,247,340 copy, 1,500 list ($6.24 at Amazon's prices of",
        "                 2026-01)",
        "",
        "Sources",
        "  Destination: s3://data/out/",
        "",
        "  Source  URL             Layout              Objects     Images",
        "  one     s3://data/one/  folder            1,000,000  1,000,000",
        "  second  s3://data/two/  {identity}.{ext}    400,000    399,998",
    ]
    waited = str(a_report(throughput=[Sample(0, 0), Sample(100.0, 1_247_332)]))
    assert "6 min 10 s (12,473 copies/s)" in waited, "the question of --prune is not copying"


def test_the_text_of_a_plan() -> None:
    """A plan says what is to copy, what it costs and how long it takes."""
    text = str(a_report(command="plan", estimate=ESTIMATE, copied=0, not_attempted=1_247_330, already_present=2))
    assert "To copy:        1,247,330 (99.9%, 12.5 GB)" in text
    assert "Already there:  2 (<0.1%)\n" in text
    assert "Estimated cost: $6.24 (copies only, prices of 2026-01; see --price)" in text
    assert "Estimated time: 5 min 56 s (at most 3,500 copies/s)" in text
    assert "Copied" not in text


def test_rules_and_warnings_are_in_the_text() -> None:
    """What decided the numbers stands beside them, and so does what looked odd, for who reads the report alone."""
    text = str(a_report(rules={"min_images": 2, "max_images": None}, warnings=["source one looks odd"]))
    assert "Rules:       min-images 2\n" in text
    assert "Warning: source one looks odd" in text


def test_the_text_of_a_failed_merge() -> None:
    """Everything out of the ordinary has its line, with some examples and how many there are beside."""
    source = SourceReport("one", "s3://data/one/", "folder", 9, 6, {"empty file": 3}, {"empty file": ["one/a\n.jpg"]})
    text = str(
        a_report(
            skipped_too_many=1234,
            duplicates=2,
            dropped=3,
            renamed=4,
            changed=1,
            failed=7,
            conflicts=6,
            not_attempted=5,
            ignored={"empty file": 3},
            unplanned=8,
            sources=[source],
            failures=[Failure(f"one/id/{number}.jpg", "out", "AccessDenied", "denied") for number in range(7)],
            failures_by_code={"AccessDenied": 7},
            conflict_examples=[f"out/id/{number}.jpg" for number in range(6)],
            unplanned_examples=["out/train.rec", "out/\x1b[2J", "3", "4", "5", "6"],
            recordio=["out/train.rec"],
        )
    )
    for line in (
        "Skipped (too many images): 1,234",
        "  Not attempted: 5",
        "  Re-evaluated:  1 (identities with an object that changed after listing)",
        "  Unplanned:     8 (left alone; merge --prune removes them)",
        "  Duplicate images:           2 (counted once)",
        "  Dropped in name collisions: 3",
        "  Renamed in name collisions: 4 (to <name>_<source>.<ext>)",
        "  one     empty file             3  one/a\\n.jpg",
        "Failures",
        "  one/id/4.jpg  denied",
        "  … and 2 more",
        "    out/id/4.jpg",
        "  … and 1 more",
        "    out/\\x1b[2J",
        "  … and 3 more",
        "Error: 6 planned keys already taken by a different object; left alone",
        "Error: 12 images not copied",
        "- To resolve conflicts, pass --if-exists overwrite, or move the objects in the",
    ):
        assert line in text.split("\n"), line
    assert "one/id/5.jpg" not in text
    assert "Warning: train.rec at the destination: a trainer would read RecordIO files" in text
    assert "For AccessDenied, grant s3:GetObject" in text
    assert "\x1b" not in text


def test_a_pull_as_text() -> None:
    """How many files are unplanned, and how far a run came that was stopped."""
    report = PullReport(url="s3://data/out/", directory="out", unplanned=1)
    assert "  Unplanned:     1 (files that are not at the prefix; left alone)" in str(report).split("\n")
    assert pulled_so_far(report).startswith("Nothing was pulled yet: ")
    report = replace(report, wanted=4_838, images=3_132, pulled=3_000, bytes_pulled=5, already_present=132)
    assert pulled_so_far(report) == ("3,132 of 4,838 images are there: 3,000 pulled (5 B), 132 already there; 0 failed")


def test_a_run_that_was_stopped() -> None:
    """How far it came in a sentence, and in the text why it did not come further."""
    stopped = a_report(
        identities=3, skipped=1, images=1_234, copied=1_000, already_present=200, failed=1, not_attempted=33,
        bytes_copied=5_000, stopped="the journal cannot be written", all_decided=False,
    )  # fmt: skip
    images = "1,234 images (1 more skipped): 1,000 copied (5.0 kB), 200 already there, 1 failed, 33 to copy"
    assert so_far(stopped) == f"Planned so far: 3 identities with {images}; objects not listed yet are not counted"
    assert so_far(replace(stopped, all_decided=True)) == f"Planned: 3 identities with {images}"
    assert ", 7 in conflict, " in so_far(replace(stopped, conflicts=7))
    failures = [Failure(f"one/{number}.jpg", "", "500", "no answer") for number in range(4)]
    assert "\n" not in so_far(replace(stopped, failed=5, failures=failures)), "the error says what was wrong"
    assert so_far(replace(stopped, failed=5, failures=failures, stopped="interrupted")).split("\n")[1:] == [
        *(f"  one/{number}.jpg: no answer" for number in range(3)),
        "  … and 2 more failed",
    ]
    assert "Error: stopped before the end: the journal cannot be written. Planned so far: 3" in str(stopped)


def test_nothing_at_all() -> None:
    """A run that found nothing and took no time divides by nothing."""
    empty = make_report(Counters(a_job()), "merge", requests={}, seconds=0.0)
    text = str(empty)
    assert "Avg images per identity: 0.0" in text
    assert "Duration:      0 ms\n" in text
    assert "Requests:      none\n" in text


FIELDS = [
    "command",
    "destination",
    "identities",
    "images",
    "single_source",
    "multi_source",
    "skipped",
    "skipped_too_few",
    "skipped_too_many",
    "duplicates",
    "dropped",
    "renamed",
    "copied",
    "already_present",
    "failed",
    "conflicts",
    "not_attempted",
    "changed",
    "ignored",
    "unplanned",
    "bytes",
    "bytes_copied",
    "bytes_to_copy",
    "requests",
    "seconds",
    "sources",
    "failures",
    "conflict_examples",
    "unplanned_examples",
    "recordio",
    "failures_by_code",
    "images_per_identity",
    "throughput",
    "estimate",
    "unplanned_reasons",
    "rules",
    "warnings",
    "too_long",
    "foreign",
    "removed",
    "removed_reasons",
    "removed_examples",
    "not_removed",
    "not_pruned",
    "stopped",
    "all_decided",
    "overlaps",
    "folder_markers",
    "archived",
    "archived_to_copy",
    "capped",
    "bytes_relayed",
    "identity_map",
    "thumbnails",
    "examples",
    "largest",
    "twins",
    "quartiles",
    "requests_usd",
    "complete",
    "mean_images_per_identity",
    "copies_per_second",
]


def test_the_names_in_json() -> None:
    """Scripts rely on these names: a change here is a change for every one of them."""
    found = a_report(failures=[Failure("k", "t", "c", "r")], estimate=ESTIMATE).to_json()
    assert list(found) == FIELDS
    held = ["name", "url", "layout", "objects", "images", "ignored", "examples"]
    assert list(found["sources"][0]) == [
        *held,
        "transfer",
        "to_relay",
        "bytes_to_relay",
        "kept_identities",
        "kept_images",
        "gained_identities",
    ]
    assert found["failures"] == [{"key": "k", "target": "t", "code": "c", "reason": "r"}]
    assert list(found["estimate"]) == ["usd", "seconds", "copies_per_second", "prices_as_of"]


def test_json_is_json() -> None:
    """The object survives being written and read; without an estimate the field is null."""
    found = a_report().to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["estimate"] is None


def counters_of(job_rules: dict[str, Any], *members: dict[str, dict[str, str]]) -> Counters:
    """The counters after decisions about identities, given as contents by name in each source, last at `out`."""
    job = a_job(len(members) - 1, **job_rules)
    counters = Counters(job)
    for name in sorted({name for member in members for name in member}):
        decision = decide(identity(name, *(member.get(name, {}) for member in members)), job)
        counters.decided(decision)
    return counters


def report_of(counters: Counters) -> Report:
    """Its report, the sources holding nothing else."""
    return make_report(counters, "merge", requests={"copy": 1}, seconds=1.23456)


def test_counters_count_decisions() -> None:
    """Every count of a small merge, worked out by hand."""
    one = {
        "both": {"a.jpg": "1", "b.jpg": "22"},
        "few": {"a.jpg": "1"},
        "many": {f"{number}.jpg": str(number) for number in range(5)},
        "single": {"a.jpg": "1", "b.jpg": "2", "c.jpg": "333"},
    }
    two = {"both": {"a.jpg": "1", "b.jpg": "other"}}
    out = {
        "both": {"a.jpg": "1", "b.jpg": "changed"},
        "gone": {"a.jpg": "1"},
        "few": {"a.jpg": "1"},
        "single": {"z.jpg": "1"},
    }
    report = report_of(counters_of({"max_images": 4}, one, two, out))
    assert (report.identities, report.single_source, report.multi_source) == (2, 1, 1)
    assert (report.skipped, report.skipped_too_few, report.skipped_too_many) == (2, 1, 1)
    assert (report.images, report.duplicates, report.dropped, report.renamed) == (6, 1, 0, 1)
    assert (report.already_present, report.conflicts, report.not_attempted) == (1, 1, 4)
    assert report.bytes == 1 + 2 + 5 + 1 + 1 + 3
    assert report.conflict_examples == ["out/both/b.jpg"]
    assert report.unplanned_examples == ["out/few/a.jpg", "out/gone/a.jpg", "out/single/z.jpg"]
    assert report.unplanned_reasons == {"no source": 1, "not in the plan of its identity": 1, "too few images": 1}
    assert (report.unplanned, report.seconds, report.requests) == (3, 1.235, {"copy": 1})


def test_what_each_pair_of_sources_shares() -> None:
    """Of the identities that keep alone, whoever else has them; one that is decided anew counts as it is now."""
    one = {"all": {"a.jpg": "1"}, "first": {"a.jpg": "1", "b.jpg": "1"}, "few": {"a.jpg": "1"}}
    two = {"all": {"b.jpg": "1"}, "first": {"c.jpg": "1"}, "few": {"a.jpg": "1"}}
    three = {"all": {"c.jpg": "1"}}
    counters = counters_of({}, one, two, three, {})
    assert [pair.identities for pair in report_of(counters).overlaps] == [2, 1, 1]
    decision = decide(identity("all", one["all"], two["all"], three["all"], {}), counters.job)
    counters.withdrawn(decision)
    counters.decided(decide(identity("all", one["all"], {}, three["all"], {}), counters.job))
    report = report_of(counters)
    assert [(pair.one, pair.other, pair.identities) for pair in report.overlaps] == [
        ("one", "two", 1), ("one", "three", 1), ("two", "three", 0)
    ]  # fmt: skip
    assert (report.single_source, report.multi_source) == (0, 2)


CONTENTS = st.dictionaries(st.sampled_from(["a.jpg", "b.jpg", "c.jpg"]), st.sampled_from("123"), max_size=3)
MEMBERS = st.dictionaries(st.sampled_from("xyz"), CONTENTS, max_size=3)


@given(one=MEMBERS, two=MEMBERS, out=MEMBERS, copied=st.integers(0, 9), failed=st.integers(0, 9))
def test_the_counts_add_up(
    one: dict[str, dict[str, str]],
    two: dict[str, dict[str, str]],
    out: dict[str, dict[str, str]],
    copied: int,
    failed: int,
) -> None:
    """At any moment of a run, the sums that the report promises hold."""
    counters = counters_of({}, one, two, out)
    counters.copied = min(copied, counters.planned)
    for number in range(min(failed, counters.planned - counters.copied)):
        counters.settled(copy(f"out/id/{number}"), Failed("", ""))
    report = report_of(counters)
    assert report.identities == report.single_source + report.multi_source
    assert [(pair.one, pair.other, pair.identities) for pair in report.overlaps] == [
        ("one", "two", report.multi_source)
    ]
    assert report.skipped == report.skipped_too_few + report.skipped_too_many
    assert report.images == (
        report.copied + report.already_present + report.failed + report.conflicts + report.not_attempted
    )
    assert report.not_attempted >= 0


def test_examples_are_few() -> None:
    """However many there are of a kind, the report holds no more than some."""
    counters = Counters(a_job())
    for number in range(EXAMPLES + 5):
        counters.settled(copy(f"out/id/{number}"), Failed("", ""))
        counters.unplanned.add(str(number), "no source")
    counters.decided(a_decision(conflicts=EXAMPLES + 5))
    assert (
        len(counters.failures.examples) == len(counters.conflict_examples) == len(counters.unplanned.some()) == EXAMPLES
    )
    assert counters.failed == counters.conflicts == counters.unplanned.total == EXAMPLES + 5


def test_loose_objects_at_the_destination() -> None:
    """What lies in no identity's folder is unplanned; RecordIO files at the root, and only there, are named."""
    counters = Counters(a_job())
    loose = DestinationCounters(unplanned=counters.unplanned)
    for key in ("out/train.rec", "out/train.idx", "out/train.lst", "out/id/train.rec", "out/readme.txt"):
        loose.ignore("not in a folder", key)
    assert counters.unplanned.reasons == {NO_FOLDER: 5}
    assert counters.unplanned.recordio == ["out/train.idx", "out/train.lst", "out/train.rec"]
    assert Listing("out/", loose).counters is loose


def test_what_the_sources_held() -> None:
    """Images are what is left of the objects; reasons add up over the sources and come sorted."""
    run = Counters(a_job())
    for counters, reasons in zip(run.sources, (["not an image", "empty file"], ["empty file"]), strict=True):
        counters.objects = 10
        for reason in reasons:
            counters.ignore(reason, "some/key")
    report = make_report(run, "merge", requests={}, seconds=0)
    assert list(report.ignored.items()) == [("empty file", 2), ("not an image", 1)]
    assert [(source.objects, source.images) for source in report.sources] == [(10, 8), (10, 9)]
    assert report.sources[0].examples == {"not an image": ["some/key"], "empty file": ["some/key"]}
    assert [source.url for source in report.sources] == ["s3://data/one/", "s3://data/two/"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1550, "1.6 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (12_473_320_000, "12.5 GB"),
        (999_950_000_000, "1.0 TB"),
        (1234 * 10**12, "1234.0 TB"),
    ],
)
def test_bytes_for_people(count: int, text: str) -> None:
    """The unit suits the number, and never does one unit spill into the next."""
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("count", "what", "text"),
    [
        (0, "image", "0 images"),
        (1, "identity", "1 identity"),
        (2, "identity", "2 identities"),
        (1000, "image", "1,000 images"),
    ],
)
def test_numbers_of_things(count: int, what: str, text: str) -> None:
    """One is one, and any other number is many."""
    assert counted(count, what) == text


@pytest.mark.parametrize(("amount", "text"), [(0, "$0.00"), (0.004, "less than $0.01"), (1234.5, "$1,234.50")])
def test_money_for_people(amount: float, text: str) -> None:
    """What costs something is never shown as nothing."""
    assert human_usd(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.85, "850 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_time_for_people(seconds: float, text: str) -> None:
    """The units suit the duration, and never does one unit spill into the next."""
    assert human_time(seconds) == text


@given(seconds=st.floats(0, 1e6))
def test_no_duration_has_sixty_of_anything(seconds: float) -> None:
    """No number of a duration reaches the next unit."""
    numbers = dict(re.findall(r"(\w+) (ms|s|min)", " " + re.sub(r"(\d+)\.\d", r"\1", human_time(seconds)))) or {
        "0": "s"
    }
    assert all(int(number) < (1000 if unit == "ms" else 60) for number, unit in numbers.items())
