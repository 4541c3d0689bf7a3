"""Thumbnails of what training sets hold, and of what they should not."""

import io
import os
from collections.abc import Callable

import pytest
from PIL import Image

from streammerge.images.thumbnail import SIZE, make_thumbnail


def encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    """An image as a file has it."""
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (300, 200)) -> Image.Image:
    """An image that no encoder makes small."""
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)).convert(mode)


@pytest.mark.parametrize(
    "body",
    [
        lambda: encoded(noise(), "JPEG"),
        lambda: encoded(noise("CMYK"), "JPEG"),
        lambda: encoded(noise("L"), "PGM" if "PGM" in Image.SAVE else "PPM"),
        lambda: encoded(noise("P"), "PNG", transparency=b"\0\1\2"),
        lambda: encoded(noise("LA"), "PNG"),
        lambda: encoded(noise("1"), "PNG"),
        lambda: encoded(Image.new("I;16", (300, 200), 40_000), "PNG"),
        lambda: encoded(noise(), "WEBP"),
        lambda: encoded(noise(), "TIFF"),
        lambda: encoded(noise(size=(3, 900)), "BMP"),
    ],
)
def test_whatever_a_loader_reads(body: Callable[[], bytes]) -> None:
    """A JPEG in RGB of at most 112 pixels, with the proportions of the image."""
    made = make_thumbnail(body())
    assert isinstance(made, bytes)
    with Image.open(io.BytesIO(made)) as thumbnail:
        assert (thumbnail.format, thumbnail.mode, max(thumbnail.size)) == ("JPEG", "RGB", SIZE)


def test_16_bits_keep_their_shades() -> None:
    """They are scaled to 8 bits, not cut off."""
    made = make_thumbnail(encoded(Image.new("I;16", (50, 50), 128 * 256), "PNG"))
    assert isinstance(made, bytes)
    shade = Image.open(io.BytesIO(made)).convert("L").getpixel((25, 25))
    assert isinstance(shade, int)
    assert abs(shade - 128) < 4


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not an image"),
        (b"text", "not an image"),
        (encoded(noise(), "JPEG")[:2000], "cannot be decoded: image file is truncated"),
        (encoded(noise(), "PNG")[:2000], "cannot be decoded"),
        (encoded(Image.new("1", (10_000, 10_000)), "PNG"), "too large to show: 10,000 by 10,000 pixels"),
    ],
)
def test_what_is_no_image(body: bytes, said: str) -> None:
    """The reason in words."""
    made = make_thumbnail(body)
    assert isinstance(made, str)
    assert made.startswith(said)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_beginning_of_an_image(kind: str) -> None:
    """Shows what there is of it, though none of it would be shown of a file that is truncated."""
    body = encoded(noise(), kind)[:9000]
    assert isinstance(make_thumbnail(body), str)
    assert isinstance(make_thumbnail(body, whole=False), bytes)
