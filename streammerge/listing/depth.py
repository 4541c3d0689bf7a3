"""Counts how deep the images of a `folder` source lie, to detect a prefix that is one folder too shallow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Self

from streammerge.dataset.objects import Image, printable
from streammerge.dataset.source import Source
from streammerge.report.units import commas, counted

_NEARLY_ALL = 0.95  # of the images, in one folder
_ENOUGH = 100  # images to judge that by
_FILE = 2  # components of a key whose folder holds images itself: identity and file name


@dataclass(slots=True)
class Depth:
    """What was seen of the folders of a source. Keys are those below the prefix, in order."""

    images: int = 0
    folders: int = 0
    most: int = 0  # images of the largest folder, of which the others describe
    largest: str = ""
    inner: str = ""  # a folder in it
    inners: int = 0  # how many there are
    nested: int = 0  # images in these
    one_each: bool = True  # every folder holds exactly one, which holds all of its images
    names: set[str] = field(default_factory=set)  # of these, two at most
    lengths: set[int] = field(default_factory=set)  # components of keys
    example: str = ""
    sampled: bool = False  # there are more images

    def add(self, belows: list[str], *, complete: bool = True) -> None:
        """Take note of the images of a folder. complete: there are no others."""
        self.images += len(belows)
        self.folders += complete
        if self.one_each or len(belows) > self.most:
            self._look([below.split("/") for below in belows], complete=complete)

    def note(self, images: Sequence[Image], prefix: int) -> None:
        """Take note of all images of an identity, whose keys have a prefix of so many characters."""
        if self.one_each or len(images) > self.most:
            for folder in folders_of(image.object.key[prefix:] for image in images):  # several, if a map unites them
                self.add(folder)
        else:
            self.images += len(images)

    def __iadd__(self, other: Self) -> Self:
        """Take note of what was seen of other folders."""
        self.images += other.images
        self.folders += other.folders
        self.one_each &= other.one_each
        self.names |= other.names
        self.lengths |= other.lengths
        self.example = self.example or other.example
        if other.most > self.most:
            self.most, self.largest, self.nested = other.most, other.largest, other.nested
            self.inner, self.inners = other.inner, other.inners
        return self

    def _look(self, keys: list[list[str]], *, complete: bool) -> None:
        inner = {key[1] for key in keys if len(key) > _FILE}
        nested = sum(len(key) > _FILE for key in keys)
        if nested < len(keys) or len(inner) > 1:
            self.one_each = False
        elif complete and self.one_each:
            self.example = self.example or "/".join(keys[0])
            if len(self.names) < 2:  # noqa: PLR2004 - more tell nothing
                self.names |= inner
            self.lengths |= {len(key) for key in keys}
        if len(keys) > self.most:
            self.most, self.largest = len(keys), keys[0][0]
            self.inner, self.inners, self.nested = min(inner, default=""), len(inner), nested


def folders_of(belows: Iterable[str]) -> list[list[str]]:
    """Some keys in order by folder, without those that are in none."""
    in_folders = (below for below in belows if "/" in below)
    return [list(group) for _, group in groupby(in_folders, key=lambda below: below.partition("/")[0])]


def depth_of(belows: Iterable[str], *, whole: bool = True) -> Depth:
    """The depth of some keys in order. whole: there are no others; if not, the last folder may go on."""
    depth = Depth(sampled=not whole)
    groups = folders_of(belows)
    for number, group in enumerate(groups, 1):
        depth.add(group, complete=whole or number < len(groups))
    return depth


def looks_shallow(source: Source, depth: Depth) -> str | None:
    """What is wrong with a `folder` source whose folders look like folders of identities, and how to go on.

    None if the source looks right, or if the user has passed `folder`: they know what is an identity.
    """
    if not source.assumed or not source.layout.is_folder:
        return None
    if (
        depth.inners > 1
        and depth.nested >= _NEARLY_ALL * depth.most
        and (depth.most == depth.images or (depth.most >= _NEARLY_ALL * depth.images and depth.images >= _ENOUGH))
    ):
        return _all_in_one(source, depth)
    return _one_each(source, depth) if depth.one_each and depth.folders > 1 else None


def in_one_line(problem: str) -> str:
    """What `looks_shallow` says, as a warning."""
    return " ".join(problem.replace("\n", "; ").replace(".;", ".").split())


def _all_in_one(source: Source, depth: Depth) -> str:
    largest = printable(depth.largest)
    count = "all" if depth.most == depth.images else f"{commas(depth.most)} of {commas(depth.images)}"
    if depth.sampled and depth.most < depth.images:
        count = "nearly all"
    return (
        f"source {source} is one folder too shallow: {count} of its images lie in folders of {largest!r}, and would "
        "become one identity.\n"
        f"If the folders in it, such as {printable(depth.inner)!r}, are the identities:  {source.name}="
        f"{printable(f'{source.location}{depth.largest}/')}\n"
        f"If {largest!r} is one identity:  --layout {source.name}=folder"
    )


def _one_each(source: Source, depth: Depth) -> str:
    first, inner, *_ = depth.example.split("/")
    few = "first " if depth.sampled else ""
    problem = (
        f"source {source} looks one folder too shallow: each of its {few}{counted(depth.folders, 'identity')} has "
        f"exactly one folder below it (such as {printable(f'{first}/{inner}')!r})."
    )
    lines = [problem]
    if len(depth.lengths) == 1:
        more = "{any}/" * (max(depth.lengths) - _FILE - 1)
        named = f"{{identity}}/{inner}/{more}{{name}}.{{ext}}"
        if len(depth.names) > 1:
            pattern = f"{{any}}/{{identity}}/{more}{{name}}.{{ext}}"
            lines.append(f"If {printable(inner)!r} is the identity:  --layout '{source.name}={pattern}'")
        elif not set("{}") & set(inner):
            lines.append(
                f"To leave {printable(inner)!r} out of the names:  --layout '{source.name}={printable(named)}'"
            )
    lines.append(f"If {printable(first)!r} is the identity, with all in it:  --layout {source.name}=folder")
    return "\n".join(lines)
