"""Long lines of a report, folded for a terminal of 80 columns."""

import re
import textwrap

_WIDTH = 80  # columns
_START = re.compile(r"\s*(?:[A-Za-z][\w -]{0,20}: +)?")  # what a line begins with: spaces, and a label with its colon


def folded(line: str) -> str:
    """A line of a report, or several if it is long, the later ones below where the text of the first begins.

    Only spaces are broken at, so a URL, a key or an option stays whole, however long it is.
    """
    start = _START.match(line)
    indent = " " * (start.end() if start else 0)
    return "\n".join(
        textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )
