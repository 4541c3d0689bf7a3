"""Colours are for terminals, and for those who want them."""

import io

import click
import pytest

from streammerge.colours import coloured

_TEXT = """\
MERGE INCOMPLETE
Copied:        1 Warning: in the middle of a line, as in a key
Warning:       source one looks odd
Failures:
  MERGE COMPLETE
"""


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_what_should_not_be_overlooked_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """How it ended, warnings and failures, at the beginning of a line alone; the text stays what it was."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown = coloured(_TEXT, Terminal())
    assert click.unstyle(shown) == _TEXT
    marked = [line for line in shown.splitlines() if line.startswith("\x1b[")]
    assert [click.unstyle(line).split(":")[0] for line in marked] == ["MERGE INCOMPLETE", "Warning", "Failures"]
    assert shown.count("\x1b[") == 2 * 3 + 3  # each with its colour, bold, and an end
    assert coloured("MERGE COMPLETE", Terminal()) == click.style("MERGE COMPLETE", fg="green", bold=True)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_nobody_gets_colours_who_does_not_want_them(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Neither a file nor a terminal without them, nor who says so."""
    assert coloured(_TEXT, io.StringIO()) == _TEXT
    monkeypatch.setenv(name, value)
    assert coloured(_TEXT, Terminal()) == _TEXT
