"""Showing a result: on stdout, where nothing else goes."""

import os
import sys

from streammerge.colours import coloured
from streammerge.errors import RunError


def show(text: str) -> None:
    """Print a report, as text or as JSON.

    Raises RunError where stdout takes no more, and BrokenPipeError where nobody reads it, which ends click quietly.
    """
    try:
        print(coloured(text, sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise RunError(f"cannot write the report to stdout: {error.strerror}. What was done stays") from error
