"""Images that an earlier run could not download: they are attempted last, so that they hold up no others.

They are in a file of that directory, a line of JSON for each, `["identity", "name"]`; it goes when none is left.
"""

import contextlib
import json
from collections.abc import Iterator

from streammerge.errors import UsageError
from streammerge.manifest.database import ImageDatabase
from streammerge.pulling.directory import Directory
from streammerge.pulling.paths import FAILED


def read_failed(folder: Directory) -> Iterator[tuple[str, str]]:
    """Identity and name of each, as far as the file is one of ours."""
    for line in folder.read_lines(FAILED):
        with contextlib.suppress(ValueError, TypeError):
            identity, name = json.loads(line)
            if isinstance(identity, str) and isinstance(name, str):
                yield identity, name


@contextlib.contextmanager
def remembering_failed(folder: Directory, database: ImageDatabase) -> Iterator[None]:
    """Write the file once the block has ended, however it did; but nothing is written where the input was wrong."""
    try:
        yield
    except UsageError:
        raise
    except BaseException:
        _write(folder, database)
        raise
    _write(folder, database)


def _write(folder: Directory, database: ImageDatabase) -> None:
    folder.write_lines(FAILED, (json.dumps(path).encode() + b"\n" for path in database.unsettled()))
