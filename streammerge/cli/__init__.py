"""The command line: reads options, runs a verb, prints its report, and turns errors into exit codes."""

import io
import logging
import os
import sys
import traceback

import click

from streammerge.cli.commands import commands
from streammerge.cli.exits import BAD_USAGE, DONE, FAILED, STOPPING, ending
from streammerge.cli.showing import show_error, tell


def main() -> int:
    """Run the command of sys.argv and return its exit code."""
    _stand_in_for_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a key may have characters that the terminal has not
    for name in ("botocore", "aiobotocore"):  # what they log of an error is in our message
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        return commands.main(prog_name="streammerge", standalone_mode=False) or DONE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_USAGE
    except click.ClickException as error:
        return _failed(error.format_message(), error.exit_code)
    except STOPPING as error:
        return _failed(*ending(error))
    except Exception:  # noqa: BLE001 - the last resort
        traceback.print_exc()
        return _failed("that is a bug in streammerge. Please report it, with the lines above", FAILED)


def _stand_in_for_what_is_closed() -> None:
    """Where whoever has started us closed stdin, stdout or stderr, the next file or socket would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _failed(message: str, code: int) -> int:
    tell(f"streammerge: {message}")
    if "--json" in sys.argv:
        show_error(message, code)
    return code
