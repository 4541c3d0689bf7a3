"""A job as TOML: what is merged into what, by which rules, to be reviewed and repeated.

    destination = "s3://bucket/merged/"

    [[sources]]
    name = "faces"
    url = "s3://bucket/faces_only/"
    layout = "{identity}_face.{ext}"
    include = ["*_face.*"]
    exclude = ["tmp/*"]
    extensions = ["png"]

    [rules]
    min-images = 2

A rule has the name of its option. What is left out has its default; a key that is not known is an error.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, get_args

import tomli_w

from streammerge.core.filter import Filter
from streammerge.core.job import Collisions, Duplicates, IfExists, Job, Source, default_names, layouts_by_name
from streammerge.core.keys import parse_location
from streammerge.core.layout import FOLDER, IMAGE_EXTENSIONS, parse_layout
from streammerge.errors import UsageError

_TOP = ("destination", "sources", "rules")
_SOURCE = ("name", "url", "layout", "include", "exclude", "extensions")
_RULES = tuple(field.name for field in fields(Job) if field.name not in ("sources", "destination"))
_BARE_URL = re.compile(r"^\s*[\w-]+\s*=\s*(s3://[^\s#,]+)", re.MULTILINE)
_CHOICES: Mapping[str, Any] = {"collisions": Collisions, "duplicates": Duplicates, "if_exists": IfExists}


def parse_job(
    text: str, *, layouts: Mapping[str, str] | Sequence[str] = (), into: str | None = None, **rules: Any
) -> Job:
    """The job of a file's text; layouts (as `make_job` takes them), into and rules come before what the file says.

    Raises UsageError, saying what to write instead.
    """
    table = _table_of(text)
    sources = _sources(table, layouts)
    destination = into if into is not None else _text(table, "destination", "the job")
    return Job(sources, parse_location(destination), **(_rules(table) | rules))


def parse_sources(text: str, *, layouts: Mapping[str, str] | Sequence[str] = ()) -> tuple[Source, ...]:
    """The sources alone, for what needs no destination. Raises UsageError as `parse_job` does."""
    return _sources(_table_of(text), layouts)


def write_job(job: Job) -> str:
    """The text of a file that `parse_job` reads the same job from."""
    rules = {_option(name): value for name in _RULES if (value := getattr(job, name)) is not None}
    return tomli_w.dumps(
        {
            "destination": str(job.destination),
            "sources": [_source_table(source) for source in job.sources],
            "rules": rules,
        }
    )


def _source_table(source: Source) -> dict[str, Any]:
    table: dict[str, Any] = {"name": source.name, "url": str(source.location)}
    if not source.assumed:
        table["layout"] = source.layout.text
    chosen = source.layout.filter
    lists = {"include": chosen.include, "exclude": chosen.exclude, "extensions": chosen.extensions}
    return table | {key: list(texts) for key, texts in lists.items() if texts}


def _table_of(text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        bare = _BARE_URL.search(text)
        hint = f'. Put {bare[1]} in quotes: "{bare[1]}"' if bare else ""
        raise UsageError(f"the job is not TOML: {error}{hint}") from error
    _check_keys(table, _TOP, "the job")
    return table


def _sources(table: dict[str, Any], layouts: Mapping[str, str] | Sequence[str]) -> tuple[Source, ...]:
    tables = table.get("sources", [])
    if not isinstance(tables, list) or not all(isinstance(entry, dict) for entry in tables):
        raise UsageError("sources: write a table [[sources]] for each")
    wheres = [f"source {entry.get('name', number)!s}" for number, entry in enumerate(tables, 1)]
    for entry, where in zip(tables, wheres, strict=True):
        _check_keys(entry, _SOURCE, where)
    locations = [parse_location(_text(entry, "url", where)) for entry, where in zip(tables, wheres, strict=True)]
    named = zip(tables, wheres, default_names(locations), strict=True)
    names = [_text(entry, "name", where) if "name" in entry else name for entry, where, name in named]
    chosen = layouts_by_name(layouts, names)
    found = []
    for entry, where, name, location in zip(tables, wheres, names, locations, strict=True):
        layout = chosen.get(name) or (_text(entry, "layout", where) if "layout" in entry else None)
        compiled = FOLDER if layout is None else parse_layout(layout)
        found.append(Source(name, location, compiled.behind(_filter(entry, where)), assumed=layout is None))
    return tuple(found)


def _filter(entry: dict[str, Any], where: str) -> Filter:
    include, exclude, extensions = (_texts(entry, key, where) for key in ("include", "exclude", "extensions"))
    extensions = tuple(extension.removeprefix(".") for extension in extensions)
    for extension in extensions:
        if extension not in IMAGE_EXTENSIONS:
            known = ", ".join(sorted(IMAGE_EXTENSIONS))
            raise UsageError(f"{where}: extension {extension!r}: those of images are {known}, in lower case")
    return Filter(include, exclude, extensions)


def _rules(table: dict[str, Any]) -> dict[str, Any]:
    given = table.get("rules", {})
    if not isinstance(given, dict):
        raise UsageError("rules: write a table [rules]")
    _check_keys(given, [_option(name) for name in _RULES], "the rules")
    rules = {key.replace("-", "_"): value for key, value in given.items()}
    for name, value in rules.items():
        if name in _CHOICES:
            if value not in get_args(_CHOICES[name]):
                raise UsageError(f"the rules: {_option(name)} is one of {', '.join(get_args(_CHOICES[name]))}")
        elif not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"the rules: {_option(name)} is a number, not {value!r}")
    return rules


def _option(name: str) -> str:
    return name.replace("_", "-")


def _check_keys(table: dict[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0)[0]
            raise UsageError(f"{where}: there is no key {key!r}; did you mean {nearest!r}? Known: {', '.join(known)}")


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise UsageError(f'{where} needs a text {key} = "…"' if value is None else f"{where}: {key} is a text")
    return value


def _texts(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise UsageError(f'{where}: {key} is a list of texts, as in {key} = ["…"]')
    return tuple(value)
