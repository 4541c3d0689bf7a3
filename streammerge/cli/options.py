"""Options that several verbs share, and what they make of them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from streammerge.cli.sizes import parse_size
from streammerge.core.job import Collisions, Duplicates, IfExists, Job, Source, make_job, make_sources
from streammerge.errors import UsageError
from streammerge.journal import default_place
from streammerge.progress import Progress, watch
from streammerge.s3.options import Acl, Encryption, ListingOrder, Options, Tags

Command = Callable[..., int]
Decorator = Callable[[Command], Command]
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
    "max_failures",
    "storage_class",
    "encryption",
    "kms_key",
    "acl",
    "tags",
    "requester_pays",
    "bucket_owner",
)


def choice(values: Any) -> click.Choice[str]:
    """One of the values of a Literal."""
    return click.Choice(get_args(values))


_SOURCES = click.argument("sources", nargs=-1, metavar="[NAME=]s3://BUCKET/PREFIX/ ... | JOB.toml")
_LAYOUT = click.option(
    "--layout", "layouts", multiple=True, metavar="[NAME=]LAYOUT",
    help="How the keys of a source spell the identity: 'folder' (the default) or a pattern of {identity}, {name}, "
    "{ext}, {any} and literal text, such as 'faces={identity}_face.{ext}'.",
)  # fmt: skip
_JOB_OPTIONS = (
    _SOURCES,
    click.option("--into", metavar="s3://BUCKET/PREFIX/", help="The destination; required, unless a job file says it."),
    click.option(
        "--min-images", type=int, metavar="N", default=2, show_default=True,
        help="Keep identities with at least so many images over all sources.",
    ),
    click.option(
        "--max-images", type=int, metavar="N", help="Keep identities with at most so many images over all sources.",
    ),
    _LAYOUT,
    click.option(
        "--collisions", type=choice(Collisions), default="rename", show_default=True,
        help="Different images of one name: keep both, keep the first source's, or stop.",
    ),
    click.option(
        "--duplicates", type=choice(Duplicates), default="name", show_default=True,
        help="Count an image once if name and content are the same, if the content is, or never.",
    ),
    click.option(
        "--if-exists", type=choice(IfExists), default="skip-same", show_default=True,
        help="A target that holds something else is left alone and reported, overwritten, or stops the run.",
    ),
)  # fmt: skip
_S3_OPTIONS = (
    click.option("--endpoint-url", metavar="URL", help="An S3 server other than Amazon's."),
    click.option("--region", metavar="NAME", help="The region of the buckets; found out if left away."),
    click.option("--profile", metavar="NAME", help="A profile of ~/.aws/config."),
    click.option(
        "--listing-order", type=choice(ListingOrder), default="auto", show_default=True,
        help="Whether the store lists keys in UTF-8 byte order. 'auto' trusts Amazon alone; 'any' reads every "
        "listing to its end before anything is decided, and needs memory for all of it.",
    ),
    click.option(
        "--concurrency", type=int, metavar="N", default=1024, show_default=True, help="Requests in flight, at most.",
    ),
    click.option("--attempts", type=int, metavar="N", default=10, show_default=True, help="Tries of one request."),
    click.option(
        "--timeout", type=float, metavar="S", default=60.0, show_default=True, help="Seconds for one request.",
    ),
    click.option("--requester-pays", is_flag=True, help="You pay for requests, where the owner of a bucket will not."),
)  # fmt: skip
_COPY_OPTIONS = (
    click.option(
        "--journal", metavar="PATH|s3://BUCKET/PREFIX/",
        help="Where to record what is done; by default a file of the job's own in the state directory.",
    ),
    click.option("--no-journal", is_flag=True, help="Record nothing."),
    click.option("--max-failures", type=int, metavar="N", help="Stop once more objects than that have failed."),
    click.option("--storage-class", metavar="CLASS", help="Of the copies, such as INTELLIGENT_TIERING."),
    click.option("--encryption", type=choice(Encryption), help="Of the copies, if not the bucket's default."),
    click.option("--kms-key", metavar="ID", help="The key to encrypt the copies with."),
    click.option("--acl", type=choice(Acl), help="Of the copies, if not the bucket's default."),
    click.option(
        "--tags", type=choice(Tags), default="copy", show_default=True,
        help="Whether tags travel with the objects; copying them needs permissions of its own.",
    ),
    click.option("--bucket-owner", metavar="ACCOUNT", help="Copy only if the destination belongs to this account."),
    click.option(
        "--multipart-threshold", type=parse_size, metavar="SIZE", default="5 GiB", show_default=True,
        help="Above that, an object is copied in parts. Bytes, or with a unit: 5GiB, 500MB.",
    ),
    click.option("--part-size", type=parse_size, metavar="SIZE", default="512 MiB", show_default=True,
        help="Of such a part; at least 5 MiB on Amazon.",
    ),
)  # fmt: skip
_OUTPUT_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object."),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no warnings on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Say on stderr which requests are tried again, and why."),
)  # fmt: skip

_HANDOFF_OPTIONS = (
    click.option(
        "--classes", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
        help="Write the classes as torchvision's ImageFolder numbers them: one a line, or a list in FILE.json.",
    ),
    click.option(
        "--manifest", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
        help="Write key, identity, label, source, size, ETag and path of every image: FILE.csv, or FILE.parquet.",
    ),
)  # fmt: skip


def _taking(options: Sequence[Decorator]) -> Decorator:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


with_handoff = _taking(_HANDOFF_OPTIONS)
with_s3 = _taking([*_S3_OPTIONS, *_OUTPUT_OPTIONS])
with_page = _taking(
    [
        click.option(
            "--html", type=click.Path(dir_okay=False, path_type=Path),
            help="Also write the report to this file, as a page for a browser; it needs no network.",
        )
    ]
)  # fmt: skip
with_sources = _taking([_SOURCES, _LAYOUT])
with_job = _taking([*_JOB_OPTIONS, *_S3_OPTIONS, *_COPY_OPTIONS, *_OUTPUT_OPTIONS])


def _pick(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def job_of(given: dict[str, Any]) -> Job:
    """The job that the options describe, or a job file and the options beside it.

    Raises UsageError where it cannot be read or is wrong.
    """
    if path := _job_file(given["sources"]):
        from streammerge.core.jobfile import parse_job  # noqa: PLC0415 - --help need not read TOML

        rules = {name: given[name] for name in _JOB if _was_said(name)}
        with _naming(path):
            return parse_job(_read(path), layouts=given["layouts"], into=given["into"], **rules)
    if given["into"] is None:
        *others, last = given["sources"]
        hint = f". If {last} is the destination: --into {last}" if others and last.startswith("s3://") else ""
        raise UsageError(f"the destination is missing: name it with --into s3://BUCKET/PREFIX/{hint}")
    return make_job(given["sources"], given["into"], layouts=given["layouts"], **_pick(given, _JOB))


def journal_of(given: dict[str, Any], job: Job) -> str | None:
    """Where the journal is, or None for none."""
    if given["no_journal"]:
        if given["journal"]:
            raise UsageError("--journal and --no-journal exclude each other")
        return None
    return given["journal"] or default_place(job, given["endpoint_url"] or _endpoint_of_environment())


def _endpoint_of_environment() -> str | None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html, without its files of profiles."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def sources_of(given: dict[str, Any]) -> tuple[Source, ...]:
    """The sources that the options, or a job file, describe, for a verb that has no destination."""
    if path := _job_file(given["sources"]):
        from streammerge.core.jobfile import parse_sources  # noqa: PLC0415 - --help need not read TOML

        with _naming(path):
            return parse_sources(_read(path), layouts=given["layouts"])
    return make_sources(given["sources"], layouts=given["layouts"])


def _job_file(sources: Sequence[str]) -> Path | None:
    if not sources:
        raise UsageError("name at least one source, [NAME=]s3://BUCKET/PREFIX/, or a job file, JOB.toml")
    paths = [text for text in sources if "://" not in text]
    for path in paths:
        if not path.endswith(".toml"):
            raise UsageError(f"{path!r} is neither s3://bucket/prefix/ nor a .toml file")
    if paths and len(sources) > 1:
        raise UsageError(f"{paths[0]}: a job file has all sources; give it alone")
    return Path(paths[0]) if paths else None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Whatever is wrong with a job is said to be so in its file."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the job: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError("cannot read the job: it is not UTF-8") from error


def _was_said(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def options_of(given: dict[str, Any]) -> Options:
    """How to talk to S3."""
    return Options(**_pick(given, _HOW))


def progress_of(given: dict[str, Any], *, copying: bool, title: str = "Copying") -> Progress:
    """What shows how far it is."""
    return watch(copying=copying, title=title, quiet=given["quiet"], verbose=given["verbose"])
