"""A description as a page: one HTML file that loads nothing, for a browser, a phone, a notebook or paper.

Strategy: jinja2 escapes whatever is put into the template; the page forbids itself the network, and all scripts but
its own, by its hash. Bars are plain HTML, so that their text keeps its size on a phone; a line is one SVG path that
stretches with the page.
"""

import hashlib
import math
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from streammerge.dataset.objects import printable
from streammerge.report.description import Bars, Description, Number, Phrase, Picture, duration
from streammerge.report.units import human_time, percent

_WIDTH, _HEIGHT = 600, 120  # of a line chart, in units of its own
_COMMAND = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"((?<![\w-])--[a-z][a-z-]*)")


def render_page(description: Description, *, command: str = "", made: datetime | None = None) -> str:
    """The description as an HTML page.

    command: the command that made the report, shown as it is: it must not hold credentials. made: when the page was
    made, now by default; a time without a zone is local.
    """
    at = (made or datetime.now(UTC)).astimezone()
    iso = at.isoformat(timespec="seconds")
    environment = _environment()
    script = environment.get_template("page.js").render()
    digest = b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode("ascii")
    return environment.get_template("page.html.j2").render(
        page=description,
        sections=[section for section in description.sections if section],
        script_hash=f"sha256-{digest}",
        made=iso,
        when=f"{at:%Y-%m-%d %H:%M:%S} UTC{iso[19:] if at.utcoffset() else ''}",
        version=version("streammerge"),
        took=None if description.seconds is None else duration(description.seconds),
        command=command,
    )


@cache
def _environment() -> Environment:
    """The templates of a page, which are compiled once in a process."""
    environment = Environment(
        loader=PackageLoader("streammerge.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cells": _cells, "prose": _prose, "key": _key, "points": _points, "time": human_time}
    environment.filters |= {"plain": printable, "uri": _uri, "widths": _widths}
    environment.tests["amount"] = _is_amount
    return environment


def render_frame(description: Description) -> str:
    """The page in a frame of its own, so that it and a notebook do not share their styles."""
    page = escape(render_page(description))
    return f'<iframe srcdoc="{page}" sandbox style="width: 100%; height: 40rem; border: 0"></iframe>'


def _cells(phrase: Phrase) -> Sequence[object]:
    return phrase if isinstance(phrase, tuple) else (phrase,) if phrase != "" else ()


def _is_amount(cell: Phrase) -> bool:
    """Whether a cell of a table is a number, or a share in percent."""
    return isinstance(cell, Number) or (isinstance(cell, str) and cell.endswith("%"))


def _key(text: str) -> Markup:
    """A key, which may break after each slash before it has to break anywhere."""
    return Markup("/<wbr>").join(map(escape, printable(text).split("/")))


def _widths(chart: Bars) -> Iterator[tuple[str, Number, str, float]]:
    """Of each bar: its label, its number, its share of all, and its width in percent of the longest."""
    values = [number.value for _, number in chart.bars]
    total, scale = sum(values), math.log1p if chart.logarithmic else float
    longest = scale(max(values)) or 1
    for label, number in chart.bars:
        yield label, number, percent(number.value, total), 100 * scale(number.value) / longest


def _uri(picture: Picture) -> str:
    return "data:image/jpeg;base64," + b64encode(picture.jpeg).decode("ascii")


def _prose(text: str) -> Markup:
    """A sentence, in which a command in backticks is set as one, and no line ends at the hyphens of an option."""
    parts = [_with_options(part) for part in _COMMAND.split(printable(text))]
    parts[1::2] = map(Markup("<code>{}</code>").format, parts[1::2])
    return Markup().join(parts)


def _with_options(text: str) -> Markup:
    parts = _OPTION.split(text)
    parts[1::2] = map(Markup('<span class="option">{}</span>').format, parts[1::2])
    return Markup().join(parts)


def _points(points: Sequence[tuple[float, float]]) -> str:
    """Points as those of an SVG polyline, from 0 to the last second and the highest value."""
    last, highest = points[-1][0], max(value for _, value in points)
    return " ".join(f"{x / last * _WIDTH:.1f},{_HEIGHT - y / highest * _HEIGHT:.1f}" for x, y in points)
