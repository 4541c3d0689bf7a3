"""Which objects of a source are looked at: globs on the key below the prefix, and extensions.

A glob is that of `fnmatch`: `*` stands for any characters, `/` among them, `?` for one, `[abc]` for one of these. Case
counts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import translate


@dataclass(frozen=True, slots=True)
class Filter:
    """What is let through: keys that fit a glob of `include` and none of `exclude`, with one of the extensions.

    Where nothing is given, nothing is asked.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()  # without dot, in lower case
    admits: Callable[[str], bool] = field(init=False, compare=False, repr=False)  # asked for a key below the prefix

    def __post_init__(self) -> None:
        include, exclude = _any_of(self.include), _any_of(self.exclude)
        extensions = frozenset(self.extensions)

        def admits(below: str) -> bool:
            return (
                (include is None or include(below) is not None)
                and (exclude is None or exclude(below) is None)
                and (not extensions or below.rpartition(".")[2].lower() in extensions)
            )

        object.__setattr__(self, "admits", admits)

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude or self.extensions)


def _any_of(globs: tuple[str, ...]) -> Callable[[str], object] | None:
    return re.compile("|".join(translate(glob) for glob in globs)).match if globs else None


ALL = Filter()
