"""Colours for what a reader should not overlook: how it ended, errors and warnings. On terminals alone."""

import os
import re
from typing import TextIO

import click

_GOOD, _BAD, _ODD = "green", "red", "yellow"
_MARKS = {
    re.compile(r"^(?:MERGE COMPLETE|PULL COMPLETE|VERIFIED)$", re.MULTILINE): _GOOD,
    re.compile(r"^(?:MERGE INCOMPLETE|PULL INCOMPLETE|VERIFICATION FOUND DIFFERENCES)$", re.MULTILINE): _BAD,
    re.compile(r"^(?:streammerge|Conflicts|Failures):", re.MULTILINE): _BAD,
    re.compile(r"^Warning:", re.MULTILINE): _ODD,
}


def coloured(text: str, stream: TextIO) -> str:
    """The text as it is to be written to a stream: with colours if that is a terminal that has them.

    https://no-color.org: NO_COLOR, if it is set and not empty, says that none are wanted.
    """
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    for mark, colour in _MARKS.items():
        text = mark.sub(click.style(r"\g<0>", fg=colour, bold=True), text)
    return text
