"""`merge --append` on real servers: what is at the destination counts as the first source."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_SET = {"alice/0.jpg": b"0", "bob/0.jpg": b"1", "bob/1.jpg": b"2", "solo/0.jpg": b"alone", "readme.md": b"of the set"}
_NEW = {"alice/7.jpg": b"alice again", "bob/0.jpg": b"another", "bob/1.jpg": b"2", "carl/1.jpg": b"c1"}
_APPENDED = {"alice/7.jpg": b"alice again", "bob/0_new.jpg": b"another"}


@dataclass(frozen=True, slots=True)
class Place:
    """A data set that no job of ours made, and new images for it."""

    server: Server
    client: Any
    bucket: str

    def run(self, command: str, *more: str) -> Ended:
        """Run a command of the job."""
        where = [f"new=s3://{self.bucket}/new/", "--into", f"s3://{self.bucket}/set/"]
        return streammerge(command, *where, "--json", *more, server=self.server)

    @property
    def there(self) -> set[str]:
        """What is at the destination."""
        return set(contents(self.client, self.bucket, "set/"))


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    """On each server in turn."""
    client = connect(server)
    place = Place(server, client, new_bucket(client))
    put_all(client, place.bucket, {f"set/{key}": body for key, body in _SET.items()})
    put_all(client, place.bucket, {f"new/{key}": body for key, body in _NEW.items()})
    yield place
    client.close()


def test_append_adds_to_the_set_once(place: Place, tmp_path: Path) -> None:
    """One and one is two, a taken name gives a new one; a second run, without a journal, copies nothing."""
    first = place.run("merge", "--append")
    assert first.code == 0, first.err
    assert place.there == {*_SET, *_APPENDED}
    report = first.report
    assert (report["copied"], report["already_present"], report["identities"], report["images"]) == (2, 3, 2, 5)
    assert (report["unplanned"], report["renamed"], report["skipped_too_few"]) == (0, 1, 2)
    assert "1 identity at the destination outside --min-images" in first.err
    manifest = tmp_path / "images.csv"
    second = place.run("merge", "--append", "--no-journal", "--manifest", str(manifest))
    assert (second.code, second.report["copied"], second.report["images"]) == (0, 0, 5)
    assert place.there == {*_SET, *_APPENDED}
    assert "destination" in manifest.read_text("utf-8")
    assert place.run("verify", "--append").code == 0
    assert place.run("merge", "--append", "--prune", "--yes").code == 2


def test_without_append_the_set_is_left_alone_and_named(place: Place) -> None:
    """Its images do not count, and nobody is advised to remove a set that no run of this job made."""
    planned = place.run("plan", "--min-images", "1")
    assert planned.report["foreign"]
    assert "pass --append" in planned.err
    assert "--prune" not in planned.out + planned.err
