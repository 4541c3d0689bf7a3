"""The command line: reads options, runs a command, prints its report, and turns errors into exit codes."""

import os


def main() -> int:
    """Run the command of sys.argv and return its exit code. Ctrl-C while it still loads is no traceback either."""
    try:
        from streammerge.cli.program import run_command  # noqa: PLC0415 - what takes time to load

        return run_command()
    except KeyboardInterrupt:
        os.write(2, b"streammerge: interrupted before anything was done\n")
        return 130
