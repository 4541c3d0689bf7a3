"""Thumbnails: an image's bytes in, a small JPEG out. Needs Pillow, so it is imported only where it is used."""

import io
import warnings

from PIL import Image, ImageFile, UnidentifiedImageError

SIZE = 112  # pixels of the longer side: what face recognition trains on
_QUALITY = 75
_LARGEST = 50_000_000  # pixels that are decoded: three bytes of memory each


def make_thumbnail(body: bytes, *, whole: bool = True) -> bytes | str:
    """A small JPEG of an image, or why there is none.

    whole: if not, only the beginning of it came, and shows as much as it can.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(body)) as image:
                return _scaled(image, whole=whole)
    except UnidentifiedImageError:
        return "not an image"
    except Exception as error:  # noqa: BLE001 - what Pillow's decoders raise is not bounded by any documentation
        return f"cannot be decoded: {error}"


def _scaled(image: Image.Image, *, whole: bool) -> bytes | str:
    image.draft("RGB", (2 * SIZE, 2 * SIZE))  # a JPEG is decoded smaller, which takes a tenth of the time
    if image.width * image.height > _LARGEST:
        return f"too large to show: {image.width:,} by {image.height:,} pixels"
    try:
        image.load()
    except OSError:
        if whole or not isinstance(image, ImageFile.ImageFile):
            raise
        image.tile = []  # what is decoded so far is the image now
    if image.mode.startswith("I"):  # 16 bits
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    shown = image.convert("RGBA" if image.mode in ("P", "LA", "PA") else "RGB").convert("RGB")
    shown.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
