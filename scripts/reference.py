"""Write what the documentation takes from the code: the command reference, and the map of modules.

python scripts/reference.py            write docs/reference/cli.md, and the map in docs/architecture.md
python scripts/reference.py --check    write nothing; exit 1 if one of them is out of date
"""

import ast
import re
import sys
from pathlib import Path
from typing import Any

import click

from streammerge.cli.commands import commands

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "docs" / "reference" / "cli.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules: written by scripts/reference.py -->\n", "<!-- end of modules -->\n"
_HEAD = """# Command reference

<!-- Written by scripts/reference.py; edit the commands in streammerge/cli instead. -->

Results go to stdout, progress and messages to stderr. Every command ends with one of these
[exit codes](exit-codes.md).
"""


class Markdown(click.HelpFormatter):
    """What click writes for --help, as Markdown."""

    def __init__(self) -> None:
        super().__init__(width=100)
        self.blocks: list[str] = []

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:  # noqa: ARG002 - click's signature
        """Write the usage line as a block of code."""
        self.blocks.append(f"```text\n{prog} {args}\n```")

    def write_heading(self, heading: str) -> None:
        """Write the title of a section."""
        self.blocks.append(f"**{heading}**")

    def write_paragraph(self) -> None:
        """Write nothing: blocks are paragraphs already."""

    def write_text(self, text: str) -> None:
        """Write paragraphs; those that click leaves as they are stand in blocks of code."""
        for paragraph in text.split("\n\n"):
            marker, newline, code = paragraph.partition("\n")
            if marker.strip() == "\b" and newline:
                lines = code.split("\n")
                indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
                self.blocks.append("```text\n" + "\n".join(line[indent:] for line in lines) + "\n```")
            else:
                self.blocks.append(_escaped(" ".join(paragraph.split())))

    def write_dl(self, rows: Any, *_: Any, **__: Any) -> None:
        """Write terms and what they mean as a list."""
        self.blocks.append("\n".join(f"- `{term}`: {_escaped(' '.join(text.split()))}" for term, text in rows))


def _escaped(text: str) -> str:
    """Text of a terminal as Markdown; options, and what stands between backticks or single quotes, are code."""
    text = re.sub(r"(?<!\w)'([^']+)'(?!\w)", r"`\1`", text)
    text = re.sub(r"(?<![\w`-])--[a-z][a-z-]+", r"`\g<0>`", text)
    parts = text.split("`")
    parts[::2] = [part.replace("*", r"\*").replace("<", "&lt;").replace("_", r"\_") for part in parts[::2]]
    return "`".join(parts)


def reference() -> str:
    """The command reference."""
    root = click.Context(commands, info_name="streammerge", **commands.context_settings)
    sections = [_HEAD.rstrip()]
    for name in commands.list_commands(root):
        command = commands.commands[name]
        written = Markdown()
        command.format_help(click.Context(command, info_name=name, parent=root, **command.context_settings), written)
        sections += [f"## {name}", *written.blocks]
    return "\n\n".join(sections) + "\n"


def modules() -> str:
    """Each package, and each module in it with the first sentence of its docstring."""
    package = ROOT / "streammerge"
    packages = [path for path in sorted(package.rglob("__init__.py")) if path.parent != package]
    lines = [f"- `{path.name}`: {_first_sentence(path)}" for path in sorted(package.glob("*.py"))]
    text = ["### `streammerge/`", "\n".join(lines)]
    for init in packages:
        text.append(f"### `{init.parent.relative_to(ROOT)}/`")
        text.append(_first_sentence(init))
        others = [path for path in sorted(init.parent.glob("*.py")) if path != init]
        text.append("\n".join(f"- `{path.name}`: {_first_sentence(path)}" for path in others))
    return "\n\n".join(text) + "\n"


def _first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".") + "."


def architecture() -> str:
    """docs/architecture.md with the map of today."""
    before, _, rest = ARCHITECTURE.read_text("utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{modules()}\n{END}{rest.partition(END)[2]}"


def main(arguments: list[str]) -> int:
    """Write, or check; returns the exit code."""
    stale = []
    for path, text in ((CLI, reference()), (ARCHITECTURE, architecture())):
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path)
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
