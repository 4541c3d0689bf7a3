"""Files that a verb writes beside its report."""

import os
from pathlib import Path

from streammerge.errors import UsageError


def write_file(path: Path, text: str) -> None:
    """Write a text, so that the file is there whole or as it was. Raises UsageError where it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, "utf-8", errors="backslashreplace")
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def check_writable(path: Path) -> None:
    """Raises UsageError where a file could not be written: said before the work, not after it."""
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: {folder} is no folder that may be written to")
