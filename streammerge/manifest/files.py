"""The files for training: the class list and the manifest of a data set.

Both are streamed to a temporary file that is renamed once it is complete.
"""

import contextlib
import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TextIO

from streammerge.atomic_file import replacing
from streammerge.dataset.job import Job
from streammerge.dataset.objects import printable
from streammerge.distinct_files import DistinctFiles
from streammerge.errors import RunError, UsageError
from streammerge.manifest.database import ImageDatabase
from streammerge.manifest.notes import Images
from streammerge.manifest.row import Row
from streammerge.manifest.wanted import Wanted
from streammerge.planning.plan import CopyTask, Decision

_CRLF = "\r\n"
_ROWS = 10_000  # of a Parquet row group


class TrainingFiles:
    """The files that a run writes for training: the class list, the manifest, both or neither."""

    def __init__(
        self,
        classes: str | Path | None,
        manifest: str | Path | None,
        *,
        directory: Path | None = None,
        journal: str | Path | None = None,
    ) -> None:
        """`directory`: a folder that the run creates before the files are written. `journal`: a path or a URL.

        Raises UsageError where a file name has an unsupported ending, its folder will not exist, or two are one file.
        """
        self._classes = None if classes is None else Path(classes)
        self._manifest = manifest = None if manifest is None else Path(manifest)
        files = DistinctFiles()
        if journal is not None and "://" not in str(journal):
            files.write(Path(journal), "the journal is written to")
        for path in self.paths:
            files.write(path, "the class list is written to" if path is self._classes else "--manifest names")
            made = directory is not None and path.parent.resolve() == directory.resolve()
            if not made and not path.parent.is_dir():
                raise UsageError(f"cannot write {path}: folder {path.parent} does not exist")
        if manifest is not None and manifest.suffix not in (".csv", ".parquet"):
            raise UsageError(f"--manifest {manifest}: its name must end with .csv or .parquet")
        if manifest is not None and manifest.suffix == ".parquet" and find_spec("pyarrow") is None:
            raise UsageError(
                f"--manifest {manifest}: Parquet needs pyarrow. In a checkout, run: pip install '.[parquet]'"
            )

    @property
    def paths(self) -> list[Path]:
        """The files that will be written."""
        return [path for path in (self._classes, self._manifest) if path is not None]

    @contextlib.asynccontextmanager
    async def opened(self, prefix: str) -> AsyncIterator[ImageDatabase | None]:
        """A database to collect images whose keys begin with `prefix`; None if there is nothing to write."""
        if not self.paths:
            yield None
            return
        with ImageDatabase(prefix) as database:
            yield database

    def write(self, database: ImageDatabase, classes: Iterable[str]) -> None:
        """Write the files for the images that are present. Raises RunError where one cannot be written."""
        database.number(classes)
        if self._classes is not None:
            write_classes(self._classes, database.classes())
        if self._manifest is not None:
            write_manifest(self._manifest, database.manifest())


def write_classes(path: str | Path, classes: Iterable[str]) -> None:
    """Write classes, in the order of their numbers: a JSON list if the file name ends with .json, else one per line.

    Raises RunError if the file cannot be written, or a name does not fit in a line.
    """
    path = Path(path)
    with (
        replacing(path, RunError) as partial,
        partial.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
    ):
        if path.suffix == ".json":
            opening = "["
            for name in classes:
                file.write(f"{opening}\n{json.dumps(name)}")
                opening = ","
            file.write("\n]\n" if opening == "," else "[]\n")
            return
        for name in classes:
            if len(f"{name}.".splitlines()) > 1:
                raise RunError(f"class {printable(name)!r} does not fit on one line: write the classes to a .json file")
            file.write(name + "\n")


def write_manifest(path: str | Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, or as Parquet if the name ends with .parquet. Raises RunError if it cannot be written."""
    path = Path(path)
    with replacing(path, RunError) as partial:
        if path.suffix == ".parquet":
            _write_parquet(partial, iter(rows))
            return
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(_Lines(file), lineterminator=_CRLF)
            writer.writerow(Row._fields)
            writer.writerows(rows)


class _Lines:
    """Takes lines of CSV that end with CRLF, so that csv quotes both characters, and ends them with a line feed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        """Write one line."""
        self._file.write(line.removesuffix(_CRLF) + "\n")


def _write_parquet(path: Path, rows: Iterator[Row]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - optional

    kinds = {str: pa.string(), int: pa.int64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in Row.__annotations__.items()])
    with ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, _ROWS)):
            writer.write_batch(pa.record_batch(list(zip(*batch, strict=True)), schema=schema))


def note_present(database: Images, decision: Decision, job: Job) -> None:
    """Note the images of a decision that are already at the destination, as they lie there."""
    if decision.present:
        there = {image.object.key: image.object for image in decision.identity.members[-1]}
        for task in decision.present:
            note(database, task, there[task.target].etag, job)


def note(database: Images, task: CopyTask, etag: str, job: Job) -> None:
    """Note an image that has come to the destination, with the ETag that it has there."""
    skip = len(job.destination.prefix) + len(task.identity) + 1
    wanted = Wanted(task.object._replace(key=task.target, etag=etag), task.identity, task.target[skip:])
    database.add(task.identity, [wanted], job.inputs[task.source].name)
