"""An extension of Griffe: lines of a docstring that begin with a parameter's or a field's name become a list.

journal: where to record what is done.
bytes, bytes_copied: of all images kept; of those copied.
"""

import re
from typing import Any

import griffe

_LINE = re.compile(r"(\w+)((?:, \w+)*)((?: [=+] \w+)*)[:;] ")


class NamedLines(griffe.Extension):
    """Makes the list in the docstring of every function and class that has some."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Take the parameters of a function, and what it takes by the names of a TypedDict of its module."""
        names = {parameter.name for parameter in func.parameters}
        for parameter in func.parameters:
            gathered = re.fullmatch(r"Unpack\[(\w+)\]", str(parameter.annotation))
            if gathered and gathered[1] in func.module.members:
                names |= set(func.module.members[gathered[1]].members)
        _make_list(func, names)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Take the fields of a class."""
        _make_list(cls, {name for name, member in cls.members.items() if member.is_attribute})


def _make_list(described: griffe.Function | griffe.Class, names: set[str]) -> None:
    if described.docstring is not None:
        paragraphs = described.docstring.value.split("\n\n")
        described.docstring.value = "\n\n".join(_listed(paragraph, names) for paragraph in paragraphs)


def _listed(paragraph: str, names: set[str]) -> str:
    lines: list[str] = []
    inside = False
    for line in paragraph.splitlines():
        found = _LINE.match(line)
        if found and found[1] in names:
            lines += [] if inside else [""]  # Markdown begins a list after an empty line
            inside = True
            lines.append(f"- `{found[1]}{found[2]}{found[3]}`: {line[found.end() :]}")
        else:
            if inside and line.startswith("Raises "):
                inside = False
                lines.append("")
            lines.append(f"  {line}" if inside else line)
    return "\n".join(lines).strip("\n")
