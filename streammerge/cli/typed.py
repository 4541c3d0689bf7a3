"""The command as it was typed, to be shown and said again."""

import shlex
import sys


def command_line() -> str:
    """The command of sys.argv, quoted for a shell.

    No option takes a credential, and an endpoint's URL with one in it is refused, so there is none in it.
    """
    return shlex.join(["streammerge", *sys.argv[1:]])
