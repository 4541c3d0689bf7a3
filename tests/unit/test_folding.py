"""Lines that are folded for a terminal."""

import pytest

from streammerge.core.folding import folded

_URL = "s3://bucket/" + "a-b/" * 30


@pytest.mark.parametrize(
    ("line", "into"),
    [
        ("short", "short"),
        ("Warning: " + "word " * 20, ["Warning: " + " ".join(["word"] * 14), " " * 9 + " ".join(["word"] * 6)]),
        ("  An identity: " + "x" * 60 + " --min-images", ["  An identity: " + "x" * 60, " " * 15 + "--min-images"]),
        ("  at --min-images 2: " + "word " * 13, ["  at --min-images 2: " + "word " * 11 + "word", " " * 21 + "word"]),
        (f"  see {_URL} there", ["  see", f"  {_URL}", "  there"]),
    ],
)
def test_lines_are_folded_below_their_text(line: str, into: str | list[str]) -> None:
    """At spaces alone: an option stays whole, and so does a URL that is longer than the line."""
    assert folded(line).split("\n") == ([into] if isinstance(into, str) else into)
