"""Finds what is wrong with an image: decodes it whole, as a loader would. Needs Pillow and runs in its own process."""

import io
import re
import warnings
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

_FORMATS = {
    "jpg": {"JPEG", "MPO"},  # MPO: a JPEG that has another one behind it, as phones write it
    "jpeg": {"JPEG", "MPO"},
    "png": {"PNG"},
    "ppm": {"PPM"},
    "pgm": {"PPM"},
    "bmp": {"BMP", "DIB"},
    "tif": {"TIFF"},
    "tiff": {"TIFF"},
    "webp": {"WEBP"},
}
_BEGINS = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"GIF8")
# Headers with a width or a height of 0, of which Pillow says only that it cannot identify them
_NO_PIXELS = re.compile(
    rb"\x89PNG.{12}(?:\0{4}|.{4}\0{4})"
    rb"|BM.{16}(?:\0{4}|.{4}\0{4})"
    rb"|P[1-6]\s+(?:0+\s|\d+\s+0+\s)"
    rb"|\xff\xd8.*?\xff[\xc0-\xc2].{3}(?:\0\0|..\0\0)",
    re.DOTALL,
)


class Problem(NamedTuple):
    """What is wrong with an image: one of a few kinds, and what more can be said of it."""

    kind: str
    detail: str = ""


def examine(key: str, body: bytes) -> Problem | None:
    """The gravest problem of an image; None if every loader takes it."""
    warnings.simplefilter("ignore")  # of this process alone
    try:
        with Image.open(io.BytesIO(body)) as image:
            found = _oddity(key, image)
            if found is None or found.kind != "too large":
                image.load()
            return found
    except Image.DecompressionBombError as error:
        return Problem("too large", str(error))
    except UnidentifiedImageError:
        return _unidentified(body)
    except Exception as error:  # noqa: BLE001 - what Pillow's decoders raise is not bounded by any documentation
        kind = "truncated" if "truncated" in str(error).lower() else "cannot be decoded"
        return Problem(kind, str(error))


def _unidentified(body: bytes) -> Problem:
    if _NO_PIXELS.match(body):
        return Problem("no pixels", "its width or height is 0")
    if body.startswith(_BEGINS):
        return Problem("cannot be decoded", "its header is damaged")
    return Problem("not an image", f"begins with {body[:16]!r}")


def _oddity(key: str, image: Image.Image) -> Problem | None:
    """What loaders stumble on in an image that can be decoded, from its header."""
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 0):
        return Problem("too large", f"{image.width:,} by {image.height:,} pixels")
    extension = key.rpartition(".")[2].lower()
    if image.format not in _FORMATS.get(extension, {image.format}):
        return Problem("wrong extension", f"{image.format} named .{extension}")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        return Problem("animated", f"{frames:,} frames")
    if image.mode.startswith(("I", "F")) or any("16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        return Problem("16 bits", f"mode {image.mode}")
    return Problem("CMYK") if image.mode == "CMYK" else None
