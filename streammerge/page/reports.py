"""The content of each kind of report; another kind registers a function of its own."""

from functools import singledispatch
from typing import Any

from streammerge.core.inspected import InspectionReport
from streammerge.core.report import Report
from streammerge.core.verification import Verification
from streammerge.page.content import Content
from streammerge.page.inspection import inspection_content
from streammerge.page.merging import merging_content
from streammerge.page.verifying import verification_content


@singledispatch
def content_of(report: Any) -> Content:
    """What stands on the page of a report. Raises TypeError for what is none."""
    raise TypeError(f"there is no page of {type(report).__name__}")


content_of.register(InspectionReport, inspection_content)
content_of.register(Report, merging_content)
content_of.register(Verification, verification_content)
