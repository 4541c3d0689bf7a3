"""What lies beside a prefix below which there is nothing: most such prefixes are mistyped."""

import contextlib
import difflib
import re
from typing import Protocol

from streammerge.core.keys import Location, Page, printable
from streammerge.errors import StreamMergeError

_SHOWN = 5  # names
_PATTERN = re.compile(r"[*?]|\[.+\]")
_NO_PATTERNS = (
    "streammerge takes prefixes, not patterns: leave the * away. To choose below a prefix, a job file has `include`"
)


class Prober(Protocol):
    """A store that lists the beginning of a prefix."""

    async def probe(self, location: Location, *, delimiter: str = "") -> Page:
        """The first page below it; with a delimiter, what lies below one that follows is one of its `prefixes`."""


async def spelling(store: Prober, location: Location) -> str:
    """Advice to check how a prefix is spelt, with the names that there are, those most like it first.

    They are those of the nearest prefix above it that holds any. A listing that fails names nothing. Whoever wrote a
    pattern, or the key of an object, is told that these are no prefixes.
    """
    if _PATTERN.search(location.prefix):
        return _NO_PATTERNS
    advice = "Check how it is spelt"
    names = location.prefix.rstrip("/").split("/")
    with contextlib.suppress(StreamMergeError):
        while names and names[-1]:
            mistyped = names.pop()
            above = Location(location.bucket, "".join(f"{name}/" for name in names))
            page = await store.probe(above, delimiter="/")
            if any(listed.key == f"{above.prefix}{mistyped}" for listed in page.objects):
                return f"{printable(mistyped)} is an object; name the prefix that it lies below, such as {above}"
            there = [prefix.removeprefix(above.prefix).rstrip("/") for prefix in page.prefixes]
            nearest = difflib.get_close_matches(mistyped, there, _SHOWN, cutoff=0)
            if nearest:
                return f"{advice}: below {above} there is {', '.join(printable(f'{name}/') for name in nearest)}"
            if page.objects or page.token is not None:
                break
    return advice
