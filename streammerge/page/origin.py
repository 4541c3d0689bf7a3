"""Where a page comes from: when it was made, by which version, by what command, and how long that took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from streammerge.core.rendering import human_time
from streammerge.page.content import Figures, Key, Number, key


@dataclass(frozen=True, slots=True)
class Origin:
    """What the head of a page says of it. made: ISO 8601; when: the same for people; command: its words, if known."""

    made: str
    when: str
    version: str
    took: Number
    command: Sequence[Key]


def origin_of(report: Any, command: str, made: datetime | None) -> Origin:
    """Where the page of a report comes from; the arguments as `render_page` has them."""
    at = (made or datetime.now(UTC)).astimezone()
    iso = at.isoformat(timespec="seconds")
    took = Figures(report.to_json())("seconds", form=human_time)
    offset = iso[19:]
    when = f"{at:%Y-%m-%d %H:%M:%S} UTC{offset if at.utcoffset() else ''}"
    return Origin(iso, when, version("streammerge"), took, [key(word) for word in command.split()])
