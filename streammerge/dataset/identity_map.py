"""The identity map: identities of sources that are renamed, united with others, or dropped."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streammerge.dataset.junk import is_hidden
from streammerge.errors import UsageError


class Mapped(NamedTuple):
    """What an identity of a source becomes. `identity` is its name with its namespace; an empty `to` drops it."""

    source: str
    identity: str
    to: str


def check_map(rows: Iterable[Mapped], sources: Sequence[str]) -> None:
    """Raises UsageError on a source that there is not, two names for one identity, and a name that is mapped itself.

    All rows apply at once, so that a name that is mapped on would leave open which one is meant, and in a circle none.
    """
    known: dict[tuple[str, str], str] = {}
    for source, identity, to in rows:
        if source not in sources:
            raise UsageError(f"the identity map has a row for source {source!r}; the sources are {', '.join(sources)}")
        if "/" in to or to in (".", ".."):
            raise UsageError(
                f"the identity map maps {identity!r} of {source} to {to!r}: an identity is the name of a folder, so it "
                "must not contain '/', nor be '.' or '..'"
            )
        if is_hidden(to) and not is_hidden(identity):
            raise UsageError(
                f"the identity map maps {identity!r} of {source} to {to!r}: images in a folder of that name are "
                "ignored as hidden or junk"
            )
        if known.setdefault((source, identity), to) != to:
            raise UsageError(
                f"the identity map maps {identity!r} of {source} both to {known[source, identity]!r} and to {to!r}: "
                "keep only one of the rows"
            )
    for (source, identity), to in known.items():
        further = known.get((source, to), to)
        if to not in (identity, further):
            raise UsageError(
                f"the identity map maps {identity!r} of {source} to {to!r}, and that one to {further!r}: "
                "map every identity directly to its final name"
            )
