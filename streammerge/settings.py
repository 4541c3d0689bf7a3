"""Settings: dataclass fields that are also command-line options and keys of a job file, with checked values.

A setting is declared once, as a field of the dataclass that it fills:

    min_images: int = setting(2, "Keep identities with at least N images.", metavar="N", at_least=1)

The command line takes its name, type, choices, default and help from there, a job file its key and type, and
`check_settings`, called by the dataclass, refuses a value that is not of that type, wherever it comes from.
"""

import dataclasses
import math
import types
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

from streammerge.errors import UsageError

T = TypeVar("T")
_KEY = "streammerge.setting"
_KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


class Section(StrEnum):
    """The headings of `--help`, in their order."""

    SOURCES = "Sources and destination"
    SELECTION = "Which images to keep"
    EXISTING = "What is already at the destination"
    COPIES = "Properties of the copies"
    JOURNAL = "Journal"
    CONNECTION = "Connection"
    PERFORMANCE = "Performance and retries"
    CLUSTER = "More cores and machines"
    OUTPUT = "Output"


@dataclass(frozen=True, slots=True)
class _Declared:
    help: str
    section: Section
    metavar: str | None
    argument: str | None
    at_least: float | None
    above: float | None
    only: tuple[str, ...]
    is_size: bool
    decides: bool
    option: str | None
    in_files_only: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A declared setting.

    kind: its type, without None; `optional` says whether None is a value, too. help: one or two sentences.
    argument: its name as an argument in Python and as a parameter of the command line.
    only: the commands in which it has an effect; empty for all that take its dataclass.
    is_size: bytes, which may be written with a unit. decides: whether it can change the plan of a merge.
    option: on the command line. in_files_only: a key of a job file that is no option.
    """

    name: str
    kind: Any
    optional: bool
    default: Any
    help: str
    section: Section
    metavar: str | None
    argument: str
    at_least: float | None
    above: float | None
    only: tuple[str, ...]
    is_size: bool
    decides: bool
    option: str
    in_files_only: bool

    @property
    def key(self) -> str:
        """Its key in a job file."""
        return _key(self.name)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it may have, where they are listed."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def is_list(self) -> bool:
        """Whether it has any number of texts."""
        return get_origin(self.kind) is tuple

    def check(self, value: Any) -> None:
        """Raise UsageError unless this is one of its values."""
        if problem := self.problem(value):
            raise UsageError(f"{self.option} {value if isinstance(value, int | float) else repr(value)}: {problem}")

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value; None if it is one of its values."""
        if value is None and self.optional:
            return None
        if self.choices:
            return _not_among(value, self.choices)
        if self.is_list:
            return _not_a_list(value)
        kinds = (int, float) if self.kind is float else self.kind
        if not isinstance(value, kinds) or (isinstance(value, bool) and self.kind is not bool):
            return f"it must be {_KINDS.get(self.kind, self.kind.__name__)}"
        return self._out_of_bounds(value)

    def _out_of_bounds(self, value: Any) -> str | None:
        if isinstance(value, float) and not math.isfinite(value):
            return "it must be a finite number"
        if self.at_least is not None and value < self.at_least:
            return f"it must be at least {self.at_least:g}"
        if self.above is not None and value <= self.above:
            return f"it must be more than {self.above:g}"
        return None


def setting(
    default: T,
    text: str,
    *,
    section: Section,
    metavar: str | None = None,
    argument: str | None = None,
    at_least: float | None = None,
    above: float | None = None,
    only: Sequence[str] = (),
    is_size: bool = False,
    decides: bool = True,
    option: str | None = None,
    in_files_only: bool = False,
) -> T:
    """Declare a field of a dataclass as a setting; `text` is its help, the rest is as `Setting` has it."""
    declared = _Declared(
        text, section, metavar, argument, at_least, above, tuple(only), is_size, decides, option, in_files_only
    )
    field: T = dataclasses.field(default=default, metadata={_KEY: declared})
    return field


@cache
def settings_of(kind: Hashable) -> tuple[Setting, ...]:
    """The settings that a dataclass declares, in their order."""
    return tuple(_setting(field) for field in dataclasses.fields(cast("Any", kind)) if _KEY in field.metadata)


def _setting(field: "dataclasses.Field[Any]") -> Setting:
    declared: _Declared = field.metadata[_KEY]
    kind: Any = field.type
    optional = False
    if get_origin(kind) in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not types.NoneType]
        kind, optional = members[0], len(members) < len(get_args(kind))
    named = {"name": field.name, "kind": kind, "optional": optional, "default": field.default}
    rest = {item.name: getattr(declared, item.name) for item in dataclasses.fields(declared)}
    names = {
        "argument": declared.argument or field.name,
        "option": declared.option or f"--{_key(field.name)}",
    }
    return Setting(**named, **(rest | names))


def _key(name: str) -> str:
    return name.replace("_", "-")


def settings_values(holder: object) -> dict[str, Any]:
    """The values of the settings of a dataclass's instance, by name."""
    return {declared.name: getattr(holder, declared.name) for declared in settings_of(cast("Hashable", type(holder)))}


def table_of(holder: object) -> dict[str, Any]:
    """The settings of a dataclass's instance that are not at their defaults, by key of a job file."""
    return {
        declared.key: list(value) if declared.is_list else value
        for declared in settings_of(cast("Hashable", type(holder)))
        if (value := getattr(holder, declared.name)) != declared.default
    }


def check_settings(holder: object) -> None:
    """Raise UsageError where a setting of a dataclass's instance has a value that is none of its own."""
    for declared in settings_of(cast("Hashable", type(holder))):
        declared.check(getattr(holder, declared.name))


def read_settings(kind: type, table: dict[str, Any], where: str, others: Sequence[str] = ()) -> dict[str, Any]:
    """The settings of a dataclass in a table of a job file, by field name.

    where: names the table in errors. others: keys that it may also have, which are left out.
    Raises UsageError on an unknown key, and on a value of the wrong type.
    """
    known = {declared.key: declared for declared in settings_of(kind)}
    check_keys(table, [*others, *known], where)
    found = {}
    for key, declared in known.items():
        if key in table:
            value = tuple(table[key]) if declared.is_list and isinstance(table[key], list) else table[key]
            if problem := declared.problem(value):
                raise UsageError(f"{where}: {key} = {table[key]!r}: {problem}")
            found[declared.name] = value
    return found


def check_keys(table: dict[str, Any], known: Sequence[str], where: str) -> None:
    """Raise UsageError where a table has a key that is not known, naming one that is much like it."""
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"{where}: unknown key {key!r}. {meant}Known keys: {', '.join(known)}")


def check_choice(option: str, value: Any, choices: Sequence[str]) -> None:
    """Raise UsageError where the value of an option is not one of its choices."""
    if problem := _not_among(value, choices):
        raise UsageError(f"{option} {value!r}: {problem}")


def check_count(option: str, value: Any, *, at_least: int) -> None:
    """Raise UsageError where the value of an option is not a whole number of at least so much."""
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise UsageError(f"{option} {value!r}: it must be a whole number of at least {at_least}")


def _not_a_list(value: Any) -> str | None:
    if isinstance(value, str):
        return f"it must be a list of texts, such as [{value!r}]"
    is_list = isinstance(value, tuple) and all(isinstance(text, str) for text in value)
    return None if is_list else "it must be a list of texts"


def _not_among(value: Any, choices: Sequence[str]) -> str | None:
    if value in choices:
        return None
    near = get_close_matches(value, choices, n=1) if isinstance(value, str) else []
    return f"it must be one of {', '.join(choices)}" + (f". Did you mean {near[0]!r}?" if near else "")
