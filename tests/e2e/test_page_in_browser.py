"""Pages by the real command in a real browser: they render, their console is silent, they tell what the JSON tells."""

import contextlib
import json
import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from browser import Browser
from command import streammerge
from seeding import new_bucket, put_all
from servers import Server, connect

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
# of each verb: where the destination is, the exit code, and how many charts there are at least


@pytest.fixture(scope="module")
def arguments(moto_server: Server) -> Iterator[list[str]]:
    """Two sources, one with hostile keys."""
    with contextlib.closing(connect(moto_server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, _OBJECTS)
        yield [f"s3://{bucket}/photos/", f"s3://{bucket}/faces/", "--layout", "faces={identity}_face.{ext}"]


def numbers(dom: str) -> dict[tuple[str | int, ...], tuple[float, str]]:
    """Every number of a page, by its place in the JSON, and how it reads."""
    found = re.findall(r'<data value="([^"]*)" data-path="([^"]*)">([^<]*)</data>', dom)
    return {tuple(json.loads(unescape(path))): (float(value), text) for value, path, text in found}


def at(report: Any, path: tuple[str | int, ...]) -> float:
    """The number that stands there in the JSON."""
    for step in path:
        report = report[step]
    return float(report)


@pytest.mark.parametrize("verb", _CASES)
def test_a_page_in_the_browser(
    verb: str, moto_server: Server, arguments: list[str], browser: Browser, tmp_path: Path
) -> None:
    """It renders without a word on the console, runs nothing that a key says, and every number is that of the JSON."""
    page = tmp_path / "page.html"
    into, code, charts = _CASES[verb]
    more = ["--into", arguments[0].replace("photos", into), "--min-images", "1"] if into else ["--duplicates"]
    ended = streammerge(verb, *arguments, *more, "--html", str(page), "--json", server=moto_server)
    assert ended.code == code, ended.err
    rendered = browser.render(page)
    assert rendered.console == []
    assert "<script" not in rendered.dom
    assert f"streammerge {verb} {arguments[0]}" in re.sub("<.*?>", "", rendered.dom)
    assert "\u202e" not in rendered.dom
    assert "\\u202egpj.live.jpg" in rendered.dom
    shown = numbers(rendered.dom)
    assert len(shown) > 15
    assert {path: value for path, (value, _) in shown.items()} == {path: at(ended.report, path) for path in shown}
    counts = {path: text for path, (_, text) in shown.items() if path[-1] in ("identities", "images", "extra")}
    assert counts
    assert all(text == f"{int(at(ended.report, path)):,}" for path, text in counts.items())
    assert rendered.dom.count("<svg") == rendered.dom.count("</svg>") >= charts


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
    one, other = (Image.open(BytesIO(picture)).convert("L").getpixel((2, 2)) for picture in (light, dark))
    assert isinstance(one, int)
    assert isinstance(other, int)
    assert (one > 200, other < 60) == (True, True)


def test_it_fits_a_phone(inspection: Path, browser: Browser, tmp_path: Path) -> None:
    """In a narrow window nothing makes the page itself scroll sideways. A script put into a copy measures it."""
    measure = "<script>document.title = [document.documentElement.scrollWidth, innerWidth]</script>"
    copy = tmp_path / "copy.html"
    without_policy = re.sub(r"<meta http-equiv.*", "", inspection.read_text("utf-8"))
    copy.write_text(without_policy.replace("</body>", measure + "</body>"), "utf-8")
    title = re.search(r"<title>(\d+),(\d+)</title>", browser.render(copy, "--window-size=390,844").dom)
    assert title
    assert int(title[1]) <= int(title[2]) < 600


def test_a_page_that_cannot_be_written_is_said_before_the_work(arguments: list[str], tmp_path: Path) -> None:
    """Exit 2 before anything is asked of S3."""
    ended = streammerge("inspect", *arguments, "--html", str(tmp_path / "missing" / "page.html"))
    assert (ended.code, ended.out) == (2, "")
    assert "is no folder that may be written to" in ended.err
