"""Options shared by several commands; most derive from the settings of Job, SourceSettings and Options."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from streammerge.cli.setting_option import FILE, Decorator, option, options_for, together
from streammerge.cluster.settings import ClusterSettings
from streammerge.dataset.job import Job
from streammerge.dataset.source import SourceSettings
from streammerge.s3.options import Options
from streammerge.settings import Section

ARGUMENTS = "s3://bucket/photos/ s3://bucket/faces/ \\\n      --into s3://bucket/merged/ --min-images 2"


def complete_job_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Job files that begin so; where there are none, whatever the shell knows of files."""
    folder = Path(incomplete).parent if incomplete else Path()
    beginning = incomplete.rpartition("/")[2]
    found = sorted(path for path in folder.glob("*.toml") if path.name.startswith(beginning))
    parent = incomplete.removesuffix(beginning)
    return [CompletionItem(parent + path.name) for path in found] or [CompletionItem(incomplete, type="file")]


_SOURCES = click.argument(
    "sources",
    nargs=-1,
    metavar="[NAME=]s3://BUCKET/PREFIX/ ... | JOB.toml",
    shell_complete=complete_job_files,
)
_INTO = option(
    "--into",
    section=Section.SOURCES,
    metavar="s3://BUCKET/PREFIX/",
    help="The destination; required unless a job file contains it.",
)
with_output = together(
    option(
        "--log-file",
        section=Section.OUTPUT,
        type=FILE,
        metavar="FILE",
        help="Append progress, warnings, retries and errors to FILE.",
    ),
    option("--json", "as_json", section=Section.OUTPUT, is_flag=True, help="Print the report as one JSON object."),
    option("-q", "--quiet", section=Section.OUTPUT, is_flag=True, help="Show no progress and no warnings."),
    option("-v", "--verbose", section=Section.OUTPUT, is_flag=True, help="Show every request that is retried."),
)
with_page = option(
    "--html",
    section=Section.OUTPUT,
    type=FILE,
    metavar="FILE",
    help="Also write the report to FILE as a self-contained HTML page.",
)
with_pictures = together(
    with_page,
    option(
        "--thumbnails",
        section=Section.OUTPUT,
        type=int,
        default=0,
        metavar="N",
        help="Show images of N identities on the page, and of collisions and duplicates. Needs --html and Pillow.",
    ),
)
with_training_files = together(
    option(
        "--classes",
        section=Section.OUTPUT,
        type=FILE,
        metavar="FILE",
        help="Write the classes in the order in which torchvision's ImageFolder numbers them: one per line, or a JSON "
        "list if FILE ends with .json.",
    ),
    option(
        "--manifest",
        section=Section.OUTPUT,
        type=FILE,
        metavar="FILE",
        help="Write key, identity, label, source, size, ETag and path of every image to FILE.csv or FILE.parquet.",
    ),
)


def with_sources(command: str) -> Decorator:
    """Sources or a job file, and what can be chosen for each source."""
    return together(_SOURCES, options_for(command, SourceSettings, repeated=True))


def with_job(command: str) -> Decorator:
    """All that describes a job."""
    return together(_SOURCES, _INTO, options_for(command, SourceSettings, repeated=True), options_for(command, Job))


def with_journal(does: str) -> Decorator:
    """Where the journal is; `does` says what becomes of it."""
    return together(
        option(
            "--journal",
            section=Section.JOURNAL,
            metavar="FILE|s3://BUCKET/PREFIX/",
            help=f"{does}; by default a file for this job in the state directory.",
        ),
        option("--no-journal", section=Section.JOURNAL, is_flag=True, help="Use no journal."),
    )


with_cluster = options_for("merge", ClusterSettings)


def with_s3(command: str) -> Decorator:
    """How to talk to S3, and what to print."""
    return together(options_for(command, Options), with_output)
