"""Files that a verb writes beside its report."""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streammerge.cli.exits import DONE
from streammerge.cli.typed import command_line
from streammerge.errors import RunError, UsageError

_WRITTEN_ANYWAY = {"html": "Page", "output": "Copies to make", "save_job": "Job"}
_WRITTEN = _WRITTEN_ANYWAY | {"classes": "Classes", "manifest": "Manifest"}  # these once all is there


def write_file(path: Path, text: str) -> None:
    """Write a text, so that the file is there whole or as it was. Raises UsageError where it cannot be written."""
    try:
        _write(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def write_page(path: Path | None, report: Any) -> None:
    """Write the page of a report, if a file is named for it. Raises RunError where it cannot be written."""
    if path is not None:
        from streammerge.page import render_page  # noqa: PLC0415 - --help need not load it

        try:
            _write(path, render_page(report, command=command_line()))
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8", errors="backslashreplace")
    partial.replace(path)


def tell_written(params: Mapping[str, Any], code: int) -> None:
    """Name on stderr, if anybody reads it, the files that a verb has written, by its parameters and its exit code."""
    written = _WRITTEN if code == DONE else _WRITTEN_ANYWAY
    with contextlib.suppress(OSError):
        for name, what in written.items():
            if params.get(name) is not None:
                print(f"{what}: {params[name]}", file=sys.stderr)


def check_writable(path: Path | None, inputs: Sequence[str] = ()) -> None:
    """Raises UsageError where a file that is named could not be written: said before the work, not after it."""
    if path is None:
        return
    if str(path) in inputs:
        raise UsageError(f"{path} is what the job is read from: name another file to write")
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: {folder} is no folder that may be written to")
