"""The job: what is to be merged into what, by which rules. It alone decides the plan."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from streammerge.core.keys import Location, parse_location
from streammerge.core.layout import FOLDER, Layout, parse_layout
from streammerge.errors import UsageError

Collisions = Literal["rename", "first", "error"]
Duplicates = Literal["name", "content", "none"]
IfExists = Literal["skip-same", "overwrite", "fail"]


@dataclass(frozen=True, slots=True)
class Source:
    """A prefix to merge.

    name: stands in the names of images that collide, and in the report.
    assumed: the layout is the default, not something that the user has said.
    """

    name: str
    location: Location
    layout: Layout = FOLDER
    assumed: bool = True

    def __str__(self) -> str:
        return f"{self.name} ({self.location})"


@dataclass(frozen=True, slots=True)
class Job:
    """Sources, destination and rules. Raises UsageError where they contradict each other.

    min_images, max_images: how many images an identity needs and may have, counted over all sources after
    duplicates are resolved; max_images None for no bound.
    collisions: two different images of one name are both kept (`rename`), the first source's alone (`first`),
    or stop the run (`error`).
    duplicates: an image counts once if it has the same name and content in two sources (`name`), the same content
    under any name of the identity (`content`), or not even then (`none`).
    if_exists: what lies under a planned key at the destination and is not the planned image is left alone and
    reported (`skip-same`), replaced (`overwrite`), or stops the run (`fail`).
    """

    sources: tuple[Source, ...]
    destination: Location
    min_images: int = 2
    max_images: int | None = None
    collisions: Collisions = "rename"
    duplicates: Duplicates = "name"
    if_exists: IfExists = "skip-same"

    def __post_init__(self) -> None:
        if not self.sources:
            raise UsageError("there is no source: name at least one s3://bucket/prefix/ to merge")
        for source in self.sources:
            if source.location.overlaps(self.destination):
                raise UsageError(
                    f"source {source} overlaps the destination {self.destination}: choose prefixes that do not nest"
                )
        check_sources(self.sources)
        if self.min_images < 1:
            raise UsageError(f"--min-images {self.min_images}: it must be at least 1")
        if self.max_images is not None and self.max_images < self.min_images:
            raise UsageError(
                f"--max-images {self.max_images} is less than --min-images {self.min_images}: no identity can have that"
            )

    @property
    def rules(self) -> dict[str, Any]:
        """All of the job but where things lie, by name."""
        names = ("min_images", "max_images", "collisions", "duplicates", "if_exists")
        return {name: getattr(self, name) for name in names}

    @property
    def fingerprint(self) -> str:
        """A digest of what the job is, in hex: all but `if_exists`, which may change from one run to the next."""
        what = [
            [
                (source.name, str(source.location), str(source.layout), repr(source.layout.filter))
                for source in self.sources
            ],
            str(self.destination),
            [self.min_images, self.max_images, self.collisions, self.duplicates],
        ]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def __str__(self) -> str:
        """Where from and where to, and the rules that are not the default ones, as options."""
        defaults = {rule.name: rule.default for rule in fields(self)}
        said = [f"--{name.replace('_', '-')} {value}" for name, value in self.rules.items() if value != defaults[name]]
        merged = f"{', '.join(str(source.location) for source in self.sources)} into {self.destination}"
        return f"{merged} ({' '.join(said)})" if said else merged


def check_sources(sources: Sequence[Source]) -> None:
    """Raises UsageError where sources have the same name, or one that cannot be part of a file name, or overlap."""
    _check_overlaps(sources)
    _check_names(sources)


def _check_names(sources: Sequence[Source]) -> None:
    for name, count in Counter(source.name for source in sources).items():
        if count > 1:
            raise UsageError(f"{count} sources are named {name!r}: name them apart, as in first=s3://… second=s3://…")
        if not name or "/" in name or not name.isprintable():
            raise UsageError(f"{name!r} cannot name a source: it becomes part of file names, so no '/' and no controls")


def _check_overlaps(sources: Sequence[Source]) -> None:
    for position, source in enumerate(sources):
        for other in sources[:position]:
            if source.location == other.location:
                raise UsageError(f"{source.location} is given twice as a source")
            if source.location.overlaps(other.location):
                raise UsageError(f"sources {other} and {source} overlap: choose prefixes that do not nest")


def make_job(
    sources: Sequence[str], into: str, *, layouts: Mapping[str, str] | Sequence[str] = (), **rules: Any
) -> Job:
    """A Job from text: sources as `s3://bucket/prefix` or `NAME=s3://bucket/prefix`, the rest as Job has it.

    layouts: by name of the source, `folder` or a pattern; or a sequence of `NAME=LAYOUT` and, for all, `LAYOUT`.
    Raises UsageError where anything is wrong with it.
    """
    return Job(make_sources(sources, layouts=layouts), parse_location(into), **rules)


def make_sources(sources: Sequence[str], *, layouts: Mapping[str, str] | Sequence[str] = ()) -> tuple[Source, ...]:
    """Sources from text, as `make_job` takes them. Raises UsageError where one is wrong by itself."""
    named = [_split_name(text) for text in sources]
    locations = [parse_location(url) for _, url in named]
    names = [given or name for (given, _), name in zip(named, default_names(locations), strict=True)]
    chosen = layouts_by_name(layouts, names)
    return tuple(
        Source(name, location, parse_layout(chosen.get(name, FOLDER.text)), assumed=name not in chosen)
        for name, location in zip(names, locations, strict=True)
    )


def _split_name(text: str) -> tuple[str, str]:
    name, separator, url = text.partition("=")
    return (name, url) if separator and "://" not in name else ("", text)


def layouts_by_name(layouts: Mapping[str, str] | Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Layouts as `make_job` takes them, by name of the source. Raises UsageError where a name is not among those."""
    if isinstance(layouts, Mapping):
        pairs = list(layouts.items())
    else:
        pairs = []
        for text in layouts:
            known = [name for name in names if text.startswith(f"{name}=")]  # a name may itself contain "="
            name, separator, layout = text.partition("=")
            if known:
                name = max(known, key=len)
                layout = text.removeprefix(f"{name}=")
            pairs += [(name, layout)] if separator else [(name, text) for name in names]
    for name, _ in pairs:
        if name not in names:
            raise UsageError(f"--layout {name}=…: no source is named so; the sources are {', '.join(names)}")
    return dict(pairs)


def default_names(locations: Sequence[Location]) -> list[str]:
    """A short name for every source: the path component in which it differs.

    The first two name each other, every later one differs from the first; so a source that is added at the end
    does not rename those before it. Where the names would not differ, the whole path with `-` for `/` is taken.
    """
    paths = [[location.bucket, *location.prefix.rstrip("/").split("/")] for location in locations]
    names: list[str] = []
    for position, path in enumerate(paths):
        others = paths[:1] if position else paths[1:2]
        name = _differing(path, others[0]) if others else path[-1] or path[0]
        names.append(name if name and name not in names else "-".join(filter(None, path)))
    return names


def _differing(path: Sequence[str], other: Sequence[str]) -> str:
    for position, component in enumerate(path):
        if position >= len(other) or component != other[position]:
            return component
    return path[-1]
