"""The command as it was typed, to be shown and said again."""

import shlex
import sys
from pathlib import Path


def command_line() -> str:
    """The command of sys.argv, quoted for a shell.

    No option takes a credential, and an endpoint's URL with one in it is refused, so there is none in it.
    """
    return shlex.join(["streammerge", *sys.argv[1:]])


def command_to_go_on() -> str:
    """The same from any directory, since a job file or a journal may be named relative to this one."""
    try:
        return f"cd {shlex.quote(str(Path.cwd()))} && {command_line()}"
    except FileNotFoundError:  # somebody has removed it
        return command_line()
