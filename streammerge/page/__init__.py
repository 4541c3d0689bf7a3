"""A report as a page: one HTML file that needs nothing else, for a browser, a phone or paper.

Strategy: `content` says what stands on a page and takes every number from the report's JSON, so that the two cannot
differ; for each kind of report a module makes the content of it. The template knows only content. Names and keys come
from S3 and are hostile: the template escapes everything, and the page forbids itself scripts and the network.
"""

from datetime import datetime
from typing import Any


def render_page(report: Any, *, command: str = "", made: datetime | None = None) -> str:
    """The page of a report: that of merge, plan, verify or inspect. Raises TypeError for what is none.

    command: what was typed to get the report, shown as it is: it may hold no credentials. made: when the page was
    made; now, if it is not given. A time without a zone is taken for local.
    """
    from streammerge.page.drawing import draw  # noqa: PLC0415 - brings jinja2 and leather, which --help need not load
    from streammerge.page.origin import origin_of  # noqa: PLC0415
    from streammerge.page.reports import content_of  # noqa: PLC0415

    return draw(content_of(report), origin_of(report, command, made))
