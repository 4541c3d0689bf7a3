"""What a run shows while it goes on."""

import io
import sys

import pytest
from tqdm import tqdm

from streammerge.progress import Bars, Lines, Progress, VerboseLines, watch


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars on a terminal, lines elsewhere, lines if verbose, nothing if quiet."""
    assert type(watch(copying=True)) is Lines
    assert type(watch(copying=True, quiet=True)) is Progress
    assert type(watch(copying=True, verbose=True)) is VerboseLines
    monkeypatch.setattr(sys, "stderr", Terminal())
    with watch(copying=True) as bars:
        assert type(bars) is Bars


def test_bars_leave_the_screen_to_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share done is shown only when all is listed; at the end no bar is left behind."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    with Bars(copying=True) as bars:
        bars.listed(1000)
        bars.planned(40)
        bars.copied(10)
        assert "%" not in terminal.getvalue()
        bars.listing_done()
        assert "25%" in terminal.getvalue()
    last = terminal.getvalue().rpartition("images/s]")[2]
    assert last.strip("\r\n \x1b[A") == ""


def test_a_log_hears_of_it_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there is a line every half a minute, not one for each step."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines = Lines()
    lines.planned(5)
    for _ in range(3):
        now[0] += 20
        lines.listed(1000)
        lines.copied(1)
    assert capsys.readouterr().err == "2,000 keys listed, 1 of 5 images copied, still listing\n"
