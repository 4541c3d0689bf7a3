"""What a run says at its end: the counts, the text, the JSON."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import a_decision, a_job, identity

from streammerge.core.cost import Estimate
from streammerge.core.extras import NO_FOLDER, Loose
from streammerge.core.join import EXAMPLES, Census, Listing
from streammerge.core.plan import decide
from streammerge.core.pulled import PullReport, pulled_so_far, render_pull
from streammerge.core.rendering import counted, human_bytes, human_time, human_usd, render, so_far
from streammerge.core.report import Failure, Report, SourceReport
from streammerge.core.tally import Tally
from streammerge.core.throughput import Sample

ESTIMATE = Estimate(usd=6.2367, seconds=356.4, copies_per_second=3500, prices_as_of="2026-01")


def a_report(**changes: Any) -> Report:
    """The report of a merge that went well, save for the changes."""
    report = Report(
        command="merge",
        destination="s3://data/out/",
        identities=325_891,
        images=1_247_332,
        single_source=298_445,
        multi_source=27_446,
        skipped=124_782,
        skipped_too_few=124_782,
        skipped_too_many=0,
        duplicates=0,
        dropped=0,
        renamed=0,
        copied=1_247_332,
        already_present=0,
        failed=0,
        conflicts=0,
        not_attempted=0,
        changed=0,
        ignored={},
        extra=0,
        bytes=12_473_320_000,
        bytes_copied=12_473_320_000,
        bytes_to_copy=12_473_320_000,
        requests={"list": 1500, "copy": 1_247_340},
        seconds=370.0,
        sources=[
            SourceReport("one", "s3://data/one/", "folder", 1_000_000, 1_000_000, {}, {}),
            SourceReport("second", "s3://data/two/", "{identity}.{ext}", 400_000, 399_998, {}, {}),
        ],
        failures=[],
        conflict_examples=[],
        extra_examples=[],
        recordio=[],
    )
    return replace(report, **changes)


def test_the_headline() -> None:
    """The block that people look for first, word for word."""
    assert render(a_report()).startswith(
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
        ({"extra": 1, "recordio": ["out/train.rec"], "skipped_too_many": 1, "dropped": 1}, "MERGE COMPLETE", True),
        ({"stopped": "interrupted"}, "MERGE INCOMPLETE", False),
        ({"command": "plan", "estimate": ESTIMATE, "not_attempted": 7}, "MERGE PLAN", True),
        ({"command": "plan", "estimate": ESTIMATE, "conflicts": 1}, "MERGE PLAN", False),
    ],
)
def test_what_is_complete(changes: dict[str, Any], title: str, *, complete: bool) -> None:
    """Only a merge that brought every image of its plan is complete; title, JSON and property agree."""
    report = a_report(**changes)
    assert report.complete is complete
    assert report.to_json()["complete"] is complete
    text = render(report)
    assert text.split("\n")[1] == title
    to_try = bool(report.failed or report.not_attempted) and title != "MERGE PLAN"  # a conflict stays one
    assert ("run the same command again" in text) is to_try


def test_the_text_of_a_merge() -> None:
    """Sources, copies, duration and requests; what did not happen is not mentioned."""
    lines = render(a_report()).split("\n")
    assert lines[10:] == [
        "Sources:",
        "  one     s3://data/one/",
        "          1,000,000 images of 1,000,000 objects, layout folder",
        "  second  s3://data/two/",
        "          399,998 images of 400,000 objects, layout {identity}.{ext}",
        "Into:          s3://data/out/",
        "",
        "Copied:        1,247,332 (12.5 GB)",
        "Already there: 0",
        "Failed:        0",
        "Took:          6 min 10 s, 3,371 a second; requests: 1,247,340 copy, 1,500 list",
        "Ignored:       0",
        "Extra:         0 at the destination outside the plan",
    ]
    waited = render(a_report(throughput=[Sample(0, 0), Sample(100.0, 1_247_332)]))
    assert "Took:          6 min 10 s, 12,473 a second; " in waited, "the question of --prune is not copying"


def test_the_text_of_a_plan() -> None:
    """A plan says what is to copy, what it costs and how long it takes."""
    text = render(a_report(command="plan", estimate=ESTIMATE, copied=0, not_attempted=1_247_330, already_present=2))
    assert "To copy:       1,247,330 (12.5 GB)" in text
    assert "Already there: 2\n" in text
    assert "Cost:          $6.24 for the copies (prices of 2026-01; --price overrides)" in text
    assert "Time:          5 min 56 s at best, with 3,500 copies a second" in text
    assert "Copied" not in text


def test_rules_and_warnings_are_in_the_text() -> None:
    """What decided the numbers stands beside them, and so does what looked odd, for who reads the report alone."""
    text = render(a_report(rules={"min_images": 2, "max_images": None}, warnings=["source one looks odd"]))
    assert "Rules:         min-images 2\n" in text
    assert "Warning:       source one looks odd" in text


def test_the_text_of_trouble() -> None:
    """Everything out of the ordinary has its line, with some examples and how many there are beside."""
    source = SourceReport("one", "s3://data/one/", "folder", 9, 6, {"empty file": 3}, {"empty file": ["one/a\n.jpg"]})
    text = render(
        a_report(
            skipped_too_many=1234,
            duplicates=2,
            dropped=3,
            renamed=4,
            failed=7,
            conflicts=6,
            not_attempted=5,
            ignored={"empty file": 3},
            extra=8,
            sources=[source],
            failures=[Failure(f"one/id/{number}.jpg", "out", "AccessDenied", "denied") for number in range(7)],
            conflict_examples=[f"out/id/{number}.jpg" for number in range(6)],
            extra_examples=["out/train.rec", "out/\x1b[2J", "3", "4", "5", "6"],
            recordio=["out/train.rec"],
        )
    )
    for line in (
        "Skipped (too many images): 1,234",
        "Not attempted: 5",
        "Left out:      2 duplicates, 3 collisions",
        "Renamed:       4 to <name>_<source>.<ext>: another image had taken their name",
        "Ignored:       3",
        "  one: 3 empty file, such as one/a\\n.jpg",
        "Failures:",
        "  one/id/4.jpg: denied",
        "  … and 2 more",
        "  out/id/4.jpg",
        "  … and 1 more",
        "  out/\\x1b[2J",
        "  In what each differs, and whether its bytes do, says `streammerge verify --deep all`",
        "  … and 3 more",
    ):
        assert line in text.split("\n")
    assert "one/id/5.jpg" not in text
    assert (
        "Conflicts:     6 planned targets taken by something else; left alone unless you say --if-exists overwrite"
        in text
    )
    assert "train.rec at the destination: a trainer that finds RecordIO\n" in text
    assert "\x1b" not in text


def test_a_pull_as_text() -> None:
    """How many files are extra, and how far a run came that was stopped."""
    report = PullReport(url="s3://data/out/", directory="out", extra=1)
    assert "Extra:         1 file not at the prefix; left alone" in render_pull(report).split("\n")
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
    assert so_far(stopped) == f"Decided so far: 3 identities with {images}; what was not listed yet is not counted"
    assert so_far(replace(stopped, all_decided=True)) == f"Decided: 3 identities with {images}"
    assert ", 7 in conflict, " in so_far(replace(stopped, conflicts=7))
    failures = [Failure(f"one/{number}.jpg", "", "500", "no answer") for number in range(4)]
    assert "\n" not in so_far(replace(stopped, failed=5, failures=failures)), "the error says what was wrong"
    assert so_far(replace(stopped, failed=5, failures=failures, stopped="interrupted")).split("\n")[1:] == [
        *(f"  one/{number}.jpg: no answer" for number in range(3)),
        "  … and 2 more failed",
    ]
    assert "Stopped:       before its end: the journal cannot be written" in render(stopped).split("\n")


def test_nothing_at_all() -> None:
    """A run that found nothing and took no time divides by nothing."""
    empty = Tally(a_job()).report("merge", [Census(), Census()], requests={}, seconds=0.0)
    text = render(empty)
    assert "Avg images per identity: 0.0" in text
    assert "Took:          0 ms; requests: " in text


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
    "extra",
    "bytes",
    "bytes_copied",
    "bytes_to_copy",
    "requests",
    "seconds",
    "sources",
    "failures",
    "conflict_examples",
    "extra_examples",
    "recordio",
    "images_per_identity",
    "throughput",
    "estimate",
    "extra_reasons",
    "rules",
    "warnings",
    "removed",
    "removed_reasons",
    "removed_examples",
    "not_removed",
    "not_pruned",
    "stopped",
    "all_decided",
    "overlaps",
    "complete",
]


def test_the_names_in_json() -> None:
    """Scripts rely on these names: a change here is a change for every one of them."""
    found = a_report(failures=[Failure("k", "t", "c", "r")], estimate=ESTIMATE).to_json()
    assert list(found) == FIELDS
    assert list(found["sources"][0]) == ["name", "url", "layout", "objects", "images", "ignored", "examples"]
    assert found["failures"] == [{"key": "k", "target": "t", "code": "c", "reason": "r"}]
    assert list(found["estimate"]) == ["usd", "seconds", "copies_per_second", "prices_as_of"]


def test_json_is_json() -> None:
    """The object survives being written and read; without an estimate the field is null."""
    found = a_report().to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["estimate"] is None


def tally_of(job_rules: dict[str, Any], *members: dict[str, dict[str, str]]) -> Tally:
    """The tally after deciding about identities given as their contents by name, in each source and last at `out`."""
    job = a_job(len(members) - 1, **job_rules)
    tally = Tally(job)
    for name in sorted({name for member in members for name in member}):
        decision = decide(identity(name, *(member.get(name, {}) for member in members)), job)
        tally.decided(decision)
    return tally


def report_of(tally: Tally) -> Report:
    """Its report, the sources holding nothing else."""
    return tally.report("merge", [Census() for _ in tally.job.sources], requests={"copy": 1}, seconds=1.23456)


def test_a_tally_counts_decisions() -> None:
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
    report = report_of(tally_of({"max_images": 4}, one, two, out))
    assert (report.identities, report.single_source, report.multi_source) == (2, 1, 1)
    assert (report.skipped, report.skipped_too_few, report.skipped_too_many) == (2, 1, 1)
    assert (report.images, report.duplicates, report.dropped, report.renamed) == (6, 1, 0, 1)
    assert (report.already_present, report.conflicts, report.not_attempted) == (1, 1, 4)
    assert report.bytes == 1 + 2 + 5 + 1 + 1 + 3
    assert report.conflict_examples == ["out/both/b.jpg"]
    assert report.extra_examples == ["out/few/a.jpg", "out/gone/a.jpg", "out/single/z.jpg"]
    assert report.extra_reasons == {"no source": 1, "not in the plan of its identity": 1, "too few images": 1}
    assert (report.extra, report.seconds, report.requests) == (3, 1.235, {"copy": 1})


def test_what_each_pair_of_sources_shares() -> None:
    """Of the identities that keep alone, whoever else has them; one that is decided anew counts as it is now."""
    one = {"all": {"a.jpg": "1"}, "first": {"a.jpg": "1", "b.jpg": "1"}, "few": {"a.jpg": "1"}}
    two = {"all": {"b.jpg": "1"}, "first": {"c.jpg": "1"}, "few": {"a.jpg": "1"}}
    three = {"all": {"c.jpg": "1"}}
    tally = tally_of({}, one, two, three, {})
    assert [pair.identities for pair in report_of(tally).overlaps] == [2, 1, 1]
    decision = decide(identity("all", one["all"], two["all"], three["all"], {}), tally.job)
    tally.withdrawn(decision)
    tally.decided(decide(identity("all", one["all"], {}, three["all"], {}), tally.job))
    report = report_of(tally)
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
    tally = tally_of({}, one, two, out)
    tally.copied = min(copied, tally.planned)
    for number in range(min(failed, tally.planned - tally.copied)):
        tally.failure(Failure(str(number), "", "", ""), a_decision())
    report = report_of(tally)
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
    tally = Tally(a_job())
    for number in range(EXAMPLES + 5):
        tally.failure(Failure(str(number), "", "", ""), a_decision())
        tally.extras.add(str(number), "no source")
    tally.decided(a_decision(conflicts=EXAMPLES + 5))
    assert len(tally.failures) == len(tally.conflict_examples) == len(tally.extras.some()) == EXAMPLES
    assert tally.failed == tally.conflicts == tally.extras.total == EXAMPLES + 5


def test_loose_objects_at_the_destination() -> None:
    """What lies in no identity's folder is extra; RecordIO files at the root, and only there, are named."""
    tally = Tally(a_job())
    loose = Loose(extras=tally.extras)
    for key in ("out/train.rec", "out/train.idx", "out/train.lst", "out/id/train.rec", "out/readme.txt"):
        loose.set_aside("not in a folder", key)
    assert tally.extras.reasons == {NO_FOLDER: 5}
    assert tally.extras.recordio == ["out/train.rec", "out/train.idx", "out/train.lst"]
    assert Listing("out/", loose).census is loose


def test_what_the_sources_held() -> None:
    """Images are what is left of the objects; reasons add up over the sources and come sorted."""
    censuses = [Census(), Census()]
    for census, reasons in zip(censuses, (["not an image", "empty file"], ["empty file"]), strict=True):
        census.objects = 10
        for reason in reasons:
            census.set_aside(reason, "some/key")
    report = Tally(a_job()).report("merge", censuses, requests={}, seconds=0)
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
