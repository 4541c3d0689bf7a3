"""Layouts: how a key below a prefix spells the identity and the file name.

Strategy: a layout turns a key below its prefix into a place `(identity, name)` or into the reason why there is none.
Two kinds exist. `folder`: the first component is the identity, the rest, nested or not, the name. A pattern, such as
`{identity}_face.{ext}`, is matched against the whole key below the prefix, each field taking the fewest characters
that fit; the name is the key's last component unless the pattern says `{name}`, which keeps the key's extension.
"""

import dataclasses
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from streammerge.dataset.filter import ALL, Filter
from streammerge.dataset.ignored import Reason
from streammerge.errors import UsageError

Place = tuple[str, str]  # identity, file name below it

_FIELDS = {
    "identity": r"[^/]+?",
    "name": r"[^/]+?",
    "ext": r"[^./]+",
    "any": r"[^/]*?",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """A compiled layout.

    text: as the user writes it, `folder` or a pattern.
    tail: literal text that follows the identity at the beginning of a key: every key of identity X begins with
    X + tail, `/` for `folder`, `_face.` for `{identity}_face.{ext}`. None if there is none: `img_{identity}.{ext}`.
    filter: what it does not let through has no place, being "excluded".
    """

    text: str
    tail: str | None
    place: Callable[[str], Place | Reason] = dataclasses.field(compare=False)  # follows from the others
    filter: Filter = ALL

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Callable[[str, Filter], "Layout"], tuple[str, Filter]]:
        return _compiled, (self.text, self.filter)

    @property
    def is_folder(self) -> bool:
        """Whether it is `folder`, whatever its filter."""
        return self.text == FOLDER.text

    def behind(self, chosen: Filter) -> "Layout":
        """The same layout for what a filter lets through."""
        if not chosen:
            return self
        place = self.place
        return replace(self, place=lambda below: place(below) if chosen.admits(below) else "excluded", filter=chosen)


def _in_folder(below: str) -> Place | Reason:
    identity, slash, name = below.partition("/")
    if not slash:
        return "not in a folder"
    if not identity:
        return "no identity"
    return identity, name


def split_folders(belows: Sequence[str]) -> tuple[Sequence[str], Sequence[str]] | None:
    """The identities and names of keys, as `folder` places them; None unless each has a place."""
    identities, slashes, names = zip(*[below.partition("/") for below in belows], strict=True)
    return None if "" in slashes or "" in identities else (identities, names)


FOLDER = Layout("folder", tail="/", place=_in_folder)


NAME_ONLY = "{identity}.{ext}"  # each image is an identity


def parse_layout(text: str) -> Layout:
    """Compile `folder` or a pattern of `{identity}`, `{name}`, `{ext}`, `{any}` and literal text.

    Raises UsageError on an unknown field, an unbalanced brace, or a pattern without `{identity}`.
    """
    if text == FOLDER.text:
        return FOLDER
    pattern, seen, parts = "", set[str](), list(_split_fields(text))
    for literal, field in parts:
        if pattern and field is not None and not literal:
            raise UsageError(f"layout {text!r}: two fields need literal text between them")
        pattern += re.escape(literal)
        if field is None:
            continue
        if field not in _FIELDS:
            known = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise UsageError(f"layout {text!r}: unknown field {{{field}}}; the fields are {known}")
        # a field that comes twice must say the same twice: {identity}/{identity}_{any}.{ext}
        pattern += f"(?P={field})" if field in seen and field != "any" else _group(field)
        seen.add(field)
    if "identity" not in seen:
        raise UsageError(
            f"layout {text!r}: it must be 'folder' or contain {{identity}}, as in {{identity}}_face.{{ext}}"
        )
    place = _matcher(re.compile(pattern, re.DOTALL), named="name" in seen)
    return Layout(text, tail=_tail(parts) if parts[0] == ("", "identity") else None, place=place)


def _compiled(text: str, chosen: Filter) -> Layout:
    return parse_layout(text).behind(chosen)


def _tail(parts: Sequence[tuple[str, str | None]]) -> str | None:
    """What follows the identity that a pattern begins with, up to the next field.

    A tail is there to be compared with, by its last character raised by one; the highest of all cannot be raised.
    """
    return parts[1][0].rstrip(chr(sys.maxunicode)) or None


def _group(field: str) -> str:
    return f"(?:{_FIELDS[field]})" if field == "any" else f"(?P<{field}>{_FIELDS[field]})"


def _split_fields(text: str) -> Iterable[tuple[str, str | None]]:
    position = 0
    for match in re.finditer(r"\{([^{}]*)\}", text):
        yield _literal(text, position, match.start()), match[1]
        position = match.end()
    yield _literal(text, position, len(text)), None


def _literal(text: str, start: int, end: int) -> str:
    if set("{}") & set(text[start:end]):
        raise UsageError(f"layout {text!r}: unbalanced brace; fields look like {{identity}}")
    return text[start:end]


def _matcher(pattern: re.Pattern[str], *, named: bool) -> Callable[[str], Place | Reason]:
    def place(below: str) -> Place | Reason:
        match = pattern.fullmatch(below)
        if match is None:
            return "pattern mismatch"
        if not named:
            return match["identity"], below.rpartition("/")[2]
        _, dot, extension = below[match.end("name") :].rpartition(".")
        return match["identity"], match["name"] + (dot and dot + extension)

    return place


def propose_pattern(names: Sequence[str]) -> str:
    """The pattern that a flat source seems to follow, from some names of its images.

    The longest ending that most of them share, from a `_` or `-` on, is not part of the identity; if they share none,
    what follows the first such separator is not. An ending with a brace could not be written in a pattern.
    """
    stems = [name.rpartition(".")[0] for name in names]
    endings = Counter(stem[found.start() :] for stem in stems for found in re.finditer(r"[_-]", stem))
    shared = [ending for ending, count in endings.items() if count * 2 > len(stems) and not set("{}") & set(ending)]
    if shared:
        return f"{{identity}}{max(shared, key=len)}.{{ext}}"
    separators = Counter(found[0] for stem in stems if (found := re.search(r"[_-]", stem)))
    if separators.total() * 2 > len(stems):
        return f"{{identity}}{separators.most_common(1)[0][0]}{{any}}.{{ext}}"
    return NAME_ONLY
