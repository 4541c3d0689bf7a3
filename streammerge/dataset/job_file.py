"""A job as TOML text, to review and repeat it: destination, sources and rules.

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

A source has the settings of SourceSettings, the rules are those of Job; each key is named as its option is. What is
omitted has its default; an unknown key is an error. A destination that is reached otherwise than by the common options
is a table with the settings of Connection:

    [destination]
    url = "s3://bucket/merged/"
    profile = "training"
"""

import re
import tomllib
from dataclasses import replace
from typing import Any, Unpack

import tomli_w

from streammerge.dataset.connection import Connection
from streammerge.dataset.job import Job, JobArguments, split_settings
from streammerge.dataset.objects import Location, parse_location, printable
from streammerge.dataset.source import Source, SourceSettings, location_of, settings_table
from streammerge.dataset.source_arguments import SourceArguments, resolve_sources
from streammerge.errors import UsageError
from streammerge.settings import check_keys, read_settings, settings_of, table_of

_TOP = ("destination", "sources", "rules", "cluster")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)$")  # in what tomllib says
_BARE_URL = re.compile(r"^\s*[\w-]+\s*=\s*(s3://[^\s#,]+)", re.MULTILINE)


def parse_job(text: str, *, into: str | Location | None = None, **settings: Unpack[JobArguments]) -> Job:
    """The job of a file's text; `into` and the settings, as `make_job` takes them, override what the file says.

    Raises UsageError, saying what to write instead.
    """
    of_sources, rules = split_settings(settings)
    table = _table_of(text)
    sources = _sources(table, of_sources)
    given: dict[str, Any] = {**_rules(table), **rules}
    return Job(sources, _destination(table, into), **given)


def parse_sources(text: str, **settings: Unpack[SourceArguments]) -> tuple[Source, ...]:
    """The sources alone, for what needs no destination. Raises UsageError as `parse_job` does."""
    return _sources(_table_of(text), settings)


def parse_table(text: str, name: str, kind: type) -> dict[str, Any]:
    """The settings of a dataclass in another table, by field name. Raises UsageError as `parse_job` does."""
    table = _table_of(text).get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{name}: write a table [{name}]")
    return read_settings(kind, table, f"[{name}]")


def write_job(job: Job) -> str:
    """The text of a file that `parse_job` reads the same job from."""
    rules = {rule.key: value for rule in settings_of(Job) if (value := getattr(job, rule.name)) is not None}
    destination, reached = str(job.destination), table_of(job.destination.connection)
    return tomli_w.dumps(
        {
            "destination": {"url": destination, **reached} if reached else destination,
            "sources": [
                {"name": source.name, "url": str(source.location), **settings_table(source)} for source in job.sources
            ],
            "rules": rules,
        }
    )


# Where the keys of each kind belong
_HOMES: dict[type, str] = {
    Job: "the table [rules]",
    Connection: "a [[sources]] table, or in [destination] beside url",
    SourceSettings: "a [[sources]] table",
}


def _advice(text: str, error: str) -> str:
    """What to say beyond an error of TOML: the line that it names, and what is missing there."""
    if bare := _BARE_URL.search(text):
        return f'. Put {bare[1]} in quotes: "{bare[1]}"'
    place = _AT_LINE.search(error)
    line = text.split("\n")[int(place[1]) - 1].strip() if place else ""
    missing = ". A quotation mark is missing there" if line.count('"') % 2 else ""
    return f": {printable(line)}{missing}" if line else ""


def _table_of(text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the job is not TOML: {error}{_advice(text, str(error))}") from error
    _check_homes(table, "the job")
    check_keys(table, _TOP, "the job")
    return table


def _check_homes(table: dict[str, Any], where: str, own: type | None = None) -> None:
    """Raise UsageError where a table has a key that is at home elsewhere. own: the settings that it holds."""
    foreign = table.keys() - (_keys(own) if own else ())
    for kind, home in _HOMES.items():
        if misplaced := foreign & _keys(kind):
            raise UsageError(f"{where}: the key {min(misplaced)!r} belongs in {home}")


def _keys(kind: type) -> set[str]:
    return {declared.key for declared in settings_of(kind)}


def _sources(table: dict[str, Any], settings: SourceArguments) -> tuple[Source, ...]:
    tables = table.get("sources", [])
    if not isinstance(tables, list) or not all(isinstance(entry, dict) for entry in tables):
        raise UsageError("sources: write one [[sources]] table per source")
    names, urls, chosen = [], [], []
    for number, entry in enumerate(tables, 1):
        where = f"source {entry.get('name', number)!s}"
        _check_homes(entry, where, SourceSettings)
        chosen.append(read_settings(SourceSettings, entry, where, ("name", "url")))
        names.append(_text(entry, "name", where) if "name" in entry else None)
        urls.append(_text(entry, "url", where))
    return resolve_sources(names, urls, settings, chosen)


def _destination(table: dict[str, Any], into: str | Location | None) -> Location:
    """Where to merge into. `into` is another place, which a URL leaves to be reached as the file has it."""
    if isinstance(into, Location):
        return into
    named = table.get("destination")
    if not isinstance(named, dict):
        return location_of(into) if into is not None else parse_location(_text(table, "destination", "the job"))
    where = "the destination"
    reached = Connection(**read_settings(Connection, named, where, ("url",)))
    place = location_of(into) if into is not None else parse_location(_text(named, "url", where))
    return replace(place, connection=reached)


def _rules(table: dict[str, Any]) -> dict[str, Any]:
    given = table.get("rules", {})
    if not isinstance(given, dict):
        raise UsageError("rules: write a table [rules]")
    _check_homes(given, "the rules", Job)
    return read_settings(Job, given, "the rules")


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise UsageError(f'{where} needs {key} = "…"' if value is None else f"{where}: {key} must be text")
    return value
