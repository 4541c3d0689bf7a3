"""Changes to an image database in another process: kept in memory until they are sent there."""

from collections.abc import Sequence
from typing import Protocol

from streammerge.manifest.wanted import Wanted


class Images(Protocol):
    """Where the images of a plan are noted."""

    def add(self, identity: str, images: Sequence[Wanted], source: str = "") -> None:
        """Add images of one identity, with the name of the source that they come from."""

    def forget(self, identity: str) -> None:
        """Remove an identity and its images."""


class ImageNotes:
    """Notes in their order."""

    def __init__(self) -> None:
        self._notes: list[tuple[str, Sequence[Wanted] | None, str]] = []

    def add(self, identity: str, images: Sequence[Wanted], source: str = "") -> None:
        """Have images of one identity added."""
        self._notes.append((identity, images, source))

    def forget(self, identity: str) -> None:
        """Have an identity and its images removed."""
        self._notes.append((identity, None, ""))

    def note_in(self, database: Images) -> None:
        """Note everything there."""
        for identity, images, source in self._notes:
            if images is None:
                database.forget(identity)
            else:
                database.add(identity, images, source)
