"""Suggestions for a prefix that holds nothing: most such prefixes are mistyped."""

import contextlib
import difflib
import re
from dataclasses import replace
from typing import Protocol

from streammerge.dataset.objects import Location, Page, printable
from streammerge.errors import StreamMergeError

_SHOWN = 5  # names
_PATTERN = re.compile(r"[*?]|\[.+\]")
_NO_PATTERNS = (
    "streammerge takes prefixes, not patterns: omit the wildcards. To select keys below a prefix, use --include"
)


class Prober(Protocol):
    """A store that lists the beginning of a prefix."""

    async def probe(self, location: Location, *, delimiter: str = "") -> Page:
        """The first page below it; with a delimiter, what lies below one that follows is one of its `prefixes`."""


async def suggest(store: Prober, location: Location) -> str:
    """Advice to check how a prefix is spelt, with the names that there are, those most like it first.

    The names are those below the nearest non-empty prefix above it; none if listing fails. For a pattern or the key of
    an object, the advice says that it is not a prefix.
    """
    if _PATTERN.search(location.prefix):
        return _NO_PATTERNS
    advice = "Check the spelling"
    names = location.prefix.rstrip("/").split("/")
    with contextlib.suppress(StreamMergeError):
        while names and names[-1]:
            mistyped = names.pop()
            above = replace(location, prefix="".join(f"{name}/" for name in names))
            page = await store.probe(above, delimiter="/")
            if any(listed.key == f"{above.prefix}{mistyped}" for listed in page.objects):
                return f"{printable(mistyped)} is an object; name the prefix above it, {above}"
            there = [prefix.removeprefix(above.prefix).rstrip("/") for prefix in page.prefixes]
            nearest = difflib.get_close_matches(mistyped, there, _SHOWN, cutoff=0)
            if nearest:
                return f"{advice}: below {above} there is {', '.join(printable(f'{name}/') for name in nearest)}"
            if page.objects or page.token is not None:
                break
    return advice
