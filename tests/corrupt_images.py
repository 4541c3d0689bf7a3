"""Images that loaders stumble on, by name with the kind of their problem, and images that every loader takes."""

import io
import os
import struct
from typing import Any

from PIL import Image


def encoded(kind: str, mode: str = "RGB", frames: int = 1, **how: Any) -> bytes:
    """An image that no encoder makes small; of another call, another one."""
    images = [Image.frombytes("RGB", (64, 48), os.urandom(64 * 48 * 3)).convert(mode) for _ in range(frames)]
    file = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    images[0].save(file, kind, **more, **how)
    return file.getvalue()


def with_size(body: bytes, start: int, kind: str) -> bytes:
    """A header in which the width is 0."""
    return body[:start] + struct.pack(kind, 0) + body[start + struct.calcsize(kind) :]


def overwritten(body: bytes) -> bytes:
    """The same with some bytes in its middle lost."""
    return body[:900] + bytes(50) + body[950:]


CORRUPT = {
    "cut.jpg": ("truncated", encoded("JPEG")[:-40]),
    "cut-early.jpg": ("truncated", encoded("JPEG")[:300]),
    "cut.png": ("truncated", encoded("PNG")[:-300]),
    "page.jpg": ("not an image", b"<html><body>404 Not Found</body></html>"),
    "zeros.jpg": ("not an image", bytes(4000)),
    "flipped.png": ("cannot be decoded", overwritten(encoded("PNG"))),
    "header.jpg": ("cannot be decoded", encoded("JPEG")[:3] + bytes(500)),
    "empty.png": ("no pixels", with_size(encoded("PNG"), 16, ">I")),
    "empty.bmp": ("no pixels", with_size(encoded("BMP"), 18, "<i")),
    "empty.ppm": ("no pixels", b"P6 0 40 255\n"),
    "really-a-png.jpg": ("wrong extension", encoded("PNG")),
    "really-a-gif.png": ("wrong extension", encoded("GIF")),
    "print.jpg": ("CMYK", encoded("JPEG", "CMYK")),
    "moving.webp": ("animated", encoded("WEBP", frames=3)),
    "moving.png": ("animated", encoded("PNG", frames=2)),
    "deep.tif": ("16 bits", encoded("TIFF", "I")),
}
FINE = {
    "fine.jpg": encoded("JPEG"),
    "fine.JPEG": encoded("JPEG", "L", progressive=True),
    "palette.png": encoded("PNG", "P"),
    "alpha.png": encoded("PNG", "RGBA"),
    "one-bit.png": encoded("PNG", "1"),
    "fine.webp": encoded("WEBP"),
    "fine.bmp": encoded("BMP"),
    "fine.tif": encoded("TIFF"),
    "fine.pgm": encoded("PPM", "L"),
    "phone.jpg": encoded("MPO", frames=2),
}
