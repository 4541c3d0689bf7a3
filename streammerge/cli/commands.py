"""The verbs as commands: their options, and what they print."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

import streammerge
from streammerge.cli.exits import DONE, INCOMPLETE, INTERRUPTED, run
from streammerge.core.cost import parse_prices
from streammerge.core.job import Collisions, Duplicates, IfExists, Job, make_job
from streammerge.core.rendering import render
from streammerge.core.report import Report
from streammerge.progress import watch
from streammerge.s3.options import ListingOrder, Options

Command = Callable[..., int]
_JOB = ("min_images", "max_images", "collisions", "duplicates", "if_exists")
_HOW = (
    "endpoint_url",
    "region",
    "profile",
    "concurrency",
    "attempts",
    "timeout",
    "multipart_threshold",
    "part_size",
    "listing_order",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="streammerge")
def commands() -> None:
    """Merge ImageFolder data sets (prefix/identity/image) that live in S3, without downloading them."""


def _choice(values: Any) -> click.Choice[str]:
    return click.Choice(get_args(values))


_OPTIONS = (
    click.argument("sources", nargs=-1, required=True, metavar="[NAME=]s3://BUCKET/PREFIX/ ..."),
    click.option("--into", required=True, metavar="s3://BUCKET/PREFIX/", help="The destination."),
    click.option(
        "--min-images", type=int, default=2, show_default=True,
        help="Keep identities with at least so many images over all sources.",
    ),
    click.option("--max-images", type=int, help="Keep identities with at most so many images over all sources."),
    click.option(
        "--layout", "layouts", multiple=True, metavar="[NAME=]LAYOUT",
        help="How the keys of a source spell the identity: 'folder' (the default) or a pattern of {identity}, {name}, "
        "{ext}, {any} and literal text, such as 'faces={identity}_face.{ext}'.",
    ),
    click.option(
        "--collisions", type=_choice(Collisions), default="rename", show_default=True,
        help="Different images of one name: keep both, keep the first source's, or stop.",
    ),
    click.option(
        "--duplicates", type=_choice(Duplicates), default="name", show_default=True,
        help="Count an image once if name and content are the same, if the content is, or never.",
    ),
    click.option(
        "--if-exists", type=_choice(IfExists), default="skip-same", show_default=True,
        help="A target that holds something else is left alone and reported, or overwritten.",
    ),
    click.option("--endpoint-url", help="An S3 server other than Amazon's."),
    click.option("--region", help="The region of the buckets; found out if left away."),
    click.option("--profile", help="A profile of ~/.aws/config."),
    click.option(
        "--listing-order", type=_choice(ListingOrder), default="auto", show_default=True,
        help="Whether the store lists keys in UTF-8 byte order. 'auto' trusts Amazon alone; 'any' reads every "
        "listing to its end before anything is decided, and needs memory for all of it.",
    ),
    click.option("--concurrency", type=int, default=1024, show_default=True, help="Copies in flight, at most."),
    click.option("--attempts", type=int, default=10, show_default=True, help="Tries of one request."),
    click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds for one request."),
    click.option(
        "--multipart-threshold", type=int, default=5 * 1024**3, show_default=True,
        help="Bytes above which an object is copied in parts.",
    ),
    click.option("--part-size", type=int, default=512 * 1024**2, show_default=True,
        help="Bytes of such a part; at least 5 MiB on Amazon.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object."),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no warnings on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Say on stderr which requests are tried again, and why."),
)  # fmt: skip


def _with_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _pick(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names}


def _job(given: dict[str, Any]) -> Job:
    return make_job(given["sources"], given["into"], layouts=given["layouts"], **_pick(given, _JOB))


def _say(report: Report, *, as_json: bool) -> int:
    print(json.dumps(report.to_json()) if as_json else render(report))
    sys.stdout.flush()
    return DONE if report.complete else INCOMPLETE


@commands.command()
@_with_options
def merge(**given: Any) -> int:
    """Merge SOURCES into one destination.

    \b
    An identity is kept if it has enough images over all sources. What is already at the
    destination, and right, is not copied again: after an interruption, run the same
    command again. Nothing there is overwritten or removed unless you ask for it.

    \b
    Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 incomplete: run again to go on,
    130 / 143 interrupted.
    """  # noqa: D301 - click reads the backspaces: they keep a paragraph's lines
    job, options = _job(given), Options(**_pick(given, _HOW))
    with watch(copying=True, quiet=given["quiet"], verbose=given["verbose"]) as progress:
        report = run(streammerge.merge(job, options, progress=progress))
    return _say(report, as_json=given["as_json"])  # after the bars have gone


@commands.command()
@_with_options
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Write every copy to make to this file, a line of JSON each.",
)  # fmt: skip
@click.option(
    "--price", "prices", multiple=True, metavar="KIND=USD",
    help="USD per 1,000 requests of a kind (copy, list, put, head, get), instead of the built-in price.",
)  # fmt: skip
def plan(**given: Any) -> int:
    """Say what merge would do, and what it would cost.

    Lists and decides like merge; copies nothing.
    """
    job, options = _job(given), Options(**_pick(given, _HOW))
    prices = parse_prices(given["prices"])
    with watch(copying=False, quiet=given["quiet"], verbose=given["verbose"]) as progress:
        report = run(streammerge.plan(job, options, progress=progress, prices=prices, output=given["output"]))
    return _say(report, as_json=given["as_json"])


@commands.command()
@click.option("--keep", is_flag=True, help="Leave the server up until Ctrl-C, to try commands on it.")
def demo(*, keep: bool) -> int:
    """Show a whole merge on a local S3 server; needs no account.

    Starts a real S3 server on this machine, makes two small data sets, merges them, and cleans up.
    """
    from streammerge.demo.story import tell  # noqa: PLC0415 - only this command needs it

    try:
        tell(click.echo, run, keep=keep)
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The demo's server is stopped and its data removed.", err=True)
        return INTERRUPTED
    return DONE
