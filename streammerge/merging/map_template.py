"""A template for an identity map: the identities that sources share, and those that differ in spelling alone, united.

Strategy: twins are known by their digests once everything is listed, so that the template is written by listing again:
an identity that sources share is written at once, twins at the end.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streammerge.dataset.identity_map import Mapped
from streammerge.errors import UsageError
from streammerge.merging.planner import Planner
from streammerge.planning.plan import Decision
from streammerge.planning.twins import Spellings, Twins, uniting
from streammerge.table_files import WriteRow, writing


@contextmanager
def map_template(path: str | Path | None, planner: Planner) -> Iterator[Callable[[], Awaitable[None]]]:
    """A function that writes the template once the planner has decided all, if a file is named for it.

    Raises UsageError where it cannot be written, or the job has a map already.
    """

    async def nothing() -> None:
        """No template is wanted."""

    if path is None:
        yield nothing
        return
    if planner.job.mapping:
        raise UsageError(
            "--identity-map-template writes a map to begin from, and --identity-map applies one: pass one of them"
        )
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise UsageError(f"--identity-map-template {path}: name a .csv file")
    planner.twins = Twins()  # all of them
    with writing(path, Mapped._fields) as write:
        yield lambda: _write(planner, write)


async def _write(planner: Planner, write: WriteRow) -> None:
    job = planner.job
    names, inputs = [source.name for source in job.sources], [source.name for source in job.inputs]
    spellings = Spellings(planner.twins.digests(), inputs)

    async def note(decision: Decision) -> None:
        identity = decision.identity
        having = [name for name, images in zip(names, identity.members, strict=False) if images]
        if not spellings.look(identity) and len(having) > 1:
            for name in having:
                write(Mapped(name, identity.name, identity.name))

    await planner.afresh().decide_all(note, ranges=1)
    groups = spellings.groups()
    if job.append:  # what is at the destination cannot be renamed
        for group in groups:
            group.sort(key=lambda spelling: inputs[-1] not in spelling.sources)
    for row in uniting(groups):
        if row.source in names:
            write(row)
