"""The hand-off to training: the class list and the manifest of a data set, as files.

Both are written as a stream, under a temporary name that becomes the final one once they are whole.
"""

import contextlib
import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from streammerge.catalogue import Catalogue, Row
from streammerge.core.job import Job
from streammerge.core.keys import printable
from streammerge.core.local import Wanted
from streammerge.core.plan import Decision
from streammerge.errors import RunError, UsageError

_ROWS = 10_000  # of a Parquet row group


class HandOff:
    """The files that a run hands over: none, the class list, the manifest, or both."""

    def __init__(self, classes: Path | None, manifest: Path | None, *, directory: Path | None = None) -> None:
        """The run makes `directory`, if need be, before they are written.

        Raises UsageError where a file cannot be of the kind that its name says, or its folder will not be there.
        """
        self._classes = classes
        self._manifest = manifest
        for path in self.paths:
            made = directory is not None and path.parent.resolve() == directory.resolve()
            if not made and not path.parent.is_dir():
                raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
        if manifest is not None and manifest.suffix not in (".csv", ".parquet"):
            raise UsageError(f"--manifest {manifest}: its name must end with .csv or .parquet")
        if manifest is not None and manifest.suffix == ".parquet" and find_spec("pyarrow") is None:
            raise UsageError(f"--manifest {manifest}: Parquet needs pyarrow: pip install 'streammerge[parquet]'")

    @property
    def paths(self) -> list[Path]:
        """The files that will be written."""
        return [path for path in (self._classes, self._manifest) if path is not None]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Catalogue | None]:
        """A catalogue for what they need, or None if there is none to write."""
        if not self.paths:
            yield None
            return
        with Catalogue() as catalogue:
            yield catalogue

    def write(self, catalogue: Catalogue, classes: Iterable[str], prefix: str) -> None:
        """Write the files, of images that are there; keys begin with `prefix`. Raises RunError where they cannot be."""
        catalogue.number(classes)
        if self._classes is not None:
            write_classes(self._classes, catalogue.classes())
        if self._manifest is not None:
            write_manifest(self._manifest, catalogue.manifest(prefix))


def write_classes(path: Path, classes: Iterable[str]) -> None:
    """Write classes, in the order of their numbers: a list in JSON if the file is named so, else one a line.

    Raises RunError if the file cannot be written, or a name does not fit in a line.
    """
    with _whole(path) as partial, partial.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        if path.suffix == ".json":
            opening = "["
            for name in classes:
                file.write(f"{opening}\n{json.dumps(name)}")
                opening = ","
            file.write("\n]\n" if opening == "," else "[]\n")
            return
        for name in classes:
            if len(f"{name}.".splitlines()) > 1:
                raise RunError(f"class {printable(name)!r} does not fit in a line: name a .json file for the classes")
            file.write(name + "\n")


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, or as Parquet if the file is named so. Raises RunError if it cannot be written."""
    with _whole(path) as partial:
        if path.suffix == ".parquet":
            _write_parquet(partial, iter(rows))
            return
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Row._fields)
            writer.writerows(rows)


def _write_parquet(path: Path, rows: Iterator[Row]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - optional
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - optional

    kinds = {str: pa.string(), int: pa.int64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in Row.__annotations__.items()])
    with ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, _ROWS)):
            writer.write_batch(pa.record_batch(list(zip(*batch, strict=True)), schema=schema))


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file to write instead, which takes the place of `path` if the block ends well, and goes if it does not."""
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise RunError(f"cannot write {path}: {error.strerror}") from error
        raise


def note(catalogue: Catalogue, decision: Decision, job: Job) -> None:
    """Note the images of a decision, as they lie at the destination, instead of what was noted of its identity."""
    identity = decision.identity.name
    if decision.anew:
        catalogue.forget(identity)
    skip = len(job.destination.prefix) + len(identity) + 1
    for copy in (*decision.copies, *decision.present):
        wanted = Wanted(identity, copy.target[skip:], copy.size, copy.etag, copy.modified)
        catalogue.add(identity, [wanted], job.sources[copy.source].name)
