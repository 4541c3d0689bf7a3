"""Sources: the prefixes to merge, each with its name, layout and filter."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streammerge.dataset.connection import Connection
from streammerge.dataset.filter import Filter
from streammerge.dataset.image_extensions import IMAGE_EXTENSIONS
from streammerge.dataset.junk import Hidden, is_hidden
from streammerge.dataset.layout import FOLDER, Layout, parse_layout
from streammerge.dataset.objects import Location, parse_location
from streammerge.errors import UsageError
from streammerge.settings import Section, setting, settings_values, table_of

_OF_OBJECTS = IMAGE_EXTENSIONS | {"csv", "gz", "json", "parquet", "rec", "tar", "tgz", "toml", "zip"}


@dataclass(frozen=True, slots=True)
class Source:
    """A prefix to merge.

    name: identifies the source in reports, and is appended to colliding file names.
    assumed: whether the layout is the default, not one that the user chose.
    namespace: prefix of the name of every identity; None if none was chosen, empty if the user chose to have none.
    """

    name: str
    location: Location
    layout: Layout = FOLDER
    assumed: bool = True
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.location})"


@dataclass(frozen=True, slots=True)
class SourceSettings(Connection):
    """What can be chosen for each source, as text: a key of a job file, and an option that takes `[NAME=]VALUE`."""

    layout: str | None = setting(
        None,
        "How keys of a source spell the identity: 'folder' (the default) or a pattern such as "
        "'{identity}_face.{ext}'; see Layouts below.",
        section=Section.SOURCES,
        metavar="[NAME=]LAYOUT",
        argument="layouts",
    )
    namespace: str | None = setting(
        None,
        "Prefix the identities of a source, to keep them apart from equal names in other sources. An empty PREFIX "
        "confirms that equal names are the same identity.",
        section=Section.SOURCES,
        metavar="[NAME=]PREFIX",
        argument="namespaces",
    )
    include: tuple[str, ...] = setting(
        (),
        "Take only keys that match one of these globs; '*' also matches '/'. Repeatable.",
        section=Section.SELECTION,
        metavar="[NAME=]GLOB",
    )
    exclude: tuple[str, ...] = setting(
        (),
        "Ignore keys that match one of these globs, even if --include takes them. Repeatable.",
        section=Section.SELECTION,
        metavar="[NAME=]GLOB",
    )
    extensions: tuple[str, ...] = setting(
        (),
        "Take only images with one of these extensions, such as jpg. Repeatable.",
        section=Section.SELECTION,
        metavar="[NAME=]EXT",
    )
    hidden: Hidden = setting(
        "ignore",
        "Whether images in hidden, cache and trash folders (.ipynb_checkpoints, __MACOSX, @eaDir, #recycle), hidden "
        "images and AppleDouble files (._*) are ignored, the default, or included.",
        section=Section.SELECTION,
        metavar="[NAME=]ignore|include",
    )

    def source(self, name: str, location: Location) -> Source:
        """The source that has these settings. Raises UsageError where one of them is wrong."""
        try:
            layout = FOLDER if self.layout is None else parse_layout(self.layout)
        except UsageError as error:
            raise UsageError(f"source {name}: {error}") from error
        extensions = tuple(extension.removeprefix(".").lower() for extension in self.extensions)
        for extension in extensions:
            if extension not in IMAGE_EXTENSIONS:
                known = ", ".join(sorted(IMAGE_EXTENSIONS))
                each = " Repeat the option for each." if "," in extension else ""
                raise UsageError(f"source {name}: extension {extension!r}: image extensions are {known}.{each}")
        if self.namespace and ("/" in self.namespace or not self.namespace.isprintable()):
            raise UsageError(
                f"source {name}: namespace {self.namespace!r}: it becomes part of folder names, so it must be "
                "printable and must not contain '/'"
            )
        if self.namespace and is_hidden(self.namespace):
            raise UsageError(
                f"source {name}: namespace {self.namespace!r}: images in folders whose names begin so are ignored as "
                "hidden or junk"
            )
        for glob in (*self.include, *self.exclude):
            if glob.startswith("/"):
                raise UsageError(
                    f"source {name}: no key matches {glob!r}: a glob is matched against the key below the prefix, "
                    f"which begins with no '/'. Write {glob.lstrip('/')!r}"
                )
        chosen = Filter(self.include, self.exclude, extensions, hidden=self.hidden == "include")
        connection = Connection(self.endpoint_url, self.region, self.profile, self.requester_pays)
        reached = replace(location, connection=connection)
        return Source(name, reached, layout.behind(chosen), self.layout is None, self.namespace)


def settings_table(source: Source) -> dict[str, Any]:
    """What was chosen for a source, by key of a job file: the inverse of `SourceSettings.source`."""
    chosen = source.layout.filter
    found = SourceSettings(
        **settings_values(source.location.connection),
        layout=None if source.assumed else source.layout.text,
        namespace=source.namespace,
        include=chosen.include,
        exclude=chosen.exclude,
        extensions=chosen.extensions,
        hidden="include" if chosen.hidden else "ignore",
    )
    return table_of(found)


def location_of(url: str | Location) -> Location:
    """Read a URL, and refuse prefixes that are probably a mistake; a Location is returned as it is.

    Keys may hold whatever they like, so a job file, or a Location, takes any prefix. Raises UsageError with what was
    probably meant.
    """
    if isinstance(url, Location):
        return url
    location = parse_location(url)
    if doubt := _doubt(url, location):
        problem, meant = doubt
        raise UsageError(f"{url!r} {problem}. Did you mean {meant}? If the prefix is really named so, use a job file")
    return location


def _doubt(url: str, location: Location) -> tuple[str, str] | None:
    """Why a prefix is probably a mistake, and what was probably meant."""
    names = location.prefix.split("/")[:-1]
    if not names:
        return None
    bucket, last = f"s3://{location.bucket}/", names[-1]
    usual = bucket + "".join(f"{name.strip()}/" for name in names if name.strip())
    above = bucket + "".join(f"{name}/" for name in names[:-1])
    if "" in names:
        return "contains an empty name ('//')", usual
    if any(name != name.strip() for name in names):
        return "has spaces before or after a name", usual
    if last.endswith("*"):
        return "ends with '*', but everything below a prefix is taken anyway", above + last.rstrip("*") + (
            "" if last.strip("*") == "" else "/"
        )
    extension = last.rpartition(".")[2].lower() if "." in last else ""
    if extension in _OF_OBJECTS and not url.endswith("/"):
        return "looks like an object, not a prefix", f"{above}, or {location} with its slash"
    return None


def check_sources(sources: Sequence[Source], destination: Location | None = None) -> None:
    """Raises UsageError where sources have the same name, or one that cannot be part of a file name, or overlap."""
    check_apart(sources, destination)
    for name, count in Counter(source.name for source in sources).items():
        if count > 1:
            raise UsageError(
                f"{count} sources are named {name!r}: give each its own name, as in first=s3://… second=s3://…"
            )
        if not name or "/" in name or not name.isprintable():
            raise UsageError(
                f"{name!r} cannot name a source: it becomes part of file names, so it must be printable and must not "
                "contain '/'"
            )


def check_apart(
    sources: Sequence[Source],
    destination: Location | None = None,
    overlap: Callable[[Location, Location], bool] = Location.overlaps,
) -> None:
    """Raises UsageError where prefixes overlap.

    overlap: whether two do; by default as far as that is known before anything is opened.
    """
    for source in sources:
        if destination is not None and overlap(source.location, destination):
            raise UsageError(
                f"source {source} overlaps the destination {destination}: choose prefixes that do not nest"
            )
    for position, source in enumerate(sources):
        for other in sources[:position]:
            if source.location == other.location:
                raise UsageError(f"source {source.location} is given twice")
            if overlap(source.location, other.location):
                raise UsageError(f"sources {other} and {source} overlap: choose prefixes that do not nest")
