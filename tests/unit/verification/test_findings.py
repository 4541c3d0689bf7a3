"""What a verification finds, by the decisions of the plan alone."""

from typing import Any

import pytest
from report_samples import a_verification
from samples import a_job, etag_of

from streammerge.dataset.objects import Identity, Image, S3Object
from streammerge.errors import TransientError
from streammerge.planning.plan import CopyTask, decide
from streammerge.verification.findings import Compared, Doubt, Findings
from streammerge.verification.report import (
    BYTES,
    CHECKSUM,
    CONTENT,
    ETAG,
    JOURNAL,
    MD5,
    OLDER,
    OTHER_CHECKSUM,
    RECORD,
    SIZE,
    UNPROVEN,
)

EARLIER, LATER = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
PARTS = etag_of("x") + "-2"  # of a multipart upload


class Recorded:
    """A past in which every copy got this ETag."""

    def __init__(self, etag: str) -> None:
        self._etag = etag

    def judges(self, copy: CopyTask, etag: str) -> bool | None:  # noqa: ARG002 - of every copy
        """Whether it is that ETag."""
        return etag == self._etag


def found_of(there: Image | None, *, etag: str = etag_of("x"), past: Any = None) -> tuple[Findings, list[Doubt]]:
    """What is found of one image of one byte whose target holds this."""
    source = Image(S3Object("one/id/a.jpg", 1, etag, EARLIER), "a.jpg")
    decision = decide(Identity("id", [[source], [there] if there else []]), a_job(1, min_images=1), past)
    findings = Findings(past)
    return findings, list(findings.decided(decision))


def target(*, size: int = 1, etag: str = etag_of("x"), modified: str = LATER) -> Image:
    """What lies at the target."""
    return Image(S3Object("out/id/a.jpg", size, etag, modified), "a.jpg")


@pytest.mark.parametrize(
    ("there", "etag", "past", "finding", "doubtful"),
    [
        (target(), etag_of("x"), None, ETAG, False),
        (target(etag=PARTS), PARTS, None, ETAG, False),
        (target(etag=PARTS), etag_of("x"), Recorded(PARTS), JOURNAL, True),
        (target(etag=PARTS), etag_of("x"), None, UNPROVEN, True),
        (target(size=2), etag_of("x"), None, SIZE, False),
        (target(etag=etag_of("y")), etag_of("x"), None, MD5, True),
        (target(etag=etag_of("y"), modified="2025"), etag_of("x"), None, MD5, False),
        (target(etag=PARTS), etag_of("x"), Recorded("other"), RECORD, True),
        (target(etag=PARTS, modified="2025"), etag_of("x"), None, OLDER, True),
    ],
)
def test_each_finding(there: Image, etag: str, past: Any, finding: str, *, doubtful: bool) -> None:
    """Size, ETag, journal and age decide in this order; only what ETags cannot decide, or may not be, is a doubt."""
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


@pytest.mark.parametrize(
    ("modified", "outcome", "left"),
    [
        (LATER, UNPROVEN, UNPROVEN),
        (LATER, CHECKSUM, None),
        (LATER, OTHER_CHECKSUM, None),
        ("2025", OLDER, OLDER),
        ("2025", CHECKSUM, None),
    ],
)
def test_a_look_settles_a_doubt(modified: str, outcome: str, left: str | None) -> None:
    """Stored checksums decide for and against; what they tell nothing of stays in doubt."""
    findings, (doubt,) = found_of(target(etag=PARTS, modified=modified))
    remaining = findings.looked(doubt, outcome)
    assert (remaining.finding if remaining else None) == left
    assert (findings.count(outcome), findings.counts.total(), findings.looked_at) == ({outcome: 1}, 1, 1)
    reasons = [example.reason for examples in findings.differences.values() for example in examples]
    assert reasons == ([outcome] if outcome in (OTHER_CHECKSUM, OLDER) else [])


def test_what_cannot_be_looked_at_stays_in_doubt() -> None:
    """It counts as it did, and as one that could not be read."""
    findings, (doubt,) = found_of(target(etag=PARTS))
    assert findings.looked(doubt, TransientError("no answer")) is None
    assert (findings.counts, findings.unreadable, findings.looked_at) == ({UNPROVEN: 1}, 1, 0)
    assert findings.unreadable_examples == {"out/id/a.jpg": "no answer"}


