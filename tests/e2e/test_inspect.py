"""inspect on real servers, by the real command: what is in there, and that its numbers are those of plan."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from command import Ended, streammerge
from seeding import new_bucket, put_all
from servers import Server, connect
from stub_s3 import folders, listing, refusal, stub_s3

# Two prefixes with the faults of real ones: flat, nested, one image in each, a collision, a stale RecordIO file.
_PHOTOS = {
    "p1/1.jpg": b"one",
    "p1/2.jpg": b"two",
    "p2/1.jpg": b"three",
    "p2/day/1.jpg": b"four",
    "p3/1.jpg": b"five",
    "p3/p3_face.png": b"a photo under the name of a face",
    "p4/1.jpg": b"six",
    "p5/1.jpg": b"one",  # label noise: p1 has it, too
    "p6/0.jpg": b"",
    "a/1.jpg": b"a tree lists this before a-b",
    "a-b/1.jpg": b"bytes list this before a/",
    "notes.txt": b"no image",
    "train.rec": b"stale",
    "train.idx": b"",
}
_FACES = {f"p{n}_face.png": f"face {n}".encode() for n in range(1, 8)} | {"index.csv": b"1,2,3"}


@dataclass(frozen=True, slots=True)
class World:
    """Two prefixes on a server."""

    server: Server
    client: Any
    bucket: str

    def run(self, command: str, *more: str) -> Ended:
        """Run a command on both."""
        sources = (f"{name}=s3://{self.bucket}/{name}/" for name in ("photos", "faces"))
        return streammerge(command, *sources, *more, server=self.server)


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    """The prefixes on each server in turn."""
    yield from _world(server)


@pytest.fixture(scope="module")
def home(moto_server: Server) -> Iterator[World]:
    """The prefixes where any server will do that lists in order."""
    yield from _world(moto_server)


def _world(server: Server) -> Iterator[World]:
    with contextlib.closing(connect(server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {f"photos/{key}": body for key, body in _PHOTOS.items()})
        put_all(client, bucket, {f"faces/{key}": body for key, body in _FACES.items()})
        yield World(server, client, bucket)


def test_two_prefixes_as_json(world: World) -> None:
    """Layouts, counts, overlap, thresholds, noise: each number is right on each server."""
    ended = world.run("inspect", "--duplicates", "--json")
    assert ended.code == 0, ended.err
    report = ended.report
    photos, faces = report["prefixes"]
    assert (photos["layout"], photos["layout_found"], photos["layout_proposed"]) == ("folder", "nested", False)
    assert (photos["objects"], photos["images"], photos["identities"]) == (14, 10, 7)
    assert photos["images_per_identity"] == {"1": 4, "2": 3}
    assert (photos["quartiles"], photos["mean"], photos["most"]) == ([1, 1, 2], 1.43, 2)
    assert (photos["single_image_identities"], photos["zero_byte_images"], photos["nested"]) == (4, 1, 1)
    assert photos["ignored"] == {"empty file": 1, "not an image": 3}
    assert photos["recordio"] == ["photos/train.idx", "photos/train.rec"]
    assert photos["other_files"] == {".idx": 1, ".rec": 1, ".txt": 1}
    assert photos["bytes"] == sum(len(body) for key, body in _PHOTOS.items() if key.endswith(("jpg", "png")))
    assert (faces["layout"], faces["layout_found"], faces["layout_proposed"]) == (
        "{identity}_face.{ext}", "flat", True,
    )  # fmt: skip
    assert (faces["identities"], faces["images"], faces["loose"], faces["nested"]) == (7, 7, 7, 0)
    assert report["together"] == {
        "identities": 9,
        "shared_identities": 5,
        "renamed": 1,
        "overlaps": [
            {
                "one": "photos",
                "other": "faces",
                "identities": 5,
                "same_name": 1,
                "same_content": 0,
                "same_name_and_content": 0,
            }
        ],
    }
    assert [keep["identities"] for keep in report["keeps"]] == [9, 5, 3, 0, 0]
    assert [keep["only_together"] for keep in report["keeps"]] == [0, 2, 3, 0, 0]
    noise = report["noise"]
    assert (noise["contents"], noise["placements"], noise["incomparable"]) == (1, 2, 0)
    assert noise["examples"] == [
        [
            {"identity": "p1", "source": "photos", "key": "photos/p1/1.jpg"},
            {"identity": "p5", "source": "photos", "key": "photos/p5/1.jpg"},
        ]
    ]


def test_what_a_merge_would_keep_is_what_plan_says(world: World) -> None:
    """The numbers at a threshold are those that plan reports for it, with the layout that inspect proposes."""
    report = world.run("inspect", "--json").report
    layout = report["prefixes"][1]["layout"]
    into = f"s3://{world.bucket}/out-{uuid.uuid4().hex}/"
    for min_images in (1, 3):
        plan = world.run("plan", "--into", into, "--layout", f"faces={layout}", f"--min-images={min_images}", "--json")
        (keep,) = [keep for keep in report["keeps"] if keep["min_images"] == min_images]
        assert (keep["identities"], keep["images"]) == (plan.report["identities"], plan.report["images"])


def test_each_fault_is_named_in_the_text(home: World) -> None:
    """Whoever reads the text learns of all that would spoil a merge or a training."""
    ended = home.run("inspect", "--duplicates")
    assert ended.code == 0, ended.err
    for said in (
        "faces is flat: 7 images in no folder",
        "--layout 'faces={identity}_face.{ext}'",
        "faces has only one image per identity",
        "photos has 1 image in nested folders",
        "photos has 1 empty image; merge will ignore it",
        "RecordIO files at its root (train.idx, train.rec)",
        "2 identities reach 2 images only when all prefixes are combined",
        "Layout: folder (found: nested)",
        "Found in: folders: 9, nested folders: 1",
        "1 name collision: merge will rename the later image",
        "label noise: 1 content found under more than one identity",
        "1 p1 photos photos/p1/1.jpg 1 p5 photos photos/p5/1.jpg",
        " 2 5 13 2 ",
        "Images per identity: median 1, quartiles 1 and 1, mean 1.0, max 1",
    ):
        assert said in " ".join(ended.out.split())
    assert all(len(line) <= 80 or "s3://" in line for line in ended.out.splitlines())


def test_a_prefix_one_level_too_high(home: World) -> None:
    """What plan says of it, inspect says, too: which prefix to name instead."""
    ended = streammerge("inspect", f"s3://{home.bucket}/", server=home.server)
    assert ended.code == 0, ended.err
    said = f"If the identity is 'a-b', name s3://{home.bucket}/photos/ and its siblings as separate sources"
    assert said in " ".join(ended.out.split())


def test_a_layout_that_is_said_is_taken_at_its_word(home: World) -> None:
    """With --layout folder the flat prefix has no image, and that is a warning, not an error."""
    ended = home.run("inspect", "--layout", "faces=folder", "--json")
    assert ended.code == 0, ended.err
    faces = ended.report["prefixes"][1]
    assert (faces["images"], faces["ignored"]["not in a folder"], faces["layout_proposed"]) == (0, 7, False)
    assert "faces has no image that fits layout folder" in ended.report["warnings"]


def test_any_order(home: World) -> None:
    """The numbers do not depend on how the listing is read."""
    one, other = (home.run("inspect", "--json", "--listing-order", order).report for order in ("sorted", "any"))
    assert one["prefixes"] == other["prefixes"]
    assert (one["keeps"], one["together"]) == (other["keeps"], other["together"])


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["s3://{}/photos/", "s3://{}/empty/"], "is empty"),
        (["s3://{}-not/photos/"], "-not"),
        (["a=s3://{}/photos/", "b=s3://{}/photos/p1/"], "overlap"),
        (["a=s3://{}/photos/", "a=s3://{}/faces/"], "named 'a'"),
        (["a=s3://{}/photos/", "--layout", "b=folder"], "there is no such source"),
    ],
)
def test_bad_input(home: World, sources: list[str], said: str) -> None:
    """Exit 2, with the reason, and nothing that looks like a report."""
    ended = streammerge("inspect", *(text.format(home.bucket) for text in sources), server=home.server)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_listing_that_fails_is_never_taken_for_its_end() -> None:
    """Exit 1 and no report where a prefix that was there at first cannot be listed."""
    looks = iter([folders("one/ada/"), listing("one/ada/1.jpg")])
    with stub_s3(lambda _: next(looks, refusal(403, "AccessDenied"))) as server:
        ended = streammerge("inspect", "s3://bucket/one/", "--json", server=server)
    assert (ended.code, ended.report["exit_code"]) == (1, 1)
    assert "stops the run" in ended.report["error"]
