"""The page as text: whole, escaped, and of numbers that stand in the JSON."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from importlib.metadata import version
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import ESTIMATE, a_report, a_verification, full_report, full_verification

from streammerge.planning.report import Report
from streammerge.planning.throughput import LIMIT, Sample, Throughput
from streammerge.report.described import Described
from streammerge.report.html import render_frame
from streammerge.report.html import render_page as page_of
from streammerge.verification.report import CONTENT, Verification

_VOID = {"meta", "link", "wbr"}
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        "\u202e",
        "{{ 7 * 7 }}",
        "' onload='x",
        "&amp;",
    ]
)


def render_page(report: Described, **more: Any) -> str:
    """The page of a report."""
    return page_of(report.describe(), **more)


class Outline(HTMLParser):
    """Checks that elements close, and keeps their names and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@given(_TEXT, st.sampled_from([full_report, full_verification]))
def test_whatever_a_key_says_is_only_text(text: str, report: Callable[..., Report | Verification]) -> None:
    """The elements and attributes of the page do not depend on keys; nothing unprintable is left."""
    plain, hostile = Outline(render_page(report())), Outline(render_page(report(text)))
    assert hostile.seen == plain.seen
    assert hostile.attributes == plain.attributes
    assert hostile.open == []
    assert all(character.isprintable() or character == "\n" for character in hostile.text)


def test_nothing_is_loaded_and_nothing_runs_but_the_script_of_the_page() -> None:
    """One script, whose hash the page names; no URL that is fetched, no handler."""
    page = render_page(full_report())
    outline = Outline(page)
    assert not outline.seen & {"img", "iframe", "object", "embed"}
    assert not [name for name in outline.attributes if name.startswith("on") or name == "src"]
    urls = re.findall(r"""(?:href=|url\()["']([^"')]*)""", page)
    assert {url for url in urls if not url.startswith("#s")} == {"data:,"}
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_every_section_is_there_when_it_has_something() -> None:
    """And empty parts are omitted."""
    full = render_page(full_report())
    titles = ["Next steps", "Summary", "Copies", "Sources", "Images per identity", "Overlap of the sources",
              "Skipped, renamed and ignored", "Failures", "Conflicts", "Unplanned objects at the destination",
              "Rate over time"]  # fmt: skip
    assert titles_of(full) == titles
    assert titles_of(render_page(a_report())) == [
        "Summary",
        "Copies",
        "Sources",
        "What each source brings",
        "Overlap of the sources",
    ]


def titles_of(page: str) -> list[str]:
    """The titles of its sections."""
    return re.findall("<h2.*?>(.*?)</h2>", page)


def test_what_was_removed() -> None:
    """By reason, with an example, and why nothing was, if it was asked for."""
    removed = a_report(
        removed=2, removed_reasons={"no source": 2}, removed_examples={"no source": ["out/<b>.jpg", "out/2.jpg"]}
    )
    assert "no source2out/<b>.jpg, out/2.jpg" in Outline(render_page(removed)).text
    assert "Unplanned3 not confirmed" in Outline(render_page(a_report(unplanned=3, not_pruned="not confirmed"))).text


@pytest.mark.parametrize(
    ("stopped", "verdict"), [("interrupted", "interrupted"), ("the credentials have expired", "incomplete")]
)
def test_a_run_that_was_stopped_says_so_first(stopped: str, verdict: str) -> None:
    """A banner above everything, with the reason, and no verdict that could be mistaken."""
    page = render_page(a_report(stopped=stopped, warnings=["source one looks odd"]))
    assert f"<title>Merge: {verdict}</title>" in page
    banners = notices_of(page)
    assert [stopped in banner for banner in banners] == [True, False]
    assert banners[0].startswith(f"Error: stopped before the end: {stopped}. ")
    assert "Planned: 325,891 identities with 1,247,332 images (124,782 more skipped): " in banners[0]
    assert "Run the same command again to resume" in page


def notices_of(page: str) -> list[str]:
    """What stands above everything."""
    return [re.sub("<.*?>", "", notice) for notice in re.findall('<li class="(?:error|warning)">(.*)</li>', page)]


