"""Draws a page: the template by jinja2, which escapes whatever is put in, the charts by leather, as plain SVG.

Strategy: leather writes colours and fonts into its SVG; the page's style sheet overrides them, so that they follow
light, dark and paper. The picture gets a viewBox for its fixed size, so that it shrinks with the page.
"""

import json
import re
from itertools import count
from pathlib import Path

import leather
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from streammerge.page.content import Chart, Content
from streammerge.page.origin import Origin

_WIDTH, _BAR, _LINE, _FRAME = 640, 22, 180, 90  # pixels: of a chart, a bar, a line's height, what goes around
_CROP, _CROP_RIGHT = 24, 8  # pixels of leather's margin that are cut off; at the right stands half of the last label
_TICKS = 5  # at most, beside that at 0
_OPTION = re.compile(r"(--[a-z][a-z-]*)")
_SIZE = re.compile(r'<svg width="\d+" height="\d+"')


def draw(content: Content, origin: Origin) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["chart"] = _chart
    environment.filters["path"] = json.dumps
    environment.filters["breakable"] = _breakable
    environment.filters["prose"] = _prose
    return environment.get_template("page.html.j2").render(content=content, origin=origin)


def _breakable(key: str) -> Markup:
    """A key that may break after each slash, before it has to break anywhere."""
    return Markup("/<wbr>").join(map(escape, key.split("/")))


def _prose(text: str) -> Markup:
    """A sentence, in which an option is not torn at its hyphens."""
    marked = Markup('<span class="option">{}</span>')
    return Markup().join(marked.format(part) if part.startswith("--") else part for part in _OPTION.split(text))


def _chart(chart: Chart) -> Markup:
    drawn = leather.Chart()
    if chart.line:
        drawn.add_line(chart.line)
        drawn.add_x_axis(name=chart.along, tick_formatter=_tick)
        drawn.add_y_axis(tick_formatter=_tick)
        height = _LINE
    else:
        drawn.add_bars([(value, f"{label}: {value:,}") for label, value in chart.bars])
        ticks = whole_ticks(max(value for _, value in chart.bars))
        drawn.add_x_scale(0, ticks[-1])
        drawn.add_x_axis(ticks=ticks, tick_formatter=_tick)
        height = _BAR * len(chart.bars)
    svg = drawn.to_svg(width=_WIDTH, height=height + _FRAME)
    view = f"{_CROP} {_CROP} {_WIDTH - _CROP - _CROP_RIGHT} {height + _FRAME - 2 * _CROP}"
    opening = f'<svg role="img" aria-label="{escape(chart.title)}" viewBox="{view}"'
    return Markup(_SIZE.sub(opening, svg, count=1))  # noqa: S704 - leather and the line above escape all text


def whole_ticks(most: int) -> list[int]:
    """Where an axis of counts is labelled, from 0 to the first tick that is not below `most`; few, at round numbers."""
    step = next(step for power in count() for digit in (1, 2, 5) if (step := digit * 10**power) * _TICKS >= most)
    return list(range(0, max(1, -(-most // step)) * step + 1, step))


def _tick(value: float, *_: object) -> str:
    return f"{value:,g}"
