"""Options of the command line: each belongs to a section of `--help`, and most derive from a setting."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from streammerge.cli.sizes import describe_size, parse_size
from streammerge.settings import Section, Setting, settings_of

Callback = Callable[..., int]
Decorator = Callable[[Callback], Callback]
FILE = click.Path(dir_okay=False, path_type=Path)
_DRY = ("plan", "verify")  # take all that merge takes, so that a command needs no other change; not all has an effect


class Option(click.Option):
    """An option with its section; those without one come first."""

    def __init__(self, *args: Any, section: Section | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


def option(*names: str, section: Section | None = None, **rest: Any) -> Decorator:
    """Declare an option as click does, in a section."""
    return click.option(*names, cls=Option, section=section, **rest)


def together(*options: Decorator) -> Decorator:
    """Several declarations as one, in their order."""

    def decorate(callback: Callback) -> Callback:
        for declare in reversed(options):
            callback = declare(callback)
        return callback

    return decorate


def number_or_all(_: click.Context, __: click.Parameter, value: str | None) -> int | Literal["all"]:
    """A callback of an option that takes a number of images, or 'all'; 0 where it was not passed."""
    if value is None:
        return 0
    if value == "all":
        return "all"
    if value.isascii() and value.isdigit() and int(value):
        return int(value)
    if value.strip("0"):
        raise click.BadParameter(f"{value!r} is neither a number of images nor 'all'")
    raise click.BadParameter("no images: omit the option, or pass at least 1, or 'all'")


def options_for(command: str, kind: type, *, repeated: bool = False) -> Decorator:
    """An option for every setting of a dataclass that has an effect in a command.

    repeated: it may be given for every source.
    """
    return together(*_declarations(command, settings_of(kind), repeated=repeated))


def _declarations(command: str, settings: Sequence[Setting], *, repeated: bool) -> Iterator[Decorator]:
    for setting in (setting for setting in settings if not setting.in_files_only):
        has_effect = not setting.only or command in setting.only
        if has_effect or command in _DRY:
            yield _declare(setting, repeated=repeated, hidden=not has_effect)


def _declare(setting: Setting, *, repeated: bool, hidden: bool) -> Decorator:
    shown = setting.default is not None and not repeated and setting.kind is not bool
    default: Any = None if repeated else setting.default
    if setting.is_size and default is not None:
        default = describe_size(default)
    if isinstance(default, float):
        default = f"{default:g}"
    details: dict[str, Any] = {"default": default, "show_default": shown, "type": _type_of(setting)}
    if setting.kind is bool:
        details = {"is_flag": True}
    elif repeated or setting.is_list:
        details = {"multiple": True, "type": str}
    return option(
        setting.option,
        setting.argument,
        section=setting.section,
        metavar=setting.metavar,
        help=setting.help,
        hidden=hidden,
        **details,
    )


def _type_of(setting: Setting) -> Any:
    if setting.choices:
        return click.Choice(setting.choices)
    if setting.is_size:
        return parse_size
    return FILE if setting.kind is Path else setting.kind


def settings_in(given: dict[str, Any], kind: type, *, defaults: bool = True) -> dict[str, Any]:
    """The settings of a dataclass among the arguments of a command; without defaults, only those that were passed."""
    arguments = [setting.argument for setting in settings_of(kind) if setting.argument in given]
    return {name: given[name] for name in arguments if defaults or was_given(name)}


def was_given(name: str) -> bool:
    """Whether an argument of the command that runs was passed on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE
