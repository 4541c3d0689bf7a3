"""Showing a result: on stdout, where nothing else goes, and as a page; on stderr what went wrong."""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from streammerge.cli.exits import FAILED, ending
from streammerge.cli.files import write_page
from streammerge.colours import coloured
from streammerge.errors import RunError


def say(report: Any, render: Callable[[Any], str], given: dict[str, Any], code: int) -> int:
    """Show the report of a run that came to its end, and write its page if a file is named for it.

    The page comes first, since whoever reads stdout may go away. Returns `code`; where the run did well and its page
    cannot be written, FAILED.
    """
    failure: dict[str, Any] = {}
    try:
        write_page(given.get("html"), report)  # pull has no page
    except RunError as error:
        code = code or FAILED
        failure = {"error": str(error), "exit_code": code}
        tell(f"streammerge: {error}")
    show(json.dumps({**report.to_json(), **failure}) if given["as_json"] else render(report))
    return code


def say_stopped(report: Any, so_far: str, error: BaseException, given: dict[str, Any]) -> int:
    """Say what stopped a run and how far it came, as text, as JSON and as a page; returns the exit code."""
    message, code = ending(error)
    tell(f"streammerge: {message}\n{so_far}")
    try:
        write_page(given.get("html"), report)
    except RunError as unwritten:
        tell(f"streammerge: {unwritten}")  # what stopped the run matters more
    if given["as_json"]:
        show_error(message, code, report.to_json())
    return code


def show(text: str) -> None:
    """Print a report, as text or as JSON.

    Raises RunError where stdout takes no more, and BrokenPipeError where nobody reads it, which ends click quietly.
    """
    try:
        print(coloured(text, sys.stdout))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        if isinstance(error, BrokenPipeError):
            raise
        raise RunError(f"cannot write the report to stdout: {error.strerror}. What was done stays") from error


def show_error(message: str, code: int, so_far: dict[str, Any] | None = None) -> None:
    """Print as JSON why a run failed, beside what it had come to, if anybody reads it."""
    with contextlib.suppress(OSError, RunError):
        show(json.dumps({**(so_far or {}), "error": message, "exit_code": code}))


def tell(text: str) -> None:
    """Print on stderr what went wrong; if nobody reads that any more, the exit code has to say it."""
    with contextlib.suppress(OSError):
        print(coloured(text, sys.stderr), file=sys.stderr)
