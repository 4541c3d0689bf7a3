"""What a stream can show: its width in columns, and whether it takes colours."""

import os
import shutil
from typing import TextIO

from streammerge.report.style import styled

_NARROWEST, _DEFAULT, _WIDEST = 60, 80, 120  # columns; longer lines are hard to read


def width_of(stream: TextIO) -> int:
    """How many columns a report gets on a stream: those of the terminal, within bounds; 80 elsewhere."""
    if not stream.isatty():
        return _DEFAULT
    return min(max(shutil.get_terminal_size((_DEFAULT, 0)).columns, _NARROWEST), _WIDEST)


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal with colours that are not turned off: https://no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def labelled(label: str, role: str, text: str, stream: TextIO) -> str:
    """A message for a stream, `label: text`, the label in the style of its role."""
    return f"{styled(f'{label}:', role, colour=has_colours(stream))} {text}"
