"""The reasons for ignoring an object: not an image, empty, junk, or no place in the layout."""

from collections.abc import Sequence
from typing import Literal

from streammerge.dataset.image_extensions import IMAGE_EXTENSIONS
from streammerge.dataset.junk import JunkReason

Reason = Literal[
    "not an image",
    "empty file",
    "folder marker",
    "excluded",
    "not in a folder",
    "no identity",
    "pattern mismatch",
    "archived",
    "corrupt",
    JunkReason,
]


def not_an_image(key: str, size: int) -> Reason | None:
    """Why an object is no image, from its key and size alone; None if it is one.

    An image has one of torchvision's extensions in any case, and at least one byte.
    """
    _, dot, extension = key.rpartition(".")
    if dot and extension.lower() in IMAGE_EXTENSIONS:
        return None if size else "empty file"
    return "folder marker" if is_folder_marker(key, size) else "not an image"


def are_images(keys: Sequence[str], sizes: Sequence[int]) -> bool:
    """Whether all objects are images, as `not_an_image` has it, at a fraction of the CPU."""
    endings = {key[key.rfind(".") :] for key in keys}  # the last character of a key without a dot
    return all(sizes) and IMAGE_EXTENSIONS.issuperset([ending[1:].lower() for ending in endings])


def is_folder_marker(below: str, size: int) -> bool:
    """Whether an object only makes a folder show, as consoles create them; "" below a prefix is the prefix's own."""
    return not size and (not below or below.endswith("/"))
