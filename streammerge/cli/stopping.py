"""Saying how far a run came that was stopped before its end."""

import json
import sys
from pathlib import Path

from streammerge.cli.exits import ending
from streammerge.cli.files import write_page
from streammerge.cli.showing import show
from streammerge.colours import coloured
from streammerge.core.pulled import PullReport
from streammerge.core.report import Report
from streammerge.errors import StreamMergeError


def say_stopped(
    report: Report | PullReport, so_far: str, error: BaseException, *, as_json: bool, html: Path | None = None
) -> int:
    """Say what stopped a run and how far it came, as text, as JSON and as a page; the exit code."""
    message, code = ending(error)
    print(coloured(f"streammerge: {message}\n{so_far}", sys.stderr), file=sys.stderr)
    try:
        if as_json:
            show(json.dumps({**report.to_json(), "error": message, "exit_code": code}))
        write_page(html, report)
    except StreamMergeError as unwritten:
        print(f"streammerge: {unwritten}", file=sys.stderr)  # what stopped the run matters more
    return code
