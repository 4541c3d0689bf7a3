"""What a verification finds, by the decisions of the plan alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import a_job, copy, etag_of

from streammerge.core.join import Identity, Image
from streammerge.core.plan import Copy, decide
from streammerge.core.report import SourceReport
from streammerge.core.verification import (
    BYTES,
    CONTENT,
    ETAG,
    JOURNAL,
    MD5,
    OLDER,
    RECORD,
    SIZE,
    UNPROVEN,
    Doubt,
    Findings,
    Sample,
    Verification,
)
from streammerge.core.verification_text import render_verification

EARLIER, LATER = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
PARTS = etag_of("x") + "-2"  # of a multipart upload


class Recorded:
    """A past in which every copy got this ETag."""

    def __init__(self, etag: str) -> None:
        self._etag = etag

    def judges(self, copy: Copy, etag: str) -> bool | None:  # noqa: ARG002 - of every copy
        """Whether it is that ETag."""
        return etag == self._etag


def found_of(there: Image | None, *, etag: str = etag_of("x"), past: Any = None) -> tuple[Findings, list[Doubt]]:
    """What is found of one image of one byte whose target holds this."""
    source = Image("one/id/a.jpg", 1, etag, EARLIER, "a.jpg")
    decision = decide(Identity("id", [[source], [there] if there else []]), a_job(1, min_images=1), past)
    findings = Findings(past)
    return findings, list(findings.decided(decision))


def target(*, size: int = 1, etag: str = etag_of("x"), modified: str = LATER) -> Image:
    """What lies at the target."""
    return Image("out/id/a.jpg", size, etag, modified, "a.jpg")


@pytest.mark.parametrize(
    ("there", "etag", "past", "finding", "doubtful"),
    [
        (target(), etag_of("x"), None, ETAG, False),
        (target(etag=PARTS), PARTS, None, ETAG, False),
        (target(etag=PARTS), etag_of("x"), Recorded(PARTS), JOURNAL, True),
        (target(etag=PARTS), etag_of("x"), None, UNPROVEN, True),
        (target(size=2), etag_of("x"), None, SIZE, False),
        (target(etag=etag_of("y")), etag_of("x"), None, MD5, False),
        (target(etag=PARTS), etag_of("x"), Recorded("other"), RECORD, True),
        (target(etag=PARTS, modified="2025"), etag_of("x"), None, OLDER, True),
    ],
)
def test_each_finding(there: Image, etag: str, past: Any, finding: str, *, doubtful: bool) -> None:
    """Size, ETag, journal and age decide in this order; only what ETags cannot decide is a doubt."""
    findings, doubts = found_of(there, etag=etag, past=past)
    assert findings.counts == {finding: 1}
    assert [doubt.finding for doubt in doubts] == ([finding] if doubtful else [])
    differs = finding not in (ETAG, JOURNAL, UNPROVEN)
    assert [(example.target, example.reason) for examples in findings.differences.values() for example in examples] == (
        [("out/id/a.jpg", finding)] if differs else []
    )


def test_missing_image() -> None:
    """What is planned and not there is missing, with an example, and no doubt."""
    findings, doubts = found_of(None)
    assert (findings.missing, findings.counts, doubts) == (1, {}, [])
    (example,) = findings.differences["missing"]
    assert (example.key, example.found_size) == ("one/id/a.jpg", None)


@pytest.mark.parametrize(("modified", "before"), [(LATER, UNPROVEN), ("2025", OLDER)])
@pytest.mark.parametrize("outcome", [BYTES, CONTENT])
def test_comparison_settles_a_doubt(modified: str, before: str, outcome: str) -> None:
    """What the bytes say replaces what size and age said, for and against."""
    findings, (doubt,) = found_of(target(etag=PARTS, modified=modified))
    assert findings.count(before) == {before: 1}
    findings.settled(doubt, outcome, 2)
    assert findings.count(before, outcome) == {outcome: 1}
    assert (findings.compared, findings.bytes_read) == (1, 2)
    reasons = [example.reason for examples in findings.differences.values() for example in examples]
    assert reasons == ([CONTENT] if outcome == CONTENT else [])


def test_what_cannot_be_read_stays_in_doubt() -> None:
    """It is counted as it was, and told why."""
    findings, (doubt,) = found_of(target(etag=PARTS))
    findings.left_open(doubt, "denied", 1)
    assert (findings.counts, findings.unreadable, findings.compared) == ({UNPROVEN: 1}, 1, 0)
    assert findings.unreadable_examples == {"out/id/a.jpg": "denied"}


@given(numbers=st.lists(st.integers(0, 500), unique=True, max_size=60), size=st.integers(0, 20), data=st.data())
def test_sample_depends_on_the_keys_alone(numbers: list[int], size: int, data: st.DataObject) -> None:
    """As many as were asked for, the same whatever order they come in."""
    doubts = [Doubt(copy(f"out/id{number}/a.jpg"), target(), UNPROVEN) for number in numbers]
    chosen = []
    for order in (doubts, data.draw(st.permutations(doubts))):
        sample = Sample(size)
        for doubt in order:
            sample.add(doubt)
        chosen.append(list(sample))
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == min(size, len(doubts))


def test_sample_is_spread_over_the_key_space() -> None:
    """Of 10,000 keys in order, each tenth gives its share of a sample of 500, give or take."""
    sample = Sample(500)
    for number in range(10_000):
        sample.add(Doubt(copy(f"out/{number:05}/a.jpg"), target(), UNPROVEN))
    tenths = [int(doubt.copy.identity) // 1000 for doubt in sample]
    assert all(25 < tenths.count(tenth) < 80 for tenth in range(10))


def a_verification(**changes: Any) -> Verification:
    """A verification that found everything right, save for the changes."""
    found = Verification(
        destination="s3://data/out/",
        identities=2,
        skipped_too_few=1,
        skipped_too_many=0,
        images=5,
        bytes=50_000,
        right=5,
        proven={ETAG: 3, JOURNAL: 1},
        unproven=1,
        missing=0,
        different=0,
        different_reasons={},
        extra=0,
        extra_reasons={},
        recordio=[],
        compared=0,
        bytes_read=0,
        unreadable=0,
        differences=[],
        unreadable_examples={},
        extra_examples={},
        images_per_identity={2: 1, 3: 1},
        sources=[SourceReport("one", "s3://data/one/", "folder", 5, 5, {}, {})],
        rules={"min_images": 2},
        warnings=[],
        requests={"list": 2},
        seconds=1.5,
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("changes", "exact"),
    [
        ({}, True),
        ({"missing": 1}, False),
        ({"different": 1, "different_reasons": {SIZE: 1}}, False),
        ({"extra": 1, "extra_reasons": {"no source": 1}}, False),
        ({"unreadable": 1}, False),
    ],
)
def test_what_is_exact(changes: dict[str, Any], *, exact: bool) -> None:
    """Whatever is missing, different, extra or could not be looked at is told by title, JSON and property alike."""
    found = a_verification(**changes)
    assert found.exact is exact
    assert found.to_json()["exact"] is exact
    assert render_verification(found).split("\n")[1] == ("VERIFIED" if exact else "VERIFICATION FOUND DIFFERENCES")


MENDING = [
    "To mend it:    run merge with the same arguments, --if-exists overwrite to",
    "               replace what is different, --prune to remove what is extra",
]


def test_the_text() -> None:
    """Verdict, proofs, then each kind of difference by reason with examples; control characters are escaped."""
    findings, _ = found_of(target(size=2))
    found = a_verification(
        right=4,
        unproven=0,
        different=1,
        different_reasons={SIZE: 1},
        differences=findings.differences[SIZE],
        extra=2,
        extra_reasons={"no source": 2},
        extra_examples={"no source": ["out/\x1b[2J", "out/b"]},
        recordio=["out/train.rec"],
        compared=3,
        bytes_read=12_000,
    )
    assert render_verification(found).split("\n")[3:] == [
        "Sources:",
        "  one  s3://data/one/",
        "       5 images of 5 objects, layout folder",
        "Destination:   s3://data/out/",
        "Planned:       5 images of 2 identities (50.0 kB)",
        "Right:         4",
        "  3 proven by ETag",
        "  1 proven by journal",
        "Missing:       0",
        "Different:     1",
        "  1 other size, such as out/id/a.jpg",
        "Extra:         2 at the destination outside the plan",
        "  2 no source, such as out/\\x1b[2J, out/b",
        "Warning:       train.rec at the destination: a trainer that finds RecordIO",
        "               files reads them instead of the folders. Remove or move them",
        "Compared:      3 by their bytes (12.0 kB read)",
        "Took:          1.5 s; requests: 2 list",
        *MENDING,
    ]
    assert "To mend it" not in render_verification(a_verification())


def test_the_names_in_json() -> None:
    """Scripts rely on these names: a change here is a change for every one of them."""
    assert list(a_verification().to_json()) == [
        "command",
        "destination",
        "identities",
        "skipped_too_few",
        "skipped_too_many",
        "images",
        "bytes",
        "right",
        "proven",
        "unproven",
        "missing",
        "different",
        "different_reasons",
        "extra",
        "extra_reasons",
        "recordio",
        "compared",
        "bytes_read",
        "unreadable",
        "differences",
        "unreadable_examples",
        "extra_examples",
        "images_per_identity",
        "sources",
        "rules",
        "warnings",
        "requests",
        "seconds",
        "exact",
    ]
