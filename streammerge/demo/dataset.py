"""Two small data sets of valid images, with the usual faults of real ones.

`photos` has one folder per identity; `faces_only` is flat, with one `<identity>_face.png` each. Between them there are
an overlap, a duplicate, a collision, identities with one image in each set and with one in total, nested folders, and
files that are not images; the destination holds RecordIO files of an earlier training run.
"""

import io
from collections.abc import Iterator

from PIL import Image, ImageDraw

BUCKET = "demo"
PHOTOS, FACES, MERGED = "datasets/photos/", "datasets/faces_only/", "datasets/merged/"
FACES_PATTERN = "{identity}_face.{ext}"

_SIZE = 48  # pixels


def objects() -> Iterator[tuple[str, bytes]]:
    """Every key with its content."""
    for number in range(1, 25):  # 24 people with a folder each; the first 6 have one photo, the others two or three
        person = f"person-{number:03}"
        for shot in range(1 if number <= 6 else 2 + number % 2):  # noqa: PLR2004 - as in the comment above
            folder = f"{person}/outdoor" if shot == 2 else person  # noqa: PLR2004 - the third is in a nested folder
            yield f"{PHOTOS}{folder}/photo-{shot + 1}.jpg", picture(number, shot, "JPEG")
    for number in range(4, 37):  # 33 faces: 4 to 24 are people of the first set, 25 to 36 are new
        yield f"{FACES}person-{number:03}_face.png", picture(number, 0, "PNG")
    yield f"{PHOTOS}person-010/person-010_face.png", picture(10, 0, "PNG")  # the same image: a duplicate
    yield (
        f"{PHOTOS}person-011/person-011_face.png",
        picture(11, 9, "PNG"),
    )  # a different image of the same name: a collision
    yield f"{PHOTOS}person-012/broken.jpg", b""
    yield f"{PHOTOS}README.txt", b"Taken in spring.\n"
    yield f"{FACES}.DS_Store", b"\0"
    yield f"{MERGED}train.rec", b"stale"
    yield f"{MERGED}train.idx", b"0\t0\n"


def picture(number: int, shot: int, kind: str) -> bytes:
    """A small portrait; the same arguments give the same bytes."""
    image = Image.new("RGB", (_SIZE, _SIZE), (number * 53 % 256, number * 97 % 256, (shot * 80 + 60) % 256))
    draw = ImageDraw.Draw(image)
    draw.ellipse((12, 6, 36, 34), fill=(230, 190 - number % 60, 160))
    draw.ellipse((2, 34, 46, 70), fill=(shot * 60 % 256, 90, number * 31 % 256))
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()
