"""The files that a command writes besides its report."""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from streammerge.atomic_file import replacing
from streammerge.cli.command_line import command_line
from streammerge.cli.exits import DONE
from streammerge.distinct_files import DistinctFiles
from streammerge.errors import RunError, UsageError
from streammerge.report.description import Description

_WRITTEN_ANYWAY = {
    "html": "page",
    "output": "copies to make",
    "save_job": "job file",
    "save_corrupt": "list of corrupt images",
    "identity_map_template": "identity map",
}
_WRITTEN = _WRITTEN_ANYWAY | {"classes": "class list", "manifest": "manifest"}  # these once all images are there


def write_file(path: Path, text: str) -> None:
    """Write a text, so that the file is there whole or as it was. Raises UsageError where it cannot be written."""
    with replacing(path, UsageError) as partial:
        partial.write_text(text, "utf-8", errors="backslashreplace")


def write_page(path: Path | None, description: Description) -> None:
    """Write a report as a page, if a file is named for it. Raises RunError where it cannot be written."""
    if path is not None:
        from streammerge.report.html import render_page  # noqa: PLC0415 - --help need not load it

        page = render_page(description, command=command_line())
        try:
            with replacing(path, RunError) as partial:
                partial.write_text(page, "utf-8", errors="backslashreplace")
        except RunError:
            click.get_current_context().params.pop("html")  # there is none to tell of
            raise


def tell_written(params: Mapping[str, Any], code: int) -> None:
    """Name on stderr, if anybody reads it, the files that a command has written, by its parameters and exit code."""
    written = _WRITTEN if code == DONE else _WRITTEN_ANYWAY
    with contextlib.suppress(OSError):
        for name, what in written.items():
            if params.get(name) is not None:
                print(f"Wrote {what} {params[name]}", file=sys.stderr)


def check_files(given: Mapping[str, Any], journal: str | None = None) -> None:
    """Raises UsageError where a file that is named could not be written, or would replace another that is named.

    Said before the work, not after it. journal: a path or an s3:// URL. However a file is spelt, it is the same one.
    """
    if given.get("thumbnails") and given["html"] is None:
        raise UsageError("--thumbnails shows images on a page: name one with --html FILE")
    files = DistinctFiles()
    for name in given.get("sources", ()):
        if "://" not in name:
            files.read(Path(name), "the job is read from")
    if (identity_map := given.get("identity_map")) is not None:
        files.read(Path(identity_map), "the identity map is read from")
    if journal is not None and "://" not in journal:
        files.write(Path(journal), "the journal is written to")
    for name in (*_WRITTEN, "log_file"):
        path = given.get(name)
        if path is None:
            continue
        files.write(path, f"--{name.replace('_', '-')} names")
        if name in _WRITTEN and path.exists() and not path.is_file():  # it would be replaced
            raise UsageError(f"cannot write {path}: it is not a regular file")
        _check_folder(path, given.get("directory"))


def _check_folder(path: Path, made: Path | None) -> None:
    """Raises UsageError where a file's folder cannot be written to, but for one that `pull` makes."""
    folder = path.parent
    if made is not None and folder.resolve() == made.resolve():
        return
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(f"cannot write {path}: {folder} is not a writable folder")
