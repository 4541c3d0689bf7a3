"""Makes sources from arguments: URLs, named or not, and settings, each for one source or for all."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypedDict, Unpack

from streammerge.dataset.objects import Location, parse_location
from streammerge.dataset.source import Source, SourceSettings, location_of
from streammerge.errors import UsageError
from streammerge.settings import Setting, settings_of

PerSource = Mapping[str, Any] | Sequence[str]  # by name of the source; or `[NAME=]VALUE` each


class SourceArguments(TypedDict, total=False):
    """The settings of sources as arguments: by name of the source, or `[NAME=]VALUE` each."""

    source_endpoint_urls: PerSource
    source_regions: PerSource
    source_profiles: PerSource
    source_requester_pays: PerSource

    layouts: PerSource
    namespaces: PerSource
    include: PerSource
    exclude: PerSource
    extensions: PerSource
    hidden: PerSource


def make_sources(sources: Sequence[str | Source], **settings: Unpack[SourceArguments]) -> tuple[Source, ...]:
    """Make Sources from text, `s3://bucket/prefix` or `NAME=s3://bucket/prefix`; a Source is returned as it is.

    settings: by the names that SourceArguments has, each a mapping by the name of the source, or a
    sequence of `NAME=VALUE`, and `VALUE` for all sources. Raises UsageError where one is wrong by itself.
    """
    if isinstance(sources, str):
        raise UsageError(f"sources: {sources!r} is a single text; give a list, such as [{sources!r}]")
    if not isinstance(sources, Iterable):
        raise UsageError(f"sources: {sources!r} is not a list of sources; a job has them as `job.sources`")
    named = [_split_name(text) for text in sources if isinstance(text, str)]
    made = iter(resolve_sources([name for name, _ in named], [url for _, url in named], settings))
    return tuple(next(made) if isinstance(source, str) else source for source in sources)


def resolve_sources(
    names: Sequence[str | None],
    urls: Sequence[str],
    settings: SourceArguments,
    tables: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[Source, ...]:
    """Sources by name (None for the default name) and URL, with settings as `make_sources` takes them.

    tables: what a job file says of each source, by field of SourceSettings; `settings` override it.
    """
    locations = [location_of(url) if tables is None else parse_location(url) for url in urls]
    found = [name or default for name, default in zip(names, default_names(locations), strict=True)]
    chosen = settings_by_name(settings, found)
    return tuple(
        SourceSettings(**{**table, **chosen.get(name, {})}).source(name, location)
        for name, location, table in zip(found, locations, tables or [{} for _ in urls], strict=True)
    )


def _split_name(text: str) -> tuple[str | None, str]:
    name, separator, url = text.partition("=")
    return (name, url) if separator and "://" not in name else (None, text)


def settings_by_name(settings: SourceArguments, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settings as `make_sources` takes them, by source and field.

    Raises UsageError where a source's name is not among those, or the value is no list.
    """
    chosen: dict[str, dict[str, Any]] = {name: {} for name in names}
    for declared in settings_of(SourceSettings):
        values: Any = settings.get(declared.argument, ())
        for name, value in _pairs(declared, values, names):
            if not declared.is_list:
                chosen[name][declared.name] = value
            else:
                many = (value,) if isinstance(value, str) else tuple(value)
                chosen[name][declared.name] = (*chosen[name].get(declared.name, ()), *many)
    return chosen


def _pairs(declared: Setting, values: Any, names: Sequence[str]) -> list[tuple[str, Any]]:
    if isinstance(values, str):
        raise UsageError(f"{declared.argument}: {values!r} is a single text; give a list, such as [{values!r}]")
    if isinstance(values, Mapping):
        pairs = list(values.items())
    else:
        pairs = [pair for text in values for pair in _split_value(declared, text, names)]
    for name, _ in pairs:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            raise UsageError(
                f"{declared.option} {name}=…: there is no such source; the sources are {', '.join(names)}. "
                + (f"Did you mean {near[0]}?" if near else "To name one, write NAME=s3://…")
            )
    return pairs


def _split_value(declared: Setting, text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    known = [name for name in names if text.startswith(f"{name}=")]  # a name may itself contain "="
    if known:
        name = max(known, key=len)
        return [(name, text.removeprefix(f"{name}="))]
    name, separator, value = text.partition("=")
    if not separator or (declared.is_list and set(name) & set("*?[/")):  # a glob may contain "=", too
        return [(name, text) for name in names]
    return [(name, value)]


def default_names(locations: Sequence[Location]) -> list[str]:
    """A short name for every source: the path component in which it differs.

    The first two name each other, every later one differs from the first; so a source that is added at the end
    does not rename those before it. Where the names would be equal, a name is the whole path with `-` for `/`.
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