@pytest.mark.parametrize(("modified", "before"), [(LATER, UNPROVEN), ("2025", OLDER)])
@pytest.mark.parametrize("outcome", [BYTES, CONTENT])
def test_comparison_settles_a_doubt(modified: str, before: str, outcome: str) -> None:
    """What the bytes say replaces what size and age said, for and against."""
    findings, (doubt,) = found_of(target(etag=PARTS, modified=modified))
    assert findings.count(before) == {before: 1}
    findings.compared_bytes(doubt, Compared(outcome, 2))
    assert findings.count(before, outcome) == {outcome: 1}
    assert (findings.compared, findings.bytes_read) == (1, 2)
    reasons = [example.reason for examples in findings.differences.values() for example in examples]
    assert reasons == ([CONTENT] if outcome == CONTENT else [])


def test_what_cannot_be_read_stays_in_doubt() -> None:
    """It is counted as it was, and told why."""
    findings, (doubt,) = found_of(target(etag=PARTS))
    findings.compared_bytes(doubt, Compared(None, 1, "denied"))
    assert (findings.counts, findings.unreadable, findings.compared) == ({UNPROVEN: 1}, 1, 0)
    assert findings.unreadable_examples == {"out/id/a.jpg": "denied"}


@pytest.mark.parametrize(
    ("changes", "exact"),
    [
        ({}, True),
        ({"missing": 1}, False),
        ({"different": 1, "different_reasons": {SIZE: 1}}, False),
        ({"unplanned": 1, "unplanned_reasons": {"no source": 1}}, False),
        ({"unreadable": 1}, False),
    ],
)
def test_what_is_exact(changes: dict[str, Any], *, exact: bool) -> None:
    """Whatever is missing, different, unplanned or could not be looked at shows in title, JSON and property alike."""
    found = a_verification(**changes)
    assert found.exact is exact
    assert found.to_json()["exact"] is exact
    assert str(found).split("\n")[1] == ("VERIFICATION PASSED" if exact else "VERIFICATION FOUND DIFFERENCES")


def test_the_text() -> None:
    """Verdict, proofs, then each kind of difference by reason with examples; control characters are escaped."""
    findings, _ = found_of(target(size=2))
    found = a_verification(
        right=4,
        unproven=0,
        different=1,
        different_reasons={SIZE: 1},
        differences=findings.differences[SIZE],
        unplanned=2,
        unplanned_reasons={"no source": 2},
        unplanned_examples={"no source": ["out/\x1b[2J", "out/b"]},
        recordio=["out/train.rec"],
        looked_at=4,
        compared=3,
        bytes_read=12_000,
        requests={"list": 2, "head": 8},
    )
    assert str(found).split("\n")[3:] == [
        "Planned identities: 2",
        "Planned images: 5 (50.0 kB)",
        "Right: 4 (80.0%)",
        "Missing: 0",
        "Different: 1",
        "Unplanned: 2",
        "",
        "Evidence",
        "  Proven by ETag:        3",
        "  Proven by the journal: 1",
        "  Looked at:             4 (stored checksums: 8 HEAD requests, less than $0.01)",
        "  Compared by bytes:     3 (12.0 kB read)",
        "",
        "Sources",
        "  Destination: s3://data/out/",
        "  Rules:       min-images 2",
        "",
        "  Source  URL             Layout  Objects  Images",
        "  one     s3://data/one/  folder        5       5",
        "",
        "Different",
        "  Different because  Objects",
        "  other size               1",
        "",
        "  out/id/a.jpg  reason: other size",
        "    planned: 1 B, ETag 9dd4e461268c8034f5c8564e155c67a6",
        "    found: 2 B, ETag 9dd4e461268c8034f5c8564e155c67a6",
        "",
        "Unplanned objects at the destination",
        "  Unplanned because  Objects  Examples",
        "  no source                2  out/\\x1b[2J, out/b",
        "",
        "Skipped and ignored",
        "  Identities with too few images: 1",
        "",
        "Run",
        "  Duration: 1.5 s",
        "  Requests: 8 head, 2 list",
        "",
        "Warning: train.rec at the destination: a trainer would read RecordIO files",
        "         instead of the folders. Remove or move them",
        "",
        "Next steps",
        "- To replace what is different, run `streammerge merge` with --if-exists",
        "  overwrite",
        "- To remove unplanned objects, run `streammerge merge` with --prune",
    ]
    assert "Next steps" not in str(a_verification())


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
        "unplanned",
        "unplanned_reasons",
        "recordio",
        "compared",
        "bytes_read",
        "unreadable",
        "differences",
        "unreadable_examples",
        "unplanned_examples",
        "images_per_identity",
        "sources",
        "rules",
        "warnings",
        "requests",
        "seconds",
        "folder_markers",
        "foreign",
        "looked_at",
        "thumbnails",
        "exact",
    ]
