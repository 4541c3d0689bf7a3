"""The pictures of a report: what the page shows, and what the JSON has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streammerge.report.description import Album, Fact, Number, Section, size


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures of a report. read: images that were read for it; bytes: what came of them."""

    albums: Sequence[Album]
    read: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """What was shown, without the pictures themselves; `problems`: those that could not be, and why."""
        pictures = [picture for album in self.albums for strip in album.strips for picture in strip.pictures]
        return {
            "shown": sum(1 for picture in pictures if picture.jpeg),
            "read": self.read,
            "bytes": self.bytes,
            "problems": [
                {"source": picture.source, "key": picture.key, "problem": picture.problem}
                for picture in pictures
                if picture.problem
            ],
        }


def images_section(gallery: Gallery | None) -> Section:
    """What a page shows; the text has none of it."""
    if gallery is None:
        return Section("Images")
    cost = Fact("Images read for the thumbnails", Number(gallery.read), (size(gallery.bytes),))
    return Section("Images", facts=[cost], albums=gallery.albums, detail=True)
