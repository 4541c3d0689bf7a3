"""The documentation as the tests read it: pages, and the blocks of code in them that somebody may type."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?:^<!-- (?P<name>[^\n]+) -->\n)?^```(?P<language>sh|python|toml|json)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_BOUND = 90.0  # seconds; whatever takes longer hangs


class Block(NamedTuple):
    """A fenced block; its name is the comment right above it, empty if there is none."""

    name: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    found = _BLOCK.finditer(page.read_text("utf-8"))
    return [Block(match["name"] or "", match["language"], match["text"]) for match in found]


def block(page: Path, name: str) -> str:
    """The text of the block of that name."""
    (found,) = [block.text for block in blocks(page) if block.name == name]
    return found


def section(page: Path, title: str) -> str:
    """What stands below a heading, up to the next one of its level or a higher one."""
    text = page.read_text("utf-8")
    heading = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert heading, f"{page} has no section {title}"
    rest = text[heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def run(command: list[str], env: Mapping[str, str], cwd: Path) -> str:
    """All that a command prints. Fails unless it succeeds."""
    done = subprocess.run(command, env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=_BOUND, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