def test_an_incomplete_merge_says_why_first() -> None:
    """A sentence for each reason above all numbers, and what to do; none where there is nothing to do."""
    page = render_page(a_report(conflicts=2, failed=1, not_attempted=3, not_removed=1))
    assert notices_of(page) == [
        "Error: 2 planned keys already taken by a different object; left alone",
        "Error: 4 images not copied",
        "Error: 1 object not removed",
    ]
    text = Outline(page).text
    assert "To resolve conflicts, pass --if-exists overwrite, or move the objects in the way" in text
    assert "Run the same command again to resume" in text
    assert notices_of(render_page(a_report())) == []
    assert "Next steps" not in render_page(a_report())


def test_where_a_page_comes_from() -> None:
    """When it was made, with the zone, by which version, in what time, by what command, which is only text, too."""
    made = datetime(2026, 1, 31, 12, 0, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    command = "streammerge merge 's3://data/<b>\u202e/'"
    report = a_report()
    page = render_page(report, made=made, command=command)
    assert page == render_page(report, made=made, command=command)
    (iso, shown) = re.findall('<time datetime="(.*?)">(.*?)</time>', page)[0]
    assert datetime.fromisoformat(iso) == made
    assert re.fullmatch(r"2026-01-3\d \d\d:\d\d:05 UTC((?!.00:00)[+-]\d\d:\d\d)?", shown)
    head = Outline(page[page.index("<header>") : page.index("</header>") + 9]).text
    assert f"by streammerge {version('streammerge')}, in 6 min 10 s" in head
    assert "streammerge merge 's3://data/<b>\\u202e/'" in head
    assert "streammerge merge" not in render_page(report)


def test_every_section_of_a_verification() -> None:
    """Differences and unplanned objects are named with their reasons, and empty parts are omitted."""
    full = render_page(full_verification())
    titles = ["Next steps", "Summary", "Evidence", "Sources", "Images per identity at the destination", "Missing",
              "Different", "Unplanned objects at the destination", "Could not be read", "Skipped and ignored",
              "Run"]  # fmt: skip
    assert titles_of(full) == titles
    assert "<title>Verification: found differences</title>" in full
    for said in (CONTENT, "no source", "1,000 B, ETag text", "1.0 kB", "read RecordIO files instead"):
        assert said in full, said
    assert "SHA-256" not in full
    bare = render_page(a_verification(images_per_identity={}, proven={"bytes": 5}, unproven=0))
    assert "<title>Verification: passed</title>" in bare
    assert "SHA-256" in bare
    assert titles_of(bare) == ["Summary", "Evidence", "Sources", "Skipped and ignored", "Run"]


def test_a_plan_tells_cost_and_time() -> None:
    """What it will cost, and not how fast it went."""
    page = render_page(replace(a_report(command="plan", copied=0, not_attempted=5), estimate=ESTIMATE))
    assert "<title>Merge plan</title>" in page
    assert ">$6.24<" in page
    assert "Copies per second over time" not in page


def test_in_a_notebook() -> None:
    """The page stands in a frame, so that neither it nor the notebook changes the other."""
    report = a_report(warnings=["<b>"])
    frame, seconds = report._repr_html_(), re.compile(r"\d\d:\d\d:\d\d")  # may be another by now
    assert seconds.sub("", frame) == seconds.sub("", render_frame(report.describe()))
    outline = Outline(frame)
    assert (outline.seen, outline.open) == ({"iframe"}, [])
    assert "&amp;lt;b&amp;gt;" in frame


@given(st.lists(st.integers(0, 50), max_size=900))
def test_samples_are_few_and_in_order(steps: list[int]) -> None:
    """However many are taken: the first and the last are kept, the number is bounded, time and count only grow."""
    throughput, copied = Throughput(), 0
    for number, step in enumerate(steps, 1):
        copied += step
        throughput.record(Sample(number * throughput.interval, copied))
    samples = throughput.samples
    assert len(samples) <= LIMIT
    assert samples[0] == Sample(0.0, 0)
    assert samples[-1].copied == copied
    assert [sample.copied for sample in samples] == sorted(sample.copied for sample in samples)


def test_an_option_in_a_sentence_is_not_torn() -> None:
    """It is marked, so that no line ends at its hyphens; what is around it is escaped as ever."""
    page = render_page(a_report(warnings=["<b> take --min-images 3"]))
    assert '&lt;b&gt; take <span class="option">--min-images</span> 3' in page
