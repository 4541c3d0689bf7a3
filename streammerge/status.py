"""The verb `status`: what the journals on this machine tell; nothing is sent."""

from collections.abc import Sequence
from pathlib import Path

from streammerge.core.chronicle import Chronicle, chronicle
from streammerge.errors import UsageError
from streammerge.journal import state_directory
from streammerge.places import is_held, reading


def status(journals: Sequence[str] = ()) -> list[Chronicle]:
    """What each of these files tells; without any, all in the state directory, that with the newest record last.

    Raises UsageError where one is no journal, or cannot be read.
    """
    if journals:
        return [_tell(_local(journal)) for journal in journals]
    told = map(_tell, sorted(state_directory().glob("*.journal")))
    return sorted(told, key=lambda one: one.last or 0.0)


def _local(journal: str) -> Path:
    if "://" in journal:
        raise UsageError(f"{journal} is not on this machine: status sends nothing, and reads local journals only")
    return Path(journal)


def _tell(path: Path) -> Chronicle:
    try:
        with reading(path) as lines:
            return chronicle(lines, str(path), held=is_held(path), size=path.stat().st_size)
    except FileNotFoundError as error:
        raise UsageError(f"there is no journal {path}") from error
