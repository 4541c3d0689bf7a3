"""A report as a page: one HTML file that needs nothing else, for a browser, a phone or paper.

Strategy: `content` says what stands on a page and takes every number from the report's JSON, so that the two cannot
differ; for each kind of report a module makes the content of it. The template knows only content. Names and keys come
from S3 and are hostile: the template escapes everything, and the page forbids itself scripts and the network.
"""

from typing import Any


def render_page(report: Any) -> str:
    """The page of a report: that of merge, plan, verify or inspect. Raises TypeError for what is none."""
    from streammerge.page.drawing import draw  # noqa: PLC0415 - brings jinja2 and leather, which --help need not load
    from streammerge.page.reports import content_of  # noqa: PLC0415

    return draw(content_of(report))
