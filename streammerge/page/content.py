"""What stands on a page: facts, charts, tables and notes, in sections."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streammerge.core.keys import printable


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the report: where in its JSON it stands, what it is there, and how it reads."""

    path: tuple[str | int, ...]
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key, URL or pattern: shown in type of even width, may break anywhere."""

    text: str


Cell = Number | Key | str


@dataclass(frozen=True, slots=True)
class Table:
    """Heads, and rows of as many cells."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars (label, value), or a line (x, y); `along` names what it runs along, the title what it shows."""

    title: str
    bars: Sequence[tuple[str, int]] = ()
    line: Sequence[tuple[float, float]] = ()
    along: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Part of a page; what is empty is not shown."""

    title: str
    facts: Sequence[tuple[str, Cell]] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.facts or self.charts or self.tables or self.notes)


@dataclass(frozen=True, slots=True)
class Content:
    """A page. good: whether all is well; verdict: the one word for it."""

    title: str
    verdict: str
    good: bool
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = field(default_factory=list)


def commas(value: float) -> str:
    """A number with its thousands apart."""
    return f"{value:,}"


class Figures:
    """Takes numbers out of a report's JSON."""

    def __init__(self, report: dict[str, Any]) -> None:
        self._report = report

    def __call__(self, *path: str | int, form: Callable[[Any], str] = commas) -> Number:
        """The number that stands there."""
        value: Any = self._report
        for step in path:
            value = value[step]
        return Number(path, value, form(value))

    def each(self, name: str) -> list[tuple[str, Number]]:
        """All numbers that stand there, with their names."""
        return [(each, self(name, each)) for each in self._report[name]]


def key(text: str) -> Key:
    """A key with whatever would hide or reorder text escaped."""
    return Key(printable(text))
