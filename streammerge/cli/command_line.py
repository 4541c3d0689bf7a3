"""The command line as it was typed, to show it and to resume a job with it."""

import os
import shlex
import sys
from pathlib import Path

_WHERE = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE")  # none holds a credential


def command_line() -> str:
    """The command of sys.argv, quoted for a shell.

    No option takes a credential, and an endpoint's URL with one in it is refused, so there is none in it.
    """
    return shlex.join(["streammerge", *sys.argv[1:]])


def command_to_go_on() -> str:
    """The same from any directory and any shell that has the credentials.

    A job file or a journal may be named relative to this directory, and variables may say which server and account are
    meant; without them, the command would be another job's.
    """
    says_where = [f"{name}={shlex.quote(os.environ[name])} " for name in _WHERE if os.environ.get(name)]
    command = "".join(says_where) + command_line()
    try:
        return f"cd {shlex.quote(str(Path.cwd()))} && {command}"
    except FileNotFoundError:  # somebody has removed it
        return command
