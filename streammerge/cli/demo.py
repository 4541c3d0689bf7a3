"""The command `demo`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from streammerge.cli.command import Command
from streammerge.cli.exits import BAD_USAGE, DONE, FAILED, STOPPED, TerminatedError, ending, run
from streammerge.cli.setting_option import option


@click.command(cls=Command, example="streammerge demo", codes=(DONE, FAILED, BAD_USAGE, *STOPPED))
@option("--keep", is_flag=True, help="Keep the server running until Ctrl-C, to try commands on it.")
def demo(*, keep: bool) -> int:
    """Run a whole merge on a local S3 server; no account needed.

    Starts a real S3 server on this machine, creates two small data sets, inspects and merges them, and cleans up; only
    the pages of the reports are left.
    """
    from streammerge.demo.story import tell  # noqa: PLC0415 - only this command needs it

    try:
        with _leaving_on_signals():
            tell(click.echo, run, keep=keep)
    except (KeyboardInterrupt, TerminatedError) as stopped:
        click.echo("\nInterrupted. The demo's server is stopped and its data removed.", err=True)
        return ending(stopped)[1]
    return DONE


@contextmanager
def _leaving_on_signals() -> Iterator[None]:
    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:  # under nohup SIGHUP is ignored, and stays so
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    """Leave by an exception, so that what was started is cleaned up, with the shell's exit code for the signal."""
    raise SystemExit(128 + number)
