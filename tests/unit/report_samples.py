"""Reports that went well, save for what a test changes."""

from dataclasses import replace
from typing import Any

from streammerge.planning.cost import Estimate
from streammerge.planning.failures import Failure
from streammerge.planning.report import Report, SourceReport
from streammerge.planning.throughput import Sample
from streammerge.verification.report import CONTENT, ETAG, JOURNAL, MISSING, Difference, Verification

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
        unplanned=0,
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
        unplanned_examples=[],
        recordio=[],
    )
    return replace(report, **changes)


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
        unplanned=0,
        unplanned_reasons={},
        recordio=[],
        compared=0,
        bytes_read=0,
        unreadable=0,
        differences=[],
        unreadable_examples={},
        unplanned_examples={},
        images_per_identity={2: 1, 3: 1},
        sources=[SourceReport("one", "s3://data/one/", "folder", 5, 5, {}, {})],
        rules={"min_images": 2},
        warnings=[],
        requests={"list": 2},
        seconds=1.5,
    )
    return replace(found, **changes)


def full_report(text: str = "text") -> Report:
    """A report in which every section has something, and every text is this one."""
    return a_report(
        failed=1,
        conflicts=1,
        unplanned=1,
        skipped_too_many=3,
        images_per_identity={1: 5, 2: 70, 17: 4, 1000: 1},
        throughput=[Sample(0.0, 0), Sample(1.0, 900), Sample(2.0, 2500), Sample(3.0, 2500)],
        sources=[SourceReport("one", f"s3://data/{text}/", text, 10, 9, {"not an image": 1}, {"not an image": [text]})],
        failures=[Failure(text, text, text, text)],
        conflict_examples=[text],
        unplanned_examples=[text],
        recordio=[f"out/{text}"],
    )


def full_verification(text: str = "text") -> Verification:
    """A verification in which every section has something, and every text is this one."""
    return a_verification(
        missing=1,
        different=1,
        different_reasons={CONTENT: 1},
        unplanned=1,
        unplanned_reasons={"no source": 1},
        unplanned_examples={"no source": [text]},
        recordio=[f"out/{text}"],
        compared=2,
        unreadable=1,
        unreadable_examples={text: text},
        differences=[
            Difference(text, text, MISSING, 1000, None, text, ""),
            Difference(text, text, CONTENT, 1000, 1000, text, text),
        ],
        warnings=["source one looks odd"],
        sources=[SourceReport("one", f"s3://data/{text}/", "folder", 9, 8, {"empty file": 1}, {"empty file": [text]})],
    )
