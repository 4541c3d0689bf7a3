"""Files that a command is to write: none may be one that it reads, or another that it writes."""

import os
from pathlib import Path

import pytest

from streammerge.cli.files import check_files
from streammerge.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a job, and other names for it."""
    job = tmp_path / "job.toml"
    job.touch()
    os.link(job, tmp_path / "hard.html")
    (tmp_path / "soft.html").symlink_to(job)
    (tmp_path / "dangling").symlink_to(tmp_path / "new.html")
    (tmp_path / "below").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "journal", "named"),
    [
        ({"html": "job.toml"}, None, "the job is read from"),
        ({"html": "below/../job.toml"}, None, "the job is read from"),
        ({"html": "hard.html"}, None, "the job is read from"),
        ({"html": "soft.html"}, None, "the job is read from"),
        ({"log_file": "job.toml"}, None, "the job is read from"),
        ({"save_job": "job.toml"}, None, "the job is read from"),
        ({}, "job.toml", "the job is read from"),
        ({"manifest": "a.journal"}, "a.journal", "the journal is written to"),
        ({"html": "a", "classes": "below/../a"}, None, "--html names"),
        ({"html": "new.html", "output": "dangling"}, None, "--html names"),
        ({"html": "a", "output": "a.partial"}, None, "--html names, until it is complete"),
        ({"html": "a.partial", "output": "a"}, None, "--html names"),
        ({"html": "job.toml", "identity_map": "map.csv"}, None, "the job is read from"),
        ({"manifest": "map.csv", "identity_map": "below/../map.csv"}, None, "the identity map is read from"),
        ({"html": os.devnull}, None, "is not a regular file"),
        ({"html": "missing/a"}, None, "is not a writable folder"),
    ],
)
def test_what_would_replace_another_is_refused(
    folder: Path, given: dict[str, str], journal: str | None, named: str
) -> None:
    """However it is spelt; what it would replace is named."""
    paths = {name: folder / path for name, path in given.items()}
    with pytest.raises(UsageError, match=named):
        check_files({"sources": [str(folder / "job.toml")], **paths}, journal and str(folder / journal))


def test_files_of_their_own(folder: Path) -> None:
    """Different files, a journal in S3, a device for the log, and a directory that the run makes."""
    sources = [str(folder / "job.toml")]
    check_files({"sources": sources, "html": folder / "a", "classes": folder / "b"}, "s3://bucket/journal/")
    check_files({"log_file": Path(os.devnull)})
    check_files({"directory": folder / "made", "classes": folder / "made" / "classes.txt"})


def test_names_that_differ_in_case_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one file where the file system does not tell them apart, and two where it does."""
    given = {"html": folder / "Report", "output": folder / "report"}
    check_files(given)
    monkeypatch.setattr(Path, "samefile", lambda *_: True)
    with pytest.raises(UsageError, match="--html names"):
        check_files(given)
