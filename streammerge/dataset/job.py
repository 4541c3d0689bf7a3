"""The job: which sources are merged into which destination, by which rules. It alone decides the plan."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypedDict, Unpack

from streammerge.dataset.corrupt import Corrupt
from streammerge.dataset.identity_map import Mapped, check_map
from streammerge.dataset.objects import Location
from streammerge.dataset.source import Source, SourceSettings, check_sources, location_of, settings_table
from streammerge.dataset.source_arguments import SourceArguments, make_sources
from streammerge.errors import UsageError
from streammerge.settings import Section, check_settings, setting, settings_of

Collisions = Literal["rename", "first", "error"]
Duplicates = Literal["name", "content", "none"]
Archived = Literal["fail", "skip", "try"]
IfExists = Literal["skip-same", "overwrite", "fail"]
_HOW = ("region", "profile", "requester-pays")  # of a connection; where a source is, its endpoint tells
# Raise it only if what journals record of a job no longer holds. Rules that change which objects count, such as those
# of junk, do not: what an earlier version copied and this one ignores is known from the journal to be of this job.
_FINGERPRINT = 1


@dataclass(frozen=True, slots=True)
class Job:
    """Sources, destination and rules. Raises UsageError where they contradict each other.

    min_images, max_images: bounds for the number of images of an identity, counted over all sources after duplicates
    are resolved; max_images None for no bound. cap_images: the maximum number of images kept of an identity that is
    within the bounds, chosen by a hash of their names; None for all.
    identity_map: a file that renames, unites or drops identities; mapping: its rows.
    ignore_corrupt: a file of images to leave out; corrupt: its rows. `job_files.with_files` reads both files.
    collisions: of two different images with one name, keep both (`rename`) or only the first source's (`first`), or
    stop the run (`error`).
    duplicates: an image counts once if it has the same name and content in two sources (`name`), the same content
    under any name of the identity (`content`), or not even then (`none`).
    archived: images in GLACIER or DEEP_ARCHIVE stop the run (`fail`), are ignored (`skip`), or are copied like the
    others, which succeeds if they are restored (`try`).
    append: the destination counts as the first source, for the bounds, for names and for duplicates. Then none of its
    objects is unplanned, and none is replaced.
    if_exists: a different object under a planned key is kept and reported (`skip-same`), replaced (`overwrite`), or
    stops the run (`fail`).
    """

    sources: tuple[Source, ...]
    destination: Location
    min_images: int = setting(
        2,
        "Keep identities with at least N images over all sources.",
        section=Section.SELECTION,
        metavar="N",
        at_least=1,
    )
    max_images: int | None = setting(
        None,
        "Keep identities with at most N images over all sources.",
        section=Section.SELECTION,
        metavar="N",
        at_least=1,
    )
    cap_images: int | None = setting(
        None,
        "Keep at most N images of each identity that is kept, always the same ones. (--max-images drops the identity "
        "instead.)",
        section=Section.SELECTION,
        metavar="N",
        at_least=1,
    )
    identity_map: str | None = setting(
        None,
        "Rename, unite or drop identities according to FILE (.csv or .parquet) with the columns source, identity and "
        "to; an empty 'to' drops the identity.",
        section=Section.SELECTION,
        metavar="FILE",
        decides=False,  # its rows do
    )
    ignore_corrupt: str | None = setting(
        None,
        "Leave out the images listed in FILE, which inspect --decode all --save-corrupt FILE writes; one that has "
        "changed since counts again.",
        section=Section.SELECTION,
        metavar="FILE",
        decides=False,  # its rows do
    )
    collisions: Collisions = setting(
        "rename",
        "When different images of an identity have the same name: keep both under different names, keep only the "
        "first source's, or stop.",
        section=Section.SELECTION,
    )
    duplicates: Duplicates = setting(
        "name",
        "Count an image once if name and content are equal ('name'), if the content is ('content'), or count every "
        "copy of it ('none').",
        section=Section.SELECTION,
    )
    archived: Archived = setting(
        "fail",
        "When images to copy are archived (GLACIER, DEEP_ARCHIVE): stop, before the first copy unless they are found "
        "later; ignore them; or try to copy them, which succeeds once they are restored.",
        section=Section.SELECTION,
    )
    append: bool = setting(
        False,
        "Add to the data set at the destination: count it as the first source.",
        section=Section.EXISTING,
    )
    if_exists: IfExists = setting(
        "skip-same",
        "When a different object already exists under a planned key: keep it and report a conflict, overwrite it, or "
        "stop.",
        section=Section.EXISTING,
        only=("merge", "plan"),
        decides=False,  # it may change from one run of a job to the next
    )

    mapping: tuple[Mapped, ...] = ()
    corrupt: tuple[Corrupt, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources:
            raise UsageError("no source: name at least one s3://bucket/prefix/ to merge")
        check_sources(self.sources, self.destination)
        check_settings(self)
        check_map(self.mapping, [source.name for source in self.sources])
        if self.append and self.if_exists == "overwrite":
            raise UsageError(
                "--append keeps what is at the destination and --if-exists overwrite replaces it: pass only one of them"
            )
        if self.max_images is not None and self.max_images < self.min_images:
            raise UsageError(
                f"--max-images {self.max_images} is less than --min-images {self.min_images}: no identity could be kept"
            )

    @property
    def inputs(self) -> tuple[Source, ...]:
        """The sources and, if it counts as one, the destination as the last."""
        return (*self.sources, Source("destination", self.destination)) if self.append else self.sources

    @property
    def rules(self) -> dict[str, Any]:
        """The rules of the job, by name."""
        return {rule.name: getattr(self, rule.name) for rule in settings_of(Job)}

    @property
    def fingerprint(self) -> str:
        """A digest of what decides the plan, in hex: the same for the same job in every later version.

        A setting at its default is not part of it, so that one that is added later changes no fingerprint.
        """
        what: dict[str, Any] = {
            "version": _FINGERPRINT,
            "sources": [_decisive(source) for source in self.sources],
            "destination": str(self.destination),
            **({"endpoint-url": endpoint} if (endpoint := self.destination.connection.endpoint_url) else {}),
            "rules": {
                rule.key: getattr(self, rule.name)
                for rule in settings_of(Job)
                if rule.decides and getattr(self, rule.name) != rule.default
            },
        }
        if self.mapping:
            what["identity map"] = sorted({*self.mapping})
        if self.corrupt:
            what["corrupt"] = sorted({*self.corrupt})
        return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()

    def __str__(self) -> str:
        """Sources, destination, and the rules that differ from the defaults, as options."""
        chosen = [(rule.option, getattr(self, rule.name), rule.default) for rule in settings_of(Job)]
        options = [
            option if value is True else f"{option} {value}" for option, value, default in chosen if value != default
        ]
        merged = f"{', '.join(str(source.location) for source in self.sources)} into {self.destination}"
        return f"{merged} ({' '.join(options)})" if options else merged


def _decisive(source: Source) -> dict[str, Any]:
    table = settings_table(source)
    if table.get("layout") == "folder":  # chosen or assumed, it is the same plan
        del table["layout"]
    if table.get("namespace") == "":
        del table["namespace"]
    for how in _HOW:
        table.pop(how, None)
    return {"name": source.name, "url": str(source.location), **table}


class JobRules(TypedDict, total=False):
    """The rules of a Job as arguments, for type checkers."""

    min_images: int
    max_images: int | None
    cap_images: int | None
    identity_map: str | None
    ignore_corrupt: str | None
    collisions: Collisions
    duplicates: Duplicates
    archived: Archived
    append: bool
    if_exists: IfExists


class JobArguments(SourceArguments, JobRules, total=False):
    """The settings of sources and the rules, as `make_job` takes them."""


def make_job(sources: Sequence[str | Source], into: str | Location, **settings: Unpack[JobArguments]) -> Job:
    """Make a Job: sources as for `make_sources`, rules as in Job.

    settings: those of SourceArguments, each by name of the source, or a sequence of `NAME=VALUE`, and `VALUE` for all
    sources; the rules of Job by name.
    Raises UsageError if anything is wrong.
    """
    of_sources, rules = split_settings(settings)
    return Job(make_sources(sources, **of_sources), location_of(into), **rules)


def split_settings(settings: JobArguments) -> tuple[SourceArguments, JobRules]:
    """The settings of sources, and the rules. Raises TypeError where one is neither."""
    of_sources = [declared.argument for declared in settings_of(SourceSettings)]
    rules = [rule.name for rule in settings_of(Job)]
    for name in settings:
        if name not in (*of_sources, *rules):
            near = get_close_matches(name, (*of_sources, *rules), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"a job has no setting {name!r}{hint}")
    given: dict[str, Any] = dict(settings)
    first: Any = {name: given[name] for name in of_sources if name in given}
    second: Any = {name: given[name] for name in rules if name in given}
    return first, second
