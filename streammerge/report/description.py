"""The content of a report as data: each feature fills it once, and text and page are rendered from it.

Strategy: a renderer knows these few types and no feature. Numbers stay numbers, with the form in which people read
them; a key, URL or command stays marked as such. Whatever comes from S3 is hostile: the renderers escape all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from streammerge.dataset.objects import printable
from streammerge.report.units import commas, human_bytes, human_time, human_usd

Role = Literal["good", "bad", "neutral"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the report's JSON, and how people read it."""

    value: float
    form: Callable[[float], str] = commas

    def __str__(self) -> str:
        return self.form(self.value)


@dataclass(frozen=True, slots=True)
class Key:
    """A key, URL, pattern, path or command: never broken in a terminal, set in monospace on a page."""

    text: str

    def __str__(self) -> str:
        return printable(self.text)


Cell = Number | Key | str
Phrase = Cell | tuple[Cell, ...]  # cells that follow each other without a space
Row = Sequence[Phrase]


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; the detail qualifies it, as `(12.5 GB)` qualifies a number of images."""

    label: str
    value: Phrase
    detail: Phrase = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are heads. total: of how many rows these are examples; None if all are here."""

    heads: Sequence[str]
    rows: Sequence[Row]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart: a label and a number for each bar.

    parts: the bars are parts of a whole, and a page shows the share of each. logarithmic: on a page, so that small ones
    can be seen, too.
    """

    title: str
    bars: Sequence[tuple[str, Number]]
    parts: bool = False
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line chart: points (seconds, value), and the unit of the values.

    others: further lines, each with its label; each has a scale of its own.
    """

    title: str
    points: Sequence[tuple[float, float]]
    unit: str
    others: Sequence[tuple[str, Sequence[tuple[float, float]]]] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, small, as a page shows it. jpeg: its bytes; empty where a problem keeps it from being shown."""

    source: str
    key: str
    jpeg: bytes = field(default=b"", repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures side by side, and what they have in common. The text shows none."""

    title: Phrase
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Album:
    """Strips of one kind."""

    title: str
    strips: Sequence[Strip]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report; an empty one is not shown. detail: the text omits it, the page does not."""

    title: str
    facts: Sequence[Fact] = ()
    charts: Sequence[Bars | Line] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    albums: Sequence[Album] = ()
    role: Role = "neutral"
    detail: bool = False

    def __bool__(self) -> bool:
        return bool(self.facts or self.charts or self.tables or self.notes or self.albums)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader must not overlook."""

    level: Literal["warning", "error"]
    text: str


@dataclass(frozen=True, slots=True)
class Description:
    """All that a report says. title and verdict read as one phrase, as in `Merge` `complete`.

    headline: the facts to read first. next_steps: what to do about the notices, a sentence each. seconds: duration.
    """

    title: str
    verdict: str = ""
    role: Role = "neutral"
    headline: Sequence[Fact] = ()
    sections: Sequence[Section] = ()
    notices: Sequence[Notice] = ()
    next_steps: Sequence[str] = ()
    seconds: float | None = None


def size(count: float) -> Number:
    """A number of bytes."""
    return Number(count, human_bytes)


def duration(seconds: float) -> Number:
    """A number of seconds."""
    return Number(seconds, human_time)


def usd(amount: float) -> Number:
    """An amount of money."""
    return Number(amount, human_usd)


def nonzero(*facts: Fact) -> list[Fact]:
    """The facts whose number is not 0."""
    return [fact for fact in facts if not isinstance(fact.value, Number) or fact.value.value]


def counts(by_kind: Mapping[str, int]) -> tuple[Cell, ...]:
    """Numbers by kind as a phrase: `12 copy, 3 list`."""
    pairs = [(Number(count), f" {kind}, ") for kind, count in sorted(by_kind.items())]
    cells = [cell for pair in pairs for cell in pair]
    return (*cells[:-1], cells[-1][:-2]) if cells else ("none",)  # type: ignore[index]


def warnings(texts: Sequence[str]) -> list[Notice]:
    """A notice for each warning."""
    return [Notice("warning", text) for text in texts]
