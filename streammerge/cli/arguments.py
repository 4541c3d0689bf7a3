"""Turns the arguments of a command into the job, the sources, the options, and the place of the journal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streammerge.cli.log_file import telling
from streammerge.cli.setting_option import settings_in
from streammerge.cluster.settings import ClusterSettings
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.objects import Location
from streammerge.dataset.source import Source, SourceSettings
from streammerge.dataset.source_arguments import make_sources
from streammerge.errors import UsageError
from streammerge.journal.journal import default_place
from streammerge.listing.opening import naming_side
from streammerge.report.progress import Progress, watch
from streammerge.s3.options import Options


def job_of(given: dict[str, Any]) -> Job:
    """The job that the options describe, or a job file and the options beside it.

    Raises UsageError where it cannot be read or is wrong.
    """
    from streammerge.job_files import load_job, with_files  # noqa: PLC0415 - --help need not read TOML

    of_sources: Any = settings_in(given, SourceSettings)
    if path := job_file_of(given["sources"]):
        return with_files(load_job(path, into=given["into"], **of_sources, **settings_in(given, Job, defaults=False)))
    if given["into"] is None:
        *others, last = given["sources"]
        hint = f". If {last} is the destination: --into {last}" if others and last.startswith("s3://") else ""
        raise UsageError(f"no destination: pass --into s3://BUCKET/PREFIX/{hint}")
    return with_files(make_job(given["sources"], given["into"], **of_sources, **settings_in(given, Job)))


def sources_of(given: dict[str, Any]) -> tuple[Source, ...]:
    """The sources that the options, or a job file, describe, for a command that has no destination."""
    of_sources: Any = settings_in(given, SourceSettings)
    if path := job_file_of(given["sources"]):
        from streammerge.job_files import load_sources  # noqa: PLC0415 - --help need not read TOML

        return load_sources(path, **of_sources)
    return make_sources(given["sources"], **of_sources)


def job_file_of(sources: Sequence[str]) -> Path | None:
    """The job file, if sources are one. Raises UsageError where they are neither a job file nor URLs."""
    if not sources:
        raise UsageError("no source: pass at least one [NAME=]s3://BUCKET/PREFIX/, or a job file, JOB.toml")
    paths = [text for text in sources if "://" not in text]
    for path in paths:
        if not path.endswith(".toml"):
            raise UsageError(f"{path!r} is neither s3://bucket/prefix/ nor a .toml file")
    if paths and len(sources) > 1:
        raise UsageError(f"{paths[0]}: a job file names all sources, so pass it alone")
    return Path(paths[0]) if paths else None


def journal_of(given: dict[str, Any], job: Job, options: Options, *, only_read: bool = False) -> str | None:
    """Where the journal is, or None for none. By default it is a file for this job at these endpoints.

    only_read: where there is no place for it, there is none to be read.
    """
    if given["no_journal"]:
        if given["journal"]:
            raise UsageError("--journal and --no-journal cannot be combined")
        return None
    if given["journal"]:
        return str(given["journal"])
    from streammerge.s3.endpoint import configured_endpoint  # noqa: PLC0415 - botocore takes longer to load than --help may

    def endpoint(side: str, location: Location) -> str | None:
        with naming_side(side, location):
            return configured_endpoint(options.reaching(location.connection))

    by_profile = [
        endpoint(f"source {source.name}", source.location)
        for source in job.sources
        if source.location.connection.profile and not source.location.connection.endpoint_url
    ]
    server = endpoint("the destination", job.destination)
    try:
        return default_place(job, server, by_profile)
    except UsageError as error:
        if only_read:
            return None
        raise UsageError(f"{error}, choose a place with --journal, or pass --no-journal") from error


def options_of(given: dict[str, Any]) -> Options:
    """How to talk to S3."""
    return Options(**settings_in(given, Options))


def cluster_of(given: dict[str, Any]) -> ClusterSettings:
    """The cluster that the options name, or else a job file."""
    if settings := settings_in(given, ClusterSettings, defaults=False):
        return ClusterSettings(**settings)
    if path := job_file_of(given["sources"]):
        from streammerge.job_files import load_table  # noqa: PLC0415 - --help need not read TOML

        return ClusterSettings(**load_table(path, "cluster", ClusterSettings))
    return ClusterSettings()


@contextmanager
def progress_of(given: dict[str, Any], *, copying: bool, title: str = "Copying") -> Iterator[Progress]:
    """What shows and logs progress while the block lasts."""
    shown = watch(copying=copying, title=title, quiet=given["quiet"], verbose=given["verbose"])
    with telling(shown, copying=copying, title=title, verbose=given["verbose"]) as progress:
        yield progress
