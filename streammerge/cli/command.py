"""The form of every command: an example first, options in sections, exit codes last, and hints for typos."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click

from streammerge.cli import hints
from streammerge.cli.command_line import command_line
from streammerge.cli.exits import MEANINGS, STOPPING, ending
from streammerge.cli.files import tell_written
from streammerge.cli.log_file import logging_to
from streammerge.cli.setting_option import Option
from streammerge.settings import Section

_log = logging.getLogger(__name__)
_NEAR = 0.75  # how similar a name has to be to what was typed, of 1
_LAYOUTS = (
    ("folder", "The first folder below the prefix is the identity; the rest of the key is the file name."),
    ("{identity}", "The identity, in a pattern for the whole key below the prefix. Required."),
    ("{name}", "The file name without its extension. Omitted, the last component of the key is the file name."),
    ("{ext}", "The extension."),
    ("{any}", "Any characters except '/', or none."),
)


class Command(click.Command):
    """A command with an example, and with the exit codes that it may end with.

    meanings: of exit codes that mean something of their own here.
    """

    def __init__(
        self,
        *args: Any,
        example: str = "",
        codes: Sequence[int] = (),
        meanings: dict[int, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._example = example
        self._meanings = {code: MEANINGS[code] for code in codes} | (meanings or {})

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example before all else."""
        with formatter.section("Example"):
            formatter.write_text(f"\b\n{self._example}")
        formatter.write_paragraph()
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections that have options, then what layouts and exit codes mean."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], **{section: [] for section in Section}}
        for param in self.get_params(ctx):
            if not isinstance(param, click.Option):
                continue
            section = param.section if isinstance(param, Option) else None
            title = section or ("Output" if "--help" in param.opts and sections["Output"] else "Options")
            if (record := param.get_help_record(ctx)) is not None:
                sections[title].append(record)
        if any(param.name == "layouts" for param in self.params):
            sections["Layouts"] = list(_LAYOUTS)
        sections["Exit codes"] = [(str(code), meaning) for code, meaning in sorted(self._meanings.items())]
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with a hint for an unknown option."""
        with _hinting(self, ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        """Run, and name the files that were written; returns the exit code."""
        with logging_to(ctx.params.get("log_file")):
            _log.info("%s", command_line())
            try:
                code: int = super().invoke(ctx)
            except STOPPING as error:
                _log.error("%s", ending(error)[0])
                raise
            _log.info("exit code %d", code)
        if not ctx.params.get("quiet"):
            tell_written(ctx.params, code)
        return code


class CommandGroup(click.Group):
    """The commands, in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with a hint for an unknown option."""
        with _hinting(self, ctx):
            return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write what each command does; it is wrapped, where click would cut it off."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(formatter.width * 2)) for name, command in self.commands.items()]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, with a hint for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            hint = hints.of_command(args[0]) or _suggested(args[0], list(self.commands))
            known = hint or f"The commands are {', '.join(self.commands)}"
            raise click.UsageError(f"unknown command {args[0]!r}. {known}", ctx) from error


@contextmanager
def _hinting(command: click.Command, ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.NoSuchOption as error:
        name = error.option_name
        group = ctx.find_root().command
        commands: dict[str, click.Command] = getattr(group, "commands", {})
        others = [other for other, there in commands.items() if name in _options_of(there)]
        hint = (
            hints.of_option(name, "" if command is group else command.name or "", others)
            or _suggested(name, _options_of(command))
            or f"See `{ctx.command_path} --help`"
        )
        raise click.UsageError(f"unknown option {name!r}. {hint}", ctx) from error


def _options_of(command: click.Command) -> list[str]:
    shown = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    return [name for param in shown for name in param.opts]


def _suggested(typed: str, there: Sequence[str]) -> str:
    """What begins as was typed, else the nearest, if it is near enough to be meant."""
    meant = [name for name in there if name.startswith(typed)] or get_close_matches(typed, there, 1, _NEAR)
    *others, last = map(repr, meant or [""])
    return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if meant else ""
