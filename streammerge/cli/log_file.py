"""`--log-file`: progress, warnings, retries and errors as lines with a time, whatever stderr shows."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streammerge.cli.showing import tell_error
from streammerge.errors import UsageError
from streammerge.report.progress import Progress
from streammerge.report.progress_lines import Lines

_log = logging.getLogger(__name__)
_ours = logging.getLogger("streammerge")
_retries = logging.getLogger("streammerge.transfer.backoff")


@contextmanager
def logging_to(path: Path | None) -> Iterator[None]:
    """Append what is logged while the block lasts to a file, if one is named.

    Raises UsageError where it cannot be written.
    """
    if path is None:
        yield
        return
    try:
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"cannot write --log-file {path}: {error.strerror}") from error
    form = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    level = _ours.level
    _ours.addHandler(handler)
    _ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        _ours.setLevel(level)
        _ours.removeHandler(handler)
        with contextlib.suppress(OSError):  # it was told when it was logged
            handler.close()


class _File(logging.FileHandler):
    """A log file that ends where it can be written no more, as on a full disk, which stops no run."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say so once, on stderr."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self.setLevel(logging.CRITICAL + 1)
        tell_error(f"cannot write --log-file {self.baseFilename}: {error.strerror}. No more is logged there")


@contextmanager
def telling(shown: Progress, *, copying: bool, title: str, verbose: bool) -> Iterator[Progress]:
    """Progress that is shown, and logged where a file is named; warnings of any module are shown as notes, too.

    verbose: so are the retries of whatever is not a copy.
    """
    handler = _Notes(shown, verbose=verbose)
    _ours.addHandler(handler)
    level = _retries.level
    if verbose:
        _retries.setLevel(logging.INFO)
    try:
        with shown:
            yield (
                _Both(shown, _Logged(copying=copying, title=title, verbose=True))
                if _ours.isEnabledFor(logging.INFO)
                else shown
            )
    finally:
        _ours.removeHandler(handler)
        _retries.setLevel(level)


class _Notes(logging.Handler):
    """Shows warnings, and retries if verbose, as notes of a progress, so that they leave bars alone and obey -q."""

    def __init__(self, shown: Progress, *, verbose: bool) -> None:
        super().__init__()
        self._shown = shown
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        """Show it."""
        if record.levelno >= logging.WARNING:
            self._shown.warn(record.getMessage())
        elif self._verbose and record.name == _retries.name:
            self._shown.note(record.getMessage())


class _Logged(Lines):
    """Progress as lines of the log."""

    def note(self, text: str) -> None:
        """Log it."""
        _log.info("%s", text)

    def warn(self, text: str) -> None:
        """Log it as a warning, but not as one that `_Notes` would show again."""
        _log.info("Warning: %s", text)


class _Both(Progress):
    """Two progresses that hear the same."""

    def __init__(self, *each: Progress) -> None:
        self.each = each


def _forwarding(name: str) -> Callable[..., None]:
    def forward(both: _Both, *args: Any, **kwargs: Any) -> None:
        for one in both.each:
            getattr(one, name)(*args, **kwargs)

    return forward


for _name in (name for name in vars(Progress) if not name.startswith("_")):
    setattr(_Both, _name, _forwarding(_name))
