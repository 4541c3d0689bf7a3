"""What is said of arguments that are missing, too many, or of another kind."""

import click
import pytest

from streammerge.cli.commands import commands
from streammerge.cli.usage_errors import explain
from streammerge.errors import UsageError

_MERGE = "merge s3://bucket/a/ --into s3://bucket/b/"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("pull s3://bucket/a/", "DIR is missing. Usage: streammerge pull [OPTIONS] s3://BUCKET/PREFIX/ | JOB.toml DIR"),
        (
            "pull s3://bucket/a/ b c",
            "unexpected argument c. Usage: streammerge pull [OPTIONS] s3://BUCKET/PREFIX/ | JOB.toml DIR",
        ),
        (f"{_MERGE} --min-images two", "--min-images: 'two' is not a whole number"),
        (f"{_MERGE} --timeout soon", "--timeout: 'soon' is not a number"),
        (f"{_MERGE} --part-size 8lots", "--part-size: '8lots' is not a size: write a number of bytes, or one with a"),
        (f"{_MERGE} --tags keep", "--tags: 'keep' is not one of 'copy', 'drop'"),
        ("merge s3://bucket/a/ --into", "--into needs a value"),
        ("merge --append=yes", "--append takes no value"),
    ],
)
def test_what_to_write_instead(typed: str, message: str) -> None:
    """It names the argument, and what it may be."""
    with pytest.raises(click.ClickException) as raised:
        commands.main(typed.split(), prog_name="streammerge", standalone_mode=False)
    assert explain(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("pull here s3://bucket/a/", "the prefix comes first, then the directory"),
        ("pull s3://bucket/a/ s3://bucket/b/", "`streammerge merge s3://bucket/a/ --into s3://BUCKET/PREFIX/`"),
        ("status job.toml", "job.toml is a job file, and status reads journals"),
        ("status diary", "there is no journal diary. Without arguments, status shows all jobs of this machine"),
    ],
)
def test_arguments_that_are_mixed_up(typed: str, message: str) -> None:
    """Swapped, or meant for another command."""
    with pytest.raises(UsageError) as raised:
        commands.main(typed.split(), prog_name="streammerge", standalone_mode=False)
    assert message in str(raised.value)
