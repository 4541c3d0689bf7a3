"""How the command line is laid out, and what it says to someone who typed what there is not."""

from itertools import chain

import click
import pytest
from click.testing import CliRunner

from streammerge.cli import verbs
from streammerge.cli.commands import commands
from streammerge.cli.sizes import parse_size


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("sync s3://bucket/a/ s3://bucket/b/", "`streammerge merge SOURCE ... --into DESTINATION`"),
        ("mv s3://bucket/a/ s3://bucket/b/", "it leaves the sources as they are"),
        ("mege s3://bucket/a/", "Did you mean merge?"),
        ("ls", "`streammerge inspect`"),
        ("abracadabra", "There are inspect, plan, merge, status, verify, pull, demo"),
        ("s3://bucket/a/ --into s3://bucket/b/", "Say first what to do with it"),
        ("job.toml", "Say first what to do with it"),
        ("--dry-run merge", "`streammerge plan`"),
        ("merge s3://bucket/a/ --into s3://bucket/b/ --dry-run", "`streammerge plan`"),
        ("merge s3://bucket/a/ -n", "`streammerge plan`"),
        ("pull s3://bucket/a/ here -n", "`streammerge inspect`"),
        ("pull s3://bucket/a/ --into here", "the directory as its last argument"),
        ("inspect s3://bucket/a/ --into s3://bucket/b/", "inspect has no destination"),
        ("plan s3://bucket/a/ --prune", "--prune is an option of merge; plan reports the same objects as Extra"),
        ("--json merge s3://bucket/a/", "Options stand after the verb"),
        ("merge s3://bucket/a/ --output json", "--json prints the report as JSON"),
        ("verify s3://bucket/a/ --price copy=1", "It is an option of plan"),
        ("merge s3://bucket/a/ --qarantine", "`streammerge merge --help`"),
        ("merge s3://bucket/a/ --delete", "`streammerge merge --prune`"),
        ("merge s3://bucket/a/ --output=s3://bucket/b/", "--into"),
        ("plan s3://bucket/a/ --threads 9", "--concurrency"),
        ("plan s3://bucket/a/ --min-image 3", "Did you mean --min-images?"),
        ("pull s3://bucket/a/ here --endpoint http://127.0.0.1", "Did you mean --endpoint-url?"),
        ("status --jsn", "Did you mean --json?"),
        ("verify --abracadabra", "`streammerge verify --help`"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(typed: str, hint: str) -> None:
    """A verb or an option of another tool, or one that is mistyped, gets ours, and nothing is run."""
    done = CliRunner().invoke(commands, typed.split(), prog_name="streammerge")
    assert done.exit_code == 2
    assert hint in done.output


@pytest.mark.parametrize(
    ("said", "size"),
    [("7", 7), ("8MB", 8_000_000), ("5GiB", 5 * 1024**3), ("512 MiB", 512 * 1024**2), ("1.5kB", 1500), ("9 b", 9)],
)
def test_sizes(said: str, size: int) -> None:
    """Bytes alone, or with a unit of powers of 1,000 or of 1,024."""
    assert parse_size(said) == size


@pytest.mark.parametrize("said", ["", "MB", "-1", "8 lots", "8ib", "1e3"])
def test_sizes_that_are_none(said: str) -> None:
    """What would be right is said."""
    with pytest.raises(click.BadParameter, match="as 512MiB or 5GB"):
        parse_size(said)


@pytest.mark.parametrize("name", commands.commands)
def test_help_has_every_option_once(name: str) -> None:
    """The sections leave no option of a verb out, and give none twice; a short list needs no section but its own."""
    verb = commands.commands[name]
    shown = CliRunner().invoke(commands, [name, "--help"], prog_name="streammerge").output
    listed = [line.split()[0].rstrip(",") for line in shown.splitlines() if line.startswith("  -")]
    options = [param for param in verb.get_params(click.Context(verb)) if isinstance(param, click.Option)]
    assert sorted(listed) == sorted([*(option.opts[0] for option in options if "--help" not in option.opts), "-h"])
    assert listed[-1] == "-h", "in the same place in each"
    assert "(5 GiB)" not in shown
    assert ("Options:" in shown) == (name in {"inspect", "verify", "pull", "demo"})


def test_sections_name_options_that_there_are() -> None:
    """No section keeps the name of an option that has gone."""
    taken = {param.name for verb in commands.commands.values() for param in verb.params}
    assert set(chain(*verbs._SECTIONS.values())) <= taken
