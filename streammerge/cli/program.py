"""The program: runs the command of sys.argv, and reports errors on stderr and as JSON."""

import contextlib
import gc
import io
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TextIO

import click

from streammerge.cli.commands import commands
from streammerge.cli.exits import BAD_USAGE, DONE, FAILED, STOPPING, ending
from streammerge.cli.showing import show_error, tell_error
from streammerge.cli.usage_errors import explain
from streammerge.garbage_collection import THRESHOLDS


def run_command() -> int:
    """Run the command of sys.argv and return its exit code."""
    gc.set_threshold(*THRESHOLDS)  # what is still to be loaded is no garbage either
    _stand_in_for_what_is_closed()
    for name in ("streammerge", "botocore", "aiobotocore"):  # what they log is shown by us, or is in our message
        if not (logger := logging.getLogger(name)).handlers:
            logger.addHandler(logging.NullHandler())
    with _printing_any_key(sys.stdout), _printing_any_key(sys.stderr):
        code = _run()
    gc.freeze()  # what is left goes with the process: at its end, to look through all of it takes a tenth of a second
    return code


def _run() -> int:
    try:
        return commands.main(prog_name="streammerge", standalone_mode=False) or DONE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_USAGE
    except click.ClickException as error:
        return _failed(explain(error), error.exit_code)
    except STOPPING as error:
        return _failed(*ending(error))
    except Exception:  # noqa: BLE001 - the last resort
        traceback.print_exc()
        return _failed("this is a bug in streammerge; please report it with the lines above", FAILED)


@contextlib.contextmanager
def _printing_any_key(stream: TextIO) -> Iterator[None]:
    """A key may have characters that the terminal cannot show: they are escaped while the block lasts."""
    if not isinstance(stream, io.TextIOWrapper):
        yield
        return
    before = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.reconfigure(errors=before)


def _stand_in_for_what_is_closed() -> None:
    """If stdin, stdout or stderr is closed, the next file or socket would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _failed(message: str, code: int) -> int:
    tell_error(message)
    if "--json" in sys.argv:
        show_error(message, code)
    return code
