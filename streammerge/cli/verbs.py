"""How the command line is laid out: the options of a verb in sections, and a hint for what there is not."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from streammerge.cli import hints
from streammerge.cli.files import tell_written

# What --help has under which heading, by the names of the parameters; what is nowhere else comes last
_SECTIONS = {
    "Sources and destination": ("into", "layouts", "save_job"),
    "What to keep": ("min_images", "max_images", "collisions", "duplicates"),
    "What is at the destination": ("if_exists", "prune", "yes"),
    "What the copies get": ("tags", "storage_class", "encryption", "kms_key", "acl", "bucket_owner"),
    "Journal": ("journal", "no_journal"),
    "Connection": ("endpoint_url", "region", "profile", "requester_pays"),
    "Speed and patience": (
        "concurrency",
        "attempts",
        "timeout",
        "max_failures",
        "listing_order",
        "multipart_threshold",
        "part_size",
    ),
    "Output": ("html", "classes", "manifest", "output", "prices", "as_json", "quiet", "verbose"),
}


class Verb(click.Command):
    """A command whose --help has its options in sections, its own ones first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections that have options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = {option.name: record for option in options if (record := option.get_help_record(ctx)) is not None}
        sections = {
            title: [records.pop(name) for name in names if name in records] for title, names in _SECTIONS.items()
        }
        *rest, showing_help = records.values()  # click adds it at the end
        (sections["Output"] or rest).append(showing_help)
        for title, rows in ({"Options": rest} | sections).items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with a hint where an option is none."""
        with _hinting(self, ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        """Run, and name the files that were written; returns the exit code."""
        code: int = super().invoke(ctx)
        if not ctx.params.get("quiet"):
            tell_written(ctx.params, code)
        return code


class Verbs(click.Group):
    """The verbs, in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the verbs."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with a hint where an option is none."""
        with _hinting(self, ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, with a hint where it is none."""
        if args[0] not in self.commands:
            raise click.UsageError(f"{args[0]!r} is no verb. {hints.of_verb(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


@contextmanager
def _hinting(command: click.Command, ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.NoSuchOption as error:
        verbs = ctx.find_root().command
        options = {name: _options_of(verb) for name, verb in getattr(verbs, "commands", {}).items()}
        verb = "" if command is verbs else command.name or ""
        hint = hints.of_option(error.option_name, verb, options | {verb: _options_of(command)})
        raise click.UsageError(f"there is no option {error.option_name}. {hint}", ctx) from error


def _options_of(command: click.Command) -> list[str]:
    params = [*command.params, click.Option(["-h", "--help"])]
    return [name for param in params for name in param.opts if name.startswith("-")]
