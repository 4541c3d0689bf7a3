"""What the reports say of themselves, as text, as a page and as JSON."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from report_samples import ESTIMATE, a_report, full_report, full_verification

from streammerge.dataset.histogram import Quartiles
from streammerge.inspection.report import (
    InspectionReport,
    Keeps,
    NoiseReport,
    Overlap,
    Placement,
    PrefixReport,
    Together,
)
from streammerge.journal.summary import FailureRecord, JournalSummary, RunRecord
from streammerge.planning.failures import Failure
from streammerge.planning.report import Shared
from streammerge.pulling.paths import Refused
from streammerge.pulling.report import PullReport
from streammerge.report.description import Number

_PREFIX = PrefixReport(
    name="one", url="s3://data/one/", layout="{identity}.{ext}", layout_proposed=True, layout_found="flat", loose=101,
    in_folders=102, nested=103, objects=104, identities=105, images=106, bytes=107, single_image_identities=21,
    images_per_identity={1: 109, 4: 110}, quartiles=Quartiles(111, 112, 113), mean=11.4, most=115,
    ignored={"empty file": 116}, examples={"empty file": ["one/\x1b.jpg"]}, zero_byte_images=117,
    recordio=["one/train.rec"], other_files={".txt": 118, "": 119}, archived={"GLACIER": 134},
)  # fmt: skip
_INSPECTION = InspectionReport(
    prefixes=[_PREFIX, _PREFIX],
    together=Together(120, 121, 122, [Overlap("one", "two", 123, 124, 125, 126)]),
    keeps=[Keeps(2, 127, 128, 129)],
    noise=NoiseReport(130, 131, 132, [[Placement("id", "one", "one/id/1.jpg"), Placement("other", "one", "x.jpg")]]),
    warnings=["odd"],
    requests={"list": 133},
    seconds=13.4,
)
_PULL = PullReport(
    url="s3://data/out/", directory="out", sample=5, all_identities=201, identities=202, images=203, bytes=204,
    smallest=205, largest=206, classes=207, wanted=208, pulled=209, bytes_pulled=210, already_present=211, failed=212,
    refused=213, unplanned=214, ignored={"not an image": 215}, recordio=["train.rec"],
    failures=[Failure("k", "t", "c", "r")], refusals=[Refused("k", "r")],
    unplanned_examples=["x"], requests={"get": 216}, seconds=2.17,
)  # fmt: skip
_JOURNAL = JournalSummary(
    "journal", size=301, job="a into b", runs=[RunRecord("run", 1.0, 2.0, present=302)], copied=303, bytes=304,
    removed=305, damaged=306, last=2.0, failures=[FailureRecord("k", "t", "c", "r", 1.5)],
    failures_by_code={"c": 307},
)  # fmt: skip
_REPORTS: dict[str, Any] = {
    "merge": full_report(),
    "removing merge": a_report(removed=1, removed_reasons={"no source": 1}, removed_examples={"no source": ["x"]},
                               not_removed=2, changed=3, duplicates=4, dropped=5, renamed=6,
                               overlaps=[Shared("one", "two", 7)]),
    "plan": a_report(command="plan", estimate=ESTIMATE, copied=0, not_attempted=8, conflicts=9),
    "verify": full_verification(),
    "inspect": _INSPECTION,
    "pull": _PULL,
    "status": _JOURNAL,
}  # fmt: skip


def numbers_in(value: Any) -> Iterator[Number]:
    """Every number of a description."""
    if isinstance(value, Number):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from numbers_in(getattr(value, each.name))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from numbers_in(each)


def numbers_of(json: Any) -> Iterator[float]:
    """Every number of a JSON object; of a list of objects also how many there are."""
    if isinstance(json, dict):
        for name, value in json.items():
            yield from numbers_of(value)
            if isinstance(name, int):
                yield name
    elif isinstance(json, list):
        yield len(json)
        for value in json:
            yield from numbers_of(value)
    elif isinstance(json, int | float):
        yield json


@pytest.mark.parametrize("name", _REPORTS)
def test_every_number_is_in_the_json(name: str) -> None:
    """Whatever text and page show can be read by a script."""
    report = _REPORTS[name]
    known = set(numbers_of(report.to_json()))
    shown = list(numbers_in(report.describe()))
    assert len(shown) > 3
    assert [number for number in shown if number.value not in known] == []


@pytest.mark.parametrize("name", _REPORTS)
def test_text_and_page_show_every_number(name: str) -> None:
    """The page shows all of them, the text all of what is no detail."""
    report = _REPORTS[name]
    page, text = report.to_html(), str(report)
    description = report.describe()
    assert all(f">{number}</data>" in page for number in numbers_in(description))
    brief = [section for section in description.sections if not section.detail]
    assert all(str(number) in text for number in numbers_in([*brief, *description.headline]))
    assert "\x1b" not in page + text


def test_the_text_of_an_inspection() -> None:
    """Each prefix with its distribution, what they share, and what a merge would keep."""
    lines = str(_INSPECTION).split("\n")
    for line in (
        "INSPECTION FOUND 1 WARNING",
        "  Layout:              {identity}.{ext} (inferred from the file names, found:",
        "  Identities:          105 (21 with a single image, 20.0%)",
        "  Images:              106 (of 104 objects, 107 B)",
        "  Images per identity: median 112, quartiles 111 and 113, mean 11.4, max 115",
        "  Found in:            folders: 102, nested folders: 103, no folder: 101",
        "  Not images:          118 .txt, 119 without extension",
        "     1 image  109  ██████████████████████████████",
        "    4 images  110  ██████████████████████████████",
        "  empty file           116  one/\\x1b.jpg",
        "  In both   Identities  Same name  Same content  Same name and content",
        "  --min-images  Identities  Images  Only when combined",
        "             2         127     128                 129",
        "  Contents:     130 (in 131 identities)",
        "  Not compared: 132 (images whose ETag is not an MD5)",
        "Warning: odd",
    ):
        assert line in lines, line
