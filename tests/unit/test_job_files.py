"""Job files on disk: what the command writes is the job that it reads again, whatever editors and names do to it."""

from pathlib import Path

import pytest

from streammerge.cli.files import write_file
from streammerge.dataset.job import make_job
from streammerge.dataset.job_file import write_job
from streammerge.errors import UsageError
from streammerge.job_files import load_job


@pytest.mark.parametrize("odd", ["a\rb", "a\r\nb", "a\nb\nc", "a\tb", "a\x0b\x1b\x7f\u2028b", 'a"\\\\b', "\ufeffa"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_job_survives_its_file(tmp_path: Path, odd: str, mark: bytes) -> None:
    """With line breaks, tabs and other controls in prefixes, layouts and globs, and with a byte-order mark."""
    job = make_job(
        [f"one=s3://bucket/{odd}/"],
        into=f"s3://out/{odd}/",
        layouts=[f"{{identity}}_{odd}.{{ext}}"],
        exclude=[odd],
    )
    path = tmp_path / "job.toml"
    write_file(path, write_job(job))
    path.write_bytes(mark + path.read_bytes())
    assert load_job(path) == job


def test_a_misspelt_name(tmp_path: Path) -> None:
    """One that is not there is asked about by what is beside it."""
    (tmp_path / "faces.toml").touch()
    with pytest.raises(UsageError, match=r"No such file or directory\. Did you mean .*/faces\.toml\?$"):
        load_job(tmp_path / "face.toml")
    with pytest.raises(UsageError, match=r"No such file or directory$"):
        load_job(tmp_path / "nowhere" / "faces.toml")
