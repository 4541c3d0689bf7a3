"""Shows a result on stdout, where nothing else goes, and as a page; errors go to stderr."""

import contextlib
import json
import logging
import os
import sys
from dataclasses import replace
from typing import Any

from streammerge.cli.exits import FAILED, ending
from streammerge.cli.files import write_page
from streammerge.errors import RunError
from streammerge.report.description import Description, Section
from streammerge.report.terminal import has_colours, labelled, width_of
from streammerge.report.text import render_text

_log = logging.getLogger(__name__)


def say(report: Any, given: dict[str, Any], code: int, *more: Section) -> int:
    """Show the report of a run that came to its end, and write its page if a file is named for it.

    more: sections for the text only. The page is written first, since the reader of stdout may go away.
    Returns `code`; where the run did well and its page cannot be written, FAILED.
    """
    failure: dict[str, Any] = {}
    description = report.describe()
    try:
        write_page(given.get("html"), description)
    except RunError as error:
        code = code or FAILED
        failure = {"error": str(error), "exit_code": code}
        tell_error(str(error))
    if given["as_json"]:
        show(json.dumps({**report.to_json(), **failure}))
    else:
        show_report(replace(description, sections=[*description.sections, *more]))
    return code


def show_report(description: Description) -> None:
    """Print a report as text, as stdout can show it; raises as `show` does."""
    show(render_text(description, width=width_of(sys.stdout), colour=has_colours(sys.stdout)))


def say_stopped(report: Any, so_far: str, error: BaseException, given: dict[str, Any]) -> int:
    """Say what stopped a run and how far it came, as text, as JSON and as a page; returns the exit code."""
    message, code = ending(error)
    tell_error(f"{message}\n{so_far}")
    try:
        write_page(given.get("html"), report.describe())
    except RunError as unwritten:
        tell_error(str(unwritten))  # what stopped the run matters more
    if given["as_json"]:
        show_error(message, code, report.to_json())
    return code


def show(text: str) -> None:
    """Print a report, as text or as JSON.

    A reader that has gone, such as `head`, changes nothing. Raises RunError if stdout cannot be written otherwise.
    """
    try:
        print(text)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        if not isinstance(error, BrokenPipeError):
            raise RunError(f"cannot write the report to stdout: {error.strerror}. What was done is kept") from error


def show_error(message: str, code: int, so_far: dict[str, Any] | None = None) -> None:
    """Print as JSON why a run failed, beside what it had come to, if anybody reads it."""
    with contextlib.suppress(OSError, RunError):
        show(json.dumps({**(so_far or {}), "error": message, "exit_code": code}))


def tell_error(message: str) -> None:
    """Print an error on stderr; if its reader is gone, the exit code has to suffice."""
    _log.error("streammerge: %s", message)
    with contextlib.suppress(OSError):
        print(labelled("streammerge", "error", message, sys.stderr), file=sys.stderr)
