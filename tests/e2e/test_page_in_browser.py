"""Pages by the real command in a real browser: they render, their console is silent, they tell what the JSON tells."""

import contextlib
import csv
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from browser import Browser
from command import streammerge
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge.report.description import Description, Row, Section, Table
from streammerge.report.html import render_page

_HOSTILE = "<script>console.error('run')</script>&\"'"
_OBJECTS = {
    "photos/p1/1.jpg": b"1",
    "photos/p1/2.jpg": b"2",
    "photos/p2/d/1.jpg": b"3",
    "photos/p3/1.jpg": b"1",
    f"photos/{_HOSTILE}/1.jpg": b"1",
    f"photos/{_HOSTILE}.txt": b"no image",
    "photos/\u202egpj.live.jpg": b"reordered",
    "faces/p1_face.png": b"4",
    "faces/p2_face.png": b"5",
    f"merged/{_HOSTILE}.jpg": b"in the way of nothing",
    "merged/train.rec": b"stale",
    "checked/p1/1.jpg": b"1",
    "checked/p1/2.jpg": b"of another size",
    f"checked/{_HOSTILE}.jpg": b"in no folder",
    "checked/\u202egpj.live.jpg": b"in no folder",
    "checked/train.rec": b"stale",
}
_CASES = {"inspect": ("", 0, 3), "plan": ("merged", 0, 2), "merge": ("merged", 0, 2), "verify": ("checked", 4, 1)}
# of each command: where the destination is, the exit code, and how many charts there are at least


