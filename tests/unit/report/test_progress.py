"""What a run shows while it goes on."""

import io
import sys

import pytest
from tqdm import tqdm

from streammerge.errors import ThrottledError, TransientError
from streammerge.report.progress import Progress, watch
from streammerge.report.progress_bars import Bars
from streammerge.report.progress_lines import Lines


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars on a terminal, lines elsewhere, either with the retries if verbose, nothing if quiet."""
    assert type(watch(copying=True)) is Lines
    assert type(watch(copying=True, quiet=True)) is Progress
    assert type(watch(copying=True, quiet=True, verbose=True)) is Lines
    monkeypatch.setattr(sys, "stderr", Terminal())
    with watch(copying=True) as bars:
        assert type(bars) is Bars


def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The stderr of what is shown from now on, without tqdm's thread."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    return terminal


def test_bars_leave_the_screen_to_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share done is shown only when all is listed; at the end no bar is left behind."""
    terminal = _terminal(monkeypatch)
    with Bars(copying=True) as bars:
        bars.listed(1000)
        bars.planned(40)
        bars.copied(10)
        assert "%" not in terminal.getvalue()
        bars.listing_done()
        assert "25%" in terminal.getvalue()
        assert "10 of 40 [" in terminal.getvalue()
        bars.planned(60)  # decided anew
        bars.copied(90)
    last = terminal.getvalue().rpartition("left]")[2]
    assert last.strip("\r\n \x1b[A") == ""


def test_a_bar_knows_a_bound_where_all_is_listed_before_it_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that need no copy are not waited for, and what is left is counted from the bound."""
    terminal = _terminal(monkeypatch)
    with Bars(copying=True) as bars:
        bars.listed(1000)
        bars.all_listed(1000)
        assert "0 of at most 1,000 images [" in terminal.getvalue()
        assert "%" not in terminal.getvalue(), "a share of a bound is not a share of the total"
        bars.planned(40, images=600)
        bars.copied(10)
        bars.listing_done()
    shown = terminal.getvalue()
    assert "10 of 40 [" in shown
    assert "Listing" not in shown.rpartition("at most")[2]


def test_bars_and_what_is_said_share_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """If verbose, each retry has a line of its own above the bars, which count them, too, and failures before them."""
    terminal = _terminal(monkeypatch)
    with Bars(copying=True, verbose=True) as bars:
        bars.planned(40)
        bars.retried(ThrottledError("copy 'a.jpg': SlowDown"))
        bars.retried(TransientError("copy 'b.jpg': no answer"))
        bars.copied(10)
        bars.failed(2)
        bars.listing_done()
    shown = terminal.getvalue()
    assert " 10 of 38 [" in shown
    assert "Retrying: copy 'a.jpg': SlowDown\n" in shown
    assert "Retrying: copy 'b.jpg': no answer\n" in shown
    assert "2 failed, 1 throttled, 1 retried]" in shown


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says, in seconds."""
    seconds = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    return seconds


def test_a_log_hears_of_it_now_and_then(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there is a line every half a minute, not one for each step."""
    lines = Lines(copying=True)
    lines.planned(500)
    for _ in range(3):
        now[0] += 20
        lines.listed(1000)
        lines.copied(80)
    said = "Copying: 80 of 500 images so far, 2 images/s; 2,000 keys listed, more to come\n"
    assert capsys.readouterr().err == said
    lines.all_listed(700)
    now[0] += 30
    lines.copied(20)
    assert capsys.readouterr().err == "Copying: 260 of at most 1,200 images, 4 images/s\n"
    lines.planned(100, images=500)
    lines.listing_done()
    now[0] += 40
    lines.copied(40)
    assert capsys.readouterr().err == "Copying: 300 of 600 images, 1 images/s, 5 min 00 s left\n"
    lines.copied(40)
    now[0] += 40
    lines.failed(160)
    said = "Copying: 340 of 440 images, 1 images/s, 160 failed, 1 min 40 s left\n"
    assert capsys.readouterr().err == said


def test_a_log_of_what_copies_nothing_speaks_of_keys(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """A plan lists: nothing in its log speaks of copies."""
    lines = Lines(copying=False)
    lines.planned(500)
    now[0] += 30
    lines.listed(1000)
    assert capsys.readouterr().err == "Listing: 1,000 keys\n"
