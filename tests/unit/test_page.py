"""The page as text: whole, escaped, and of numbers that stand in the JSON."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from importlib.metadata import version

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report import ESTIMATE, a_report
from test_verification import a_verification

from streammerge.core.report import Failure, Report, SourceReport
from streammerge.core.throughput import LIMIT, Sample, Throughput
from streammerge.core.verification import CONTENT, MISSING, Difference, Verification
from streammerge.page import render_page
from streammerge.page.drawing import whole_ticks

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


def full_report(text: str = "text") -> Report:
    """A report in which every section has something, and every text is this one."""
    return a_report(
        failed=1,
        conflicts=1,
        extra=1,
        skipped_too_many=3,
        images_per_identity={1: 5, 2: 70, 17: 4, 1000: 1},
        throughput=[Sample(0.0, 0), Sample(1.0, 900), Sample(2.0, 2500), Sample(3.0, 2500)],
        sources=[SourceReport("one", f"s3://data/{text}/", text, 10, 9, {"not an image": 1}, {"not an image": [text]})],
        failures=[Failure(text, text, text, text)],
        conflict_examples=[text],
        extra_examples=[text],
        recordio=[f"out/{text}"],
    )


def full_verification(text: str = "text") -> Verification:
    """A verification in which every section has something, and every text is this one."""
    return a_verification(
        missing=1,
        different=1,
        different_reasons={CONTENT: 1},
        extra=1,
        extra_reasons={"no source": 1},
        extra_examples={"no source": [text]},
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


@settings(max_examples=30)
@given(_TEXT, st.sampled_from([full_report, full_verification]))
def test_whatever_a_key_says_is_only_text(text: str, report: Callable[..., Report | Verification]) -> None:
    """The elements and attributes of the page do not depend on keys; nothing unprintable is left."""
    plain, hostile = Outline(render_page(report())), Outline(render_page(report(text)))
    assert hostile.seen == plain.seen
    assert hostile.attributes == plain.attributes
    assert hostile.open == []
    assert all(character.isprintable() or character == "\n" for character in hostile.text)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """No script, no URL that is fetched, no handler."""
    page = render_page(full_report())
    outline = Outline(page)
    assert not outline.seen & {"script", "img", "iframe", "object", "embed"}
    assert not [name for name in outline.attributes if name.startswith("on") or name == "src"]
    assert set(re.findall(r"""(?:href=|url\()["']?([^"')]*)""", page)) == {"data:,"}


def test_every_section_is_there_when_it_has_something() -> None:
    """And what is empty is left away."""
    full = render_page(full_report())
    titles = ["In all", "From where", "Images of an identity", "Overlap of the sources", "Left out", "Copies over time",
              "Failures", "Conflicts", "At the destination, outside the plan", "Requests to S3"]  # fmt: skip
    assert re.findall("<h2>(.*?)</h2>", full) == titles
    bare = re.findall("<h2>(.*?)</h2>", render_page(a_report()))
    assert bare == ["In all", "From where", "Overlap of the sources", "Left out", "Requests to S3"]


def test_what_was_removed() -> None:
    """By reason, with an example, and why nothing was, if it was asked for."""
    removed = a_report(
        removed=2, removed_reasons={"no source": 2}, removed_examples={"no source": ["out/<b>.jpg", "out/2.jpg"]}
    )
    assert "no source2out/<b>.jpg" in Outline(render_page(removed)).text
    assert "Nothing was removed: not confirmed" in render_page(a_report(extra=3, not_pruned="not confirmed"))


@pytest.mark.parametrize(
    ("stopped", "verdict"), [("interrupted", "interrupted"), ("the credentials have expired", "incomplete")]
)
def test_a_run_that_was_stopped_says_so_first(stopped: str, verdict: str) -> None:
    """A banner above everything, with the reason, and no verdict that could be mistaken."""
    page = render_page(a_report(stopped=stopped, warnings=["source one looks odd"]))
    assert f"<title>Merge: {verdict}</title>" in page
    banners = re.findall("<li><bdi>(.*?)</bdi></li>", page)
    assert [stopped in banner for banner in banners] == [True, False]
    assert "stopped before its end" in banners[0]
    assert "Decided: 325,891 identities with 1,247,332 images (124,782 more skipped): " in banners[0]
    assert ("To go on, run the same command again" in banners[0]) == (stopped == "interrupted")


def test_an_incomplete_merge_says_why_first() -> None:
    """A sentence for each reason, with what to do, above all numbers; none where there is nothing to do."""
    todo = "say --if-exists overwrite, or move what is in the way"
    page = render_page(a_report(conflicts=2, failed=1, not_attempted=3, not_removed=1))
    page = re.sub('<span class="option">(.*?)</span>', r"\1", page)
    assert [banner.partition(":")[2] for banner in re.findall("<li><bdi>(Incomplete:.*?)</bdi></li>", page)] == [
        f" 2 planned targets taken by something else, which was left alone: {todo}",
        " 4 images not copied: run the same command again to try the rest",
        " 1 object not removed: run the same command again to try the rest",
    ]
    for other in (a_report(), a_report(failed=1, stopped="interrupted"), a_report(command="plan", conflicts=1)):
        assert "Incomplete:" not in render_page(other)


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
    """Differences and extra objects are named with their reasons, and what is empty is left away."""
    full = render_page(full_verification())
    titles = ["In all", "From where", "What was compared, and how", "Images of an identity, at the destination",
              "Missing", "Different", "Extra", "Left out", "Requests to S3"]  # fmt: skip
    assert re.findall("<h2>(.*?)</h2>", full) == titles
    assert "<title>Verification: not exactly the plan</title>" in full
    for said in (CONTENT, "no source", "1,000 B, text", "1.0 kB", "RecordIO files instead of the folders"):
        assert said in full, said
    assert "SHA-256" not in full
    bare = render_page(a_verification(images_per_identity={}, proven={"bytes": 5}, unproven=0))
    assert "<title>Verification: exactly the plan</title>" in bare
    assert "SHA-256 of the bytes" in bare
    titles = ["In all", "From where", "What was compared, and how", "Left out", "Requests to S3"]
    assert re.findall("<h2>(.*?)</h2>", bare) == titles


def test_a_plan_tells_cost_and_time() -> None:
    """What it will cost, and not how fast it went."""
    page = render_page(replace(a_report(command="plan", copied=0, not_attempted=5), estimate=ESTIMATE))
    assert "<title>Merge plan: nothing copied yet</title>" in page
    assert ">$6.24<" in page
    assert "Copies over time" not in page


def test_what_is_no_report_has_no_page() -> None:
    """A mistake of the caller, said at once."""
    with pytest.raises(TypeError, match="there is no page of str"):
        render_page("report")


@given(st.lists(st.integers(0, 50), max_size=900))
def test_samples_are_few_and_in_order(steps: list[int]) -> None:
    """However many are taken: the first and the last are kept, the number is bounded, time and count only grow."""
    throughput, copied = Throughput(), 0
    for number, step in enumerate(steps, 1):
        copied += step
        throughput.record(number * throughput.interval, copied)
    samples = throughput.samples
    assert len(samples) <= LIMIT
    assert samples[0] == (0.0, 0)
    assert samples[-1].copied == copied
    assert [sample.copied for sample in samples] == sorted(sample.copied for sample in samples)


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, [0, 1]),
        (2, [0, 1, 2]),
        (7, [0, 2, 4, 6, 8]),
        (298_445, [0, 100_000, 200_000, 300_000]),
        (1_000_001, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
def test_axes_of_counts_are_labelled_with_whole_numbers(most: int, ticks: list[int]) -> None:
    """From 0 to what holds the longest bar, at few round numbers."""
    assert whole_ticks(most) == ticks


def test_an_option_in_a_sentence_is_not_torn() -> None:
    """It is marked, so that no line ends at its hyphens; what is around it is escaped as ever."""
    page = render_page(a_report(warnings=["<b> take --min-images 3"]))
    assert '&lt;b&gt; take <span class="option">--min-images</span> 3' in page