@pytest.fixture(scope="module")
def arguments(moto_server: Server) -> Iterator[list[str]]:
    """Two sources, one with hostile keys."""
    with contextlib.closing(connect(moto_server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, _OBJECTS)
        yield [f"s3://{bucket}/photos/", f"s3://{bucket}/faces/", "--layout", "faces={identity}_face.{ext}"]


def shown_in(dom: str) -> list[tuple[float, str]]:
    """Every number of a page, and how it reads."""
    return [(float(value), text) for value, text in re.findall(r'<data value="([^"]*)">([^<]*)</data>', dom)]


def numbers_of(report: Any) -> set[float]:
    """Every number of a JSON object."""
    values = report.values() if isinstance(report, dict) else report
    found = {float(value) for value in values if isinstance(value, int | float)}
    return found.union(*(numbers_of(value) for value in values if isinstance(value, dict | list)))


@pytest.mark.parametrize("command", _CASES)
def test_a_page_in_the_browser(
    command: str, moto_server: Server, arguments: list[str], browser: Browser, tmp_path: Path
) -> None:
    """It renders without a word on the console, runs nothing that a key says, and every number is in the JSON."""
    page = tmp_path / "page.html"
    into, code, charts = _CASES[command]
    more = ["--into", arguments[0].replace("photos", into), "--min-images", "1"] if into else ["--duplicates"]
    ended = streammerge(command, *arguments, *more, "--html", str(page), "--json", server=moto_server)
    assert ended.code == code, ended.err
    rendered = browser.render(page)
    assert rendered.console == []
    assert rendered.dom.count("<script") == 1
    assert command != "inspect" or ">Save as CSV<" in rendered.dom  # so it ran
    assert f"streammerge {command} {arguments[0]}" in re.sub("<.*?>", "", rendered.dom)
    assert "\u202e" not in rendered.dom
    assert "\\u202egpj.live.jpg" in rendered.dom
    shown = shown_in(rendered.dom)
    assert len(shown) > 15
    assert {value for value, _ in shown} <= numbers_of(ended.report)
    assert rendered.dom.count("<figure") == rendered.dom.count("</figure>") >= charts


def test_the_console_would_be_heard(browser: Browser, tmp_path: Path) -> None:
    """An error on a page's console is seen here, so that none is proof."""
    page = tmp_path / "bad.html"
    page.write_text("<script>nobody.knows()</script>")
    assert any("nobody is not defined" in message for message in browser.render(page).console)


@pytest.fixture(scope="module")
def inspection(moto_server: Server, arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an inspection."""
    page = tmp_path_factory.mktemp("page") / "inspection.html"
    ended = streammerge("inspect", *arguments, "-q", "--html", str(page), server=moto_server)
    assert (ended.code, ended.err) == (0, "")
    return page


def test_it_is_light_or_dark_as_the_reader_has_it(inspection: Path, browser: Browser, tmp_path: Path) -> None:
    """The page follows the colour scheme of the browser."""
    light = browser.picture(inspection, tmp_path / "light.png", height=200)
    dark = browser.picture(inspection, tmp_path / "dark.png", "--blink-settings=preferredColorScheme=0", height=200)
    one, other = (Image.open(io.BytesIO(picture)).convert("L").getpixel((2, 2)) for picture in (light, dark))
    assert isinstance(one, int)
    assert isinstance(other, int)
    assert (one > 200, other < 60) == (True, True)


def test_it_fits_a_phone(inspection: Path, browser: Browser, tmp_path: Path) -> None:
    """In a narrow window nothing makes the page itself scroll sideways. A script put into a copy measures it."""
    measure = "<script>document.title = [document.documentElement.scrollWidth, innerWidth]</script>"
    copy = tmp_path / "copy.html"
    without_policy = re.sub(r"<meta http-equiv.*", "", inspection.read_text("utf-8"))
    copy.write_text(without_policy.replace("</body>", measure + "</body>"), "utf-8")
    for width in (390, 360):
        title = re.search(r"<title>(\d+),(\d+)</title>", browser.render(copy, f"--window-size={width},844").dom)
        assert title
        assert int(title[1]) <= int(title[2]) < 600


_TRY_TABLES = """<script>
const saved = [];
Blob = class { constructor(parts) { saved.push(parts[0]); } };
URL.createObjectURL = () => "#";
HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };
const table = [...document.querySelectorAll(".wide > table")].find((one) => one.rows.length > 5);
const heads = table.tHead.rows[0].cells;
const shown = () => [...table.tBodies[0].rows].map((row) => row.cells[1].textContent);
const seen = [shown()];
for (const click of [1, 2]) { heads[1].firstChild.click(); seen.push(shown()); }
table.parentElement.nextElementSibling.click();
document.title = JSON.stringify({ seen, sorted: heads[1].getAttribute("aria-sort"), saved });
</script>"""


def test_tables_can_be_sorted_and_saved(inspection: Path, browser: Browser, tmp_path: Path) -> None:
    """A click sorts by number, another one the other way; what is saved is CSV. A script put into a copy clicks."""
    copy = tmp_path / "copy.html"
    without_policy = re.sub(r"<meta http-equiv.*", "", inspection.read_text("utf-8"))
    copy.write_text(without_policy.replace("</body>", _TRY_TABLES + "</body>"), "utf-8")
    rendered = browser.render(copy)
    assert rendered.console == []
    found = json.loads(html.unescape(re.findall(r"<title>(.*?)</title>", rendered.dom)[0]))
    numbers = [[int(text.replace(",", "")) for text in column] for column in found["seen"]]
    assert numbers[1] == sorted(numbers[0])
    assert numbers[2] == sorted(numbers[0], reverse=True)
    assert found["sorted"] == "descending"
    text, name = found["saved"]
    rows = list(csv.reader(io.StringIO(text)))
    assert name.startswith("inspection-")
    assert rows[0] == ["--min-images", "Identities", "Images", "Only when combined"]
    assert [int(row[1]) for row in rows[1:]] == numbers[2]


_TRY_SHARES = """<script>
const table = document.querySelector(".wide > table");
table.tHead.rows[0].cells[1].firstChild.click();
const order = [...table.tBodies[0].rows].map((row) => row.cells[1].textContent);
const shown = [...table.querySelectorAll("td")].filter((cell) => cell.offsetHeight).length;
document.title = JSON.stringify({ order, shown });
</script>"""


def test_shares_are_numbers_and_empty_cells_take_no_place(browser: Browser, tmp_path: Path) -> None:
    """Percentages are sorted by value; a phone, which shows a cell below the other, leaves out those without any."""
    rows: list[Row] = [["one", "9.5%", ""], ["two", "71.4%", "x"], ["three", "<0.1%", ""]]
    page = render_page(
        Description("Shares", sections=[Section("All", tables=[Table(["Name", "Share", "Note"], rows)])])
    )
    copy = tmp_path / "copy.html"
    copy.write_text(re.sub(r"<meta http-equiv.*", "", page).replace("</body>", _TRY_SHARES + "</body>"), "utf-8")
    found = json.loads(re.findall(r"<title>(.*?)</title>", browser.render(copy, "--window-size=360,844").dom)[0])
    assert found == {"order": ["&lt;0.1%", "9.5%", "71.4%"], "shown": 7}


def test_a_page_that_cannot_be_written_is_said_before_the_work(arguments: list[str], tmp_path: Path) -> None:
    """Exit 2 before anything is asked of S3."""
    ended = streammerge("inspect", *arguments, "--html", str(tmp_path / "missing" / "page.html"))
    assert (ended.code, ended.out) == (2, "")
    assert "is not a writable folder" in ended.err
