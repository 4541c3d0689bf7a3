"""A description as text, for terminals and logs: the headline first, next steps last.

Strategy: everything is wrapped at words below where its first line begins. A key, URL or command is never broken, so
that it can be copied: where it is longer than a line, it gets one of its own. A table too wide for the terminal is
shown as a block of lines for each row.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import takewhile

from streammerge.dataset.objects import printable
from streammerge.report.description import Bars, Cell, Description, Fact, Number, Phrase, Section, Table
from streammerge.report.style import styled

_RULE = "=" * 60
_SHOWN = 5  # examples of a table; page and JSON have more
_BAR = 30  # characters of the longest bar
_SCHEME = 2  # slashes after s3:
_SHORT = 30  # characters of what shares a line with others
_GAP = "  "
_COMMAND = re.compile(r"`[^`]*`")
_KEEP = "\0"  # stands for a space that is not broken at


def render_text(description: Description, *, width: int = 80, colour: bool = False) -> str:
    """The description as text of so many columns, with ANSI colours if asked for."""
    banner = " ".join(filter(None, (description.title, description.verdict))).upper()
    lines = [_RULE, styled(banner, description.role, colour=colour), _RULE]
    for fact in description.headline:
        lines += _wrapped(_value(fact), width, first=f"{fact.label}: ")
    for section in description.sections:
        if section and not section.detail:
            lines += ["", styled(section.title, section.role, colour=colour), *_section(section, width)]
    if description.notices:
        lines.append("")
    for notice in description.notices:
        label = f"{notice.level.capitalize()}: "
        first, *rest = _wrapped(_prose(notice.text), width, first=label)
        lines += [styled(label, notice.level, colour=colour) + first[len(label) :], *rest]
    if description.next_steps:
        lines += ["", styled("Next steps", "neutral", colour=colour)]
    for step in description.next_steps:
        lines += _wrapped(_prose(step), width, first="- ")
    return "\n".join(lines).replace(_KEEP, " ")


def render_section(section: Section, *, width: int = 80) -> str:
    """What a section says, without its title."""
    return "\n".join(_section(section, width)).replace(_KEEP, " ")


def _section(section: Section, width: int) -> Iterator[str]:
    label = max((len(fact.label) for fact in section.facts), default=0)
    for fact in section.facts:
        yield from _wrapped(_value(fact), width, first=f"{_GAP}{f'{fact.label}:':<{label + 1}} ")
    for chart in section.charts:
        if isinstance(chart, Bars):
            yield ""
            yield from _bars(chart)
    for number, table in enumerate(section.tables):
        if number or section.facts or section.charts:
            yield ""
        yield from _table(table, width)
    for note in section.notes:
        yield from _wrapped(_prose(note), width, first=_GAP)


def _wrapped(text: str, width: int, *, first: str) -> list[str]:
    """A text behind the first line's beginning, wrapped below where it starts."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _value(fact: Fact) -> str:
    return _phrase(fact.value) + (f" ({_phrase(fact.detail)})" if fact.detail else "")


def _phrase(phrase: Phrase) -> str:
    return "".join(map(_cell, phrase)) if isinstance(phrase, tuple) else _cell(phrase)


def _prose(text: str) -> str:
    """A sentence in which no command in backticks is broken."""
    return _COMMAND.sub(lambda found: found[0].replace(" ", _KEEP), printable(text))


def _cell(cell: Cell) -> str:
    text = printable(str(cell))
    return text if isinstance(cell, str) else text.replace(" ", _KEEP)


def _bars(chart: Bars) -> Iterator[str]:
    yield f"{_GAP}{chart.title}:"
    longest = max(number.value for _, number in chart.bars)
    label = max(len(label) for label, _ in chart.bars)
    count = max(len(str(number)) for _, number in chart.bars)
    for name, number in chart.bars:
        bar = "█" * (round(number.value * _BAR / longest) or 1)
        yield f"{2 * _GAP}{name:>{label}}  {number!s:>{count}}  {bar}"


def _table(table: Table, width: int) -> Iterator[str]:
    rows = table.rows[: None if table.total is None else _SHOWN]
    texts, notes = [list(map(_phrase, row)) for row in rows], list[str]()
    if not _fits(table.heads, texts, width):
        texts, notes = _shortened(table.heads, texts)
    widths = _widths(table.heads, texts)
    if len(table.heads) == 1:
        yield from (_GAP + line for line in [f"{table.heads[0]}:", *(_GAP + _phrase(phrase) for (phrase,) in rows)])
    elif _fits(table.heads, texts, width):
        numeric = [isinstance(cell, Number) for cell in rows[0]]
        for texts_of_row in [table.heads, *texts]:
            yield _row(texts_of_row, widths, numeric)
        for note in notes:
            yield from _wrapped(note, width, first=_GAP)
    else:
        for row in rows:
            yield from _block(table.heads, row, width)
    if table.total is not None and table.total > len(rows):
        yield f"{_GAP}… and {table.total - len(rows):,} more"


def _widths(heads: Sequence[str], texts: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(heads, *texts, strict=True)]


def _fits(heads: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> bool:
    return sum(_widths(heads, texts)) + len(_GAP) * len(heads) <= width


def _shortened(heads: Sequence[str], texts: Sequence[list[str]]) -> tuple[list[list[str]], list[str]]:
    """The texts of a table, with an ellipsis for the folders that the URLs of a column share, and what it is."""
    columns, notes = [list(column) for column in zip(*texts, strict=True)], []
    for head, column in zip(heads, columns, strict=True):
        ends = zip(min(column), max(column), strict=False)  # what these share, all between them share
        shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], ends))
        shared = shared[: shared.rfind("/") + 1]
        if len(column) > 1 and shared.count("/") > _SCHEME and all("://" in url for url in column):
            column[:] = ["…" + url.removeprefix(shared) for url in column]
            notes.append(f"{head}: … is {shared}")
    return [list(row) for row in zip(*columns, strict=True)], notes


def _row(texts: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = (
        text.rjust(width) if right else text.ljust(width)
        for text, width, right in zip(texts, widths, numeric, strict=True)
    )
    return (_GAP + _GAP.join(cells)).rstrip()


def _block(heads: Sequence[str], row: Sequence[Phrase], width: int) -> Iterator[str]:
    """A row as lines: the first cell and what is short, then what is long; a key that fills a line has no head."""
    texts = [
        (_phrase(phrase), f"{head if head.isupper() else head.lower()}: ")
        for head, phrase in zip(heads[1:], row[1:], strict=True)
    ]
    short = [(head + text).replace(" ", _KEEP) for text, head in texts if len(head + text) < _SHORT]
    yield from _wrapped("; ".join(short), width, first=f"{_GAP}{_phrase(row[0])}{_GAP if short else ''}")
    for text, head in texts:
        if len(head + text) >= _SHORT:
            fits = len(2 * _GAP + head + text) <= width or " " in text
            yield from _wrapped(text, width, first=2 * _GAP + (head if fits else ""))
