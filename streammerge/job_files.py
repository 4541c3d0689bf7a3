"""Reads job files from disk, and names the file in every error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from streammerge.dataset.job import Job, JobArguments
from streammerge.dataset.job_file import parse_job, parse_sources, parse_table
from streammerge.dataset.objects import Location, printable
from streammerge.dataset.source import Source
from streammerge.dataset.source_arguments import SourceArguments
from streammerge.errors import UsageError
from streammerge.table_files import read_corrupt, read_map


def load_job(path: str | PathLike[str], *, into: str | Location | None = None, **settings: Unpack[JobArguments]) -> Job:
    """Read a job file. `into` and the settings, as for `make_job`, override the file.

    Raises UsageError, naming the file, where it cannot be read or is wrong.
    """
    with _naming(path):
        return parse_job(_read(path), into=into, **settings)


def load_sources(path: str | PathLike[str], **settings: Unpack[SourceArguments]) -> tuple[Source, ...]:
    """Read only the sources of a job file. Raises UsageError as `load_job` does."""
    with _naming(path):
        return parse_sources(_read(path), **settings)


def with_files(job: Job) -> Job:
    """The job with the rows of the files that its rules name, unless it has them.

    Raises UsageError where one cannot be read or is wrong, or where this is no Job.
    """
    if not isinstance(job, Job):
        raise UsageError(f"{job!r} is not a Job: make_job makes one of URLs and rules, load_job reads a job file")
    if job.identity_map is not None and not job.mapping:
        job = replace(job, mapping=tuple(sorted({*read_map(Path(job.identity_map))})))
    if job.ignore_corrupt is not None and not job.corrupt:
        buckets = {source.location.bucket for source in job.sources}
        rows = {row for row in read_corrupt(Path(job.ignore_corrupt)) if row.bucket in buckets}
        job = replace(job, corrupt=tuple(sorted(rows)))
    return job


def load_table(path: str | PathLike[str], name: str, kind: type) -> dict[str, Any]:
    """The settings of a dataclass in another table, by field name. Raises UsageError as `load_job` does."""
    with _naming(path):
        return parse_table(_read(path), name, kind)


@contextmanager
def _naming(path: str | PathLike[str]) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _read(path: str | PathLike[str]) -> str:
    try:
        return Path(path).read_text("utf-8-sig")  # some editors write a byte-order mark
    except FileNotFoundError as error:
        raise UsageError(f"cannot read the job: {error.strerror}{_meant(Path(path))}") from error
    except OSError as error:
        raise UsageError(f"cannot read the job: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError("cannot read the job: it is not UTF-8") from error


def _meant(path: Path) -> str:
    """What to say of the job files beside one that is not there."""
    try:
        there = [each.name for each in path.parent.iterdir() if each.suffix == ".toml" and each.name != path.name]
    except OSError:
        return ""
    near = get_close_matches(path.name, there, 1)
    return f". Did you mean {printable(str(path.with_name(near[0])))}?" if near else ""
