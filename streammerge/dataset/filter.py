"""Filters the objects of a source: by globs on the key below the prefix, by extension, hidden ones or not.

A glob is that of `fnmatch`, as in the AWS CLI: `*` stands for any characters, `/` among them, `?` for one, `[abc]` for
one of these; it is matched against all of the key below the prefix. Case counts. The order of globs does not.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import translate


@dataclass(frozen=True, slots=True)
class Filter:
    """What is let through: keys that fit a glob of `include` and none of `exclude`, with one of the extensions.

    Where nothing is given, nothing is asked. An `exclude` of everything beside an `include` has no effect, since an
    `include` leaves out everything else: that is how the AWS CLI takes only some objects.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()  # without dot, in lower case
    hidden: bool = False  # junk and hidden files take part
    admits: Callable[[str], bool] = field(init=False, compare=False, repr=False)  # asked for a key below the prefix

    def __post_init__(self) -> None:
        some = tuple(glob for glob in self.exclude if glob.strip("*")) if self.include else self.exclude
        include, exclude = _any_of(self.include), _any_of(some)
        extensions = frozenset(self.extensions)

        def admits(below: str) -> bool:
            return (
                (include is None or include(below) is not None)
                and (exclude is None or exclude(below) is None)
                and (not extensions or below.rpartition(".")[2].lower() in extensions)
            )

        object.__setattr__(self, "admits", admits)

    def __reduce__(self) -> tuple[type["Filter"], tuple[object, ...]]:
        return Filter, (self.include, self.exclude, self.extensions, self.hidden)

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude or self.extensions or self.hidden)


def _any_of(globs: tuple[str, ...]) -> Callable[[str], object] | None:
    return re.compile("|".join(translate(glob) for glob in globs)).match if globs else None


ALL = Filter()
