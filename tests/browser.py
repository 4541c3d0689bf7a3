"""Headless Chromium, as the tests of pages use it: the page after it has been rendered, what it said, a picture."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers import Unavailable

_BOUND = 120.0  # seconds; whatever takes longer hangs
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--enable-logging=stderr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as Chromium has it: its DOM as text, and the messages on its console."""

    dom: str
    console: list[str]


class Browser:
    """Chromium, started anew for every page."""

    def __init__(self, program: str) -> None:
        self._program = program

    def render(self, page: Path, *more: str) -> Rendered:
        """Open a file and say what has become of it."""
        out, err = self._run("--dump-dom", *more, page.as_uri())
        return Rendered(out, re.findall(r"CONSOLE.*", err))

    def picture(self, page: Path, to: Path, *more: str, width: int = 1000, height: int = 2000) -> bytes:
        """A picture (PNG) of the page in a window of so many pixels."""
        self._run(f"--screenshot={to}", f"--window-size={width},{height}", *more, page.as_uri())
        return to.read_bytes()

    def _run(self, *arguments: str) -> tuple[str, str]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            process = subprocess.Popen(
                [self._program, *_QUIET, f"--user-data-dir={profile}", *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, encoding="utf-8", errors="replace", start_new_session=True,
            )  # fmt: skip
            try:
                out, err = process.communicate(timeout=_BOUND)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # its helpers, too: the session is its own
                process.wait()
        assert process.returncode == 0, err
        return out, err


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Raises Unavailable where it is not installed."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise Unavailable("no Chromium here: apt-get install chromium")
    yield Browser(program)
