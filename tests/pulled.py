"""A directory that is pulled into, as the tests look at it."""

import subprocess
import time
from pathlib import Path

_BOUND = 60.0  # seconds


def inside(directory: Path) -> dict[str, bytes]:
    """All files of a directory, links not followed."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def wait_for(directory: Path, files: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many files are there, while the run that pulls them goes on."""
    until = time.monotonic() + _BOUND
    while len(list(directory.glob("*/*"))) < files:
        assert process.poll() is None, "the run ended before it could be stopped"
        assert time.monotonic() < until, "the run pulls nothing"
        time.sleep(0.01)
