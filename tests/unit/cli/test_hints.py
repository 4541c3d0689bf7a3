"""How the command line is laid out, and what it says to someone who typed what there is not."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from streammerge.cli.arguments import job_of, options_of
from streammerge.cli.commands import commands
from streammerge.cli.sizes import describe_size, parse_size
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.source import SourceSettings
from streammerge.s3.options import Options
from streammerge.settings import settings_of


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("sync s3://bucket/a/ s3://bucket/b/", "`streammerge merge SOURCE ... --into DESTINATION`"),
        ("mv s3://bucket/a/ s3://bucket/b/", "sources are never changed"),
        ("mrge s3://bucket/a/", "unknown command 'mrge'. Did you mean 'merge'?"),
        ("ls", "`streammerge inspect`"),
        ("abracadabra", "The commands are inspect, plan, merge, status, verify, pull, demo"),
        ("s3://bucket/a/ --into s3://bucket/b/", "Put a command first"),
        ("job.toml", "Put a command first"),
        ("--dry-run merge", "`streammerge plan`"),
        ("merge s3://bucket/a/ --into s3://bucket/b/ --dry-run", "`streammerge plan`"),
        ("merge s3://bucket/a/ -n", "`streammerge plan`"),
        ("pull s3://bucket/a/ here -n", "`streammerge inspect`"),
        ("pull s3://bucket/a/ --into here", "The directory is the last argument"),
        ("inspect s3://bucket/a/ --into s3://bucket/b/", "inspect has no destination"),
        ("plan s3://bucket/a/ --prune", "plan reports the same objects as unplanned"),
        ("--json merge s3://bucket/a/", "Options follow the command"),
        ("merge s3://bucket/a/ --output json", "--json prints the report as JSON"),
        ("verify s3://bucket/a/ --price copy=1", "It is an option of plan"),
        ("merge s3://bucket/a/ --zzyzx", "`streammerge merge --help`"),
        ("merge s3://bucket/a/ --delete", "`streammerge merge --prune`"),
        ("merge s3://bucket/a/ --output=s3://bucket/b/", "--into"),
        ("plan s3://bucket/a/ --threads 9", "--concurrency"),
        ("plan s3://bucket/a/ --min-image 3", "unknown option '--min-image'. Did you mean '--min-images'"),
        ("pull s3://bucket/a/ here --endpoint http://127.0.0.1", "Did you mean '--endpoint-url'?"),
        ("status --jsn", "Did you mean '--json'?"),
        ("merge s3://bucket/a/ --multi 3", "Did you mean '--multipart-threshold'?"),
        ("merge s3://bucket/a/ --storage x", "Did you mean '--storage-class'?\n"),
        ("verify --abracadabra", "`streammerge verify --help`"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(typed: str, hint: str) -> None:
    """A command or option of another tool, or a mistyped one, is answered with ours, and nothing is run."""
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
    assert parse_size(describe_size(size)) == size


@pytest.mark.parametrize("said", ["", "MB", "-1", "8 lots", "8ib", "1e3"])
def test_sizes_that_are_none(said: str) -> None:
    """What would be right is said."""
    with pytest.raises(click.BadParameter, match="as in 512MiB or 5GB"):
        parse_size(said)


@pytest.mark.parametrize("name", commands.commands)
def test_help_has_every_option_once(name: str) -> None:
    """The sections omit no option of a command that is not hidden, and list none twice."""
    command = commands.commands[name]
    shown = help_of(name)
    listed = [line.split()[0].rstrip(",") for line in shown.splitlines() if line.startswith("  -")]
    params = command.get_params(click.Context(command))
    options = [param for param in params if isinstance(param, click.Option) and not param.hidden]
    assert sorted(listed) == sorted([*(option.opts[0] for option in options if "--help" not in option.opts), "-h"])
    assert listed[-1] == "-h", "in the same place in each"
    assert ("Options:" in shown) == (name in {"inspect", "verify", "pull", "status", "demo"})


def help_of(name: str) -> str:
    """The help of a command."""
    return CliRunner().invoke(commands, [name, "--help"], prog_name="streammerge").output


@pytest.mark.parametrize("name", commands.commands)
def test_help_begins_with_an_example_and_ends_with_exit_codes(name: str) -> None:
    """The example can be copied; each code has a meaning."""
    first, second, *_ = help_of(name).splitlines()
    assert (first, second.split()[:2]) == ("Example:", ["streammerge", name])
    codes = re.findall(r"^  (\d+) +\w", help_of(name).rpartition("Exit codes:")[2], re.MULTILINE)
    assert codes[:3] == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["", *commands.commands])
def test_help_fits_a_narrow_terminal(name: str) -> None:
    """Nothing is cut off or spills over 62 columns, and each command is summarized to its full stop."""
    asked = [*filter(None, [name]), "--help"]
    said = CliRunner().invoke(commands, asked, prog_name="streammerge", terminal_width=62).output
    assert [line for line in said.splitlines() if len(line) > 62] == []
    assert "..." not in said.replace("COMMAND [ARGS]...", "").replace(" ...", "")


@pytest.mark.parametrize("name", ["inspect", "plan", "merge", "verify"])
def test_help_explains_the_fields_of_layouts(name: str) -> None:
    """Wherever layouts can be given."""
    layouts = help_of(name).partition("\nLayouts:")[2]
    assert [
        field for field in ("folder", "{identity}", "{name}", "{ext}", "{any}") if f"  {field} " not in layouts
    ] == []


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("verify", "--acl --storage-class --tags --part-size --max-failures --if-exists"),
        ("plan", "--acl --storage-class --tags --part-size --max-failures"),
        ("pull", "--acl --part-size --into --layout"),
        ("inspect", "--acl --min-images --into --journal"),
    ],
)
def test_help_lists_only_what_has_an_effect(name: str, absent: str) -> None:
    """What does nothing in a command is not listed there."""
    assert [option for option in absent.split() if option in help_of(name).split()] == []


@pytest.mark.parametrize("name", ["plan", "verify"])
def test_plan_and_verify_take_whatever_merge_takes_of_settings(name: str) -> None:
    """So that a command line of merge needs another word only to be a dry run, or a verification."""

    def settings(command: str) -> set[str]:
        return {
            param.opts[0]
            for param in commands.commands[command].params
            if param.name
            in {setting.argument for kind in (SourceSettings, Job, Options) for setting in settings_of(kind)}
        }

    assert settings(name) == settings("merge")
    assert len(settings("merge")) == sum(
        not setting.in_files_only for kind in (SourceSettings, Job, Options) for setting in settings_of(kind)
    )


def test_defaults_of_options_are_those_of_the_dataclasses() -> None:
    """What the command line fills without any option equals what Python code gets without any argument."""
    command = commands.commands["merge"]
    with command.make_context("merge", ["s3://bucket/a/", "--into", "s3://bucket/b/"]) as context:
        assert options_of(context.params) == Options()
        assert job_of(context.params) == make_job(["s3://bucket/a/"], into="s3://bucket/b/")


@pytest.mark.parametrize(("typed", "completed"), [("jo", ["job.toml"]), ("", ["job.toml", "other.toml"])])
def test_job_files_are_completed(typed: str, completed: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    """The shell is told of job files where sources may be given."""
    for name in ("job.toml", "other.toml", "notes.txt"):
        tmp_path.joinpath(name).touch()
    monkeypatch.chdir(tmp_path)
    complete = ShellComplete(commands, {}, "streammerge", "_STREAMMERGE_COMPLETE")
    assert [item.value for item in complete.get_completions(["merge"], typed)] == completed
