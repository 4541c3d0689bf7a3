"""A description as text: wrapped, aligned, coloured by role, and harmless."""

import io

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.report.description import Bars, Description, Fact, Key, Notice, Number, Row, Section, Table, size
from streammerge.report.terminal import has_colours, labelled, width_of
from streammerge.report.text import render_section, render_text

_LONG = "s3://bucket/" + "a-b/" * 30


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def lines_of(*sections: Section, width: int = 80) -> list[str]:
    """The sections as text, without what is above them."""
    return render_text(Description("Title", sections=sections), width=width).split("\n")[4:]


def test_a_whole_description() -> None:
    """Banner, headline, sections, notices and next steps, in this order."""
    description = Description(
        "Merge", "complete", "good",
        headline=[Fact("Total images", Number(1234))],
        sections=[Section("Copies", [Fact("Copied", Number(2), size(5)), Fact("Already there", Number(0))]),
                  Section("Empty"), Section("Only on the page", notes=["a note"], detail=True)],
        notices=[Notice("error", "broken"), Notice("warning", "odd")],
        next_steps=["Run it again"],
    )  # fmt: skip
    assert render_text(description).split("\n") == [
        *("=" * 60, "MERGE COMPLETE", "=" * 60, "Total images: 1,234", ""),
        *("Copies", "  Copied:        2 (5 B)", "  Already there: 0", ""),
        *("Error: broken", "Warning: odd", "", "Next steps", "- Run it again"),
    ]


def test_text_is_wrapped_below_its_beginning() -> None:
    """At words; a key or a command in backticks stays whole, even one that is longer than the line."""
    fact = Fact("Label", "word " * 15 + "--min-images", detail=Key("a key with spaces"))
    command = "`streammerge verify --deep all`"
    found = lines_of(Section("Title", [fact, Fact("URL", Key(_LONG))], notes=["word " * 10 + command]), width=60)
    assert found == [
        "Title",
        "  Label: " + " ".join(["word"] * 10),
        "         " + " ".join(["word"] * 5) + " --min-images",
        "         (a key with spaces)",
        f"  URL:   {_LONG}",
        "  " + " ".join(["word"] * 10),
        f"  {command}",
    ]


def test_a_table_is_aligned_where_it_fits() -> None:
    """Numbers to the right; elsewhere a row is a block of lines, in which a key that fills a line has no head."""
    rows: list[Row] = [["one", Key("s3://a/"), Number(5)], ["second", Key("s3://b/"), Number(12345)]]
    table = Table(["Source", "URL", "Images"], rows, total=7)
    assert lines_of(Section("Sources", tables=[table])) == [
        "Sources",
        "  Source  URL      Images",
        "  one     s3://a/       5",
        "  second  s3://b/  12,345",
        "  … and 5 more",
    ]
    wide = Table(["Source", "URL", "Why", "Images"], [["one", Key(_LONG), "word " * 8, Number(5)]])
    assert lines_of(Section("Sources", tables=[wide]), width=60)[1:] == [
        "  one  images: 5",
        f"    {_LONG}",
        "    why: " + " ".join(["word"] * 8),
    ]


def test_examples_are_few() -> None:
    """Five of them, and how many more there are."""
    rows = [[Key(f"key {number}")] for number in range(20)]
    lines = lines_of(Section("Conflicts", tables=[Table(["Examples"], rows, total=1020)]))
    assert lines == ["Conflicts", "  Examples:", *(f"    key {number}" for number in range(5)), "  … and 1,015 more"]
    assert len(lines_of(Section("All", tables=[Table(["A", "B"], [["a", "b"]] * 20)]))) == 22


def test_a_histogram_is_small() -> None:
    """The longest bar has a bounded length, and the shortest is seen."""
    chart = Bars("Identities", [("1", Number(9000)), ("2–5", Number(3000)), ("1,000 or more", Number(1))])
    assert lines_of(Section("Images", charts=[chart]))[2:] == [
        "  Identities:",
        f"                1  9,000  {'█' * 30}",
        f"              2–5  3,000  {'█' * 10}",
        "    1,000 or more      1  █",
    ]


@pytest.mark.parametrize(("role", "colour"), [("good", "green"), ("bad", "red"), ("neutral", None)])
def test_colours_follow_roles(role: str, colour: str | None) -> None:
    """Of the banner, of section titles and of notices; without colours the text is the same."""
    description = Description(
        "Merge", "complete", role, sections=[Section("Failures", notes=["MERGE COMPLETE"], role="bad")],  # type: ignore[arg-type]
        notices=[Notice("warning", "Error: a word of a key"), Notice("error", "broken")],
    )  # fmt: skip
    text = render_text(description, colour=True)
    assert click.unstyle(text) == render_text(description)
    styled = [
        click.style("MERGE COMPLETE", fg=colour, bold=True),
        click.style("Failures", fg="red", bold=True),
        click.style("Warning: ", fg="yellow", bold=True),
        click.style("Error: ", fg="red", bold=True),
    ]
    assert all(each in text for each in styled)
    assert text.count("\x1b[0m") == len(styled)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_key_holds_is_harmless(text: str) -> None:
    """Nothing that a terminal obeys is left of it, wherever it stands."""
    table = Table(["A", "B"], [[Key(text), text]])
    section = Section("Title", [Fact("Label", Key(text), text)], tables=[table], notes=[text])
    shown = render_text(Description("Merge", sections=[section], notices=[Notice("error", text)], next_steps=[text]))
    assert all(character.isprintable() or character == "\n" for character in shown)


@pytest.mark.parametrize(("columns", "width"), [(20, 60), (72, 72), (300, 120)])
def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, width: int) -> None:
    """Within bounds; elsewhere it is 80 columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert width_of(Terminal()) == width
    assert width_of(io.StringIO()) == 80


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """And for those who have not turned them off."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert has_colours(Terminal())
    assert not has_colours(io.StringIO())
    assert labelled("Warning", "warning", "odd", io.StringIO()) == "Warning: odd"
    assert labelled("Warning", "warning", "odd", Terminal()) == f"{click.style('Warning:', fg='yellow', bold=True)} odd"
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colours(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colours(Terminal())


def test_urls_lose_what_they_share_where_that_makes_them_fit() -> None:
    """A table that is too wide has an ellipsis for the common folders, and a line that says what it stands for."""
    urls = [f"s3://a-bucket-with-a-long-name/datasets/of-the-year/{name}/" for name in ("photos", "faces")]
    rows: list[Row] = [[name, Key(url), Number(7)] for name, url in zip("ab", urls, strict=True)]
    sources = Section("Sources", tables=[Table(["Source", "URL", "Images"], rows)])
    assert all(url in render_section(sources, width=100) for url in urls)
    assert render_section(sources, width=66).split("\n") == [
        "  Source  URL       Images",
        "  a       …photos/       7",
        "  b       …faces/        7",
        "  URL: … is s3://a-bucket-with-a-long-name/datasets/of-the-year/",
    ]
