"""Identity maps on real servers: labels that mean the same person become one, and others go."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_ONE = {"ann/1.jpg": b"a1", "ann/2.jpg": b"a2", "anne/1.jpg": b"a3", "bob/1.jpg": b"b1", "bob/2.jpg": b"b2"}
_TWO = {"ann/9.jpg": b"another ann", "bob/9.jpg": b"b9", "junk/1.jpg": b"j1", "junk/2.jpg": b"j2"}
_MAP = "source,identity,to\none,anne,ann\ntwo,ann,ann-2\ntwo,junk,\ntwo,nobody,bob\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Two sources, and a folder for the map."""

    server: Server
    client: Any
    bucket: str
    folder: Path

    def run(self, command: str, *more: str) -> Ended:
        """Run a command of the two sources."""
        sources = [f"one=s3://{self.bucket}/one/", f"two=s3://{self.bucket}/two/", "--into", f"s3://{self.bucket}/out/"]
        return streammerge(command, *sources, "--min-images", "1", "--json", *more, server=self.server)


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Iterator[Place]:
    """On each server in turn."""
    client = connect(server)
    place = Place(server, client, new_bucket(client), tmp_path)
    put_all(client, place.bucket, {f"one/{key}": body for key, body in _ONE.items()})
    put_all(client, place.bucket, {f"two/{key}": body for key, body in _TWO.items()})
    yield place
    client.close()


def test_a_map_is_applied(place: Place) -> None:
    """Two labels become one, one that is shared is told apart, one goes; a second run and `verify` agree."""
    path = place.folder / "map.csv"
    path.write_text(_MAP, "utf-8")
    merged = place.run("merge", "--identity-map", str(path))
    assert merged.code == 0, merged.err
    assert merged.report["identity_map"] == {"renamed": 2, "dropped": 1, "in no source": 1}
    assert "1 identity of the identity map not found in any source" in merged.err
    there = {"ann/1.jpg", "ann/2.jpg", "ann/1_one.jpg", "ann-2/9.jpg", "bob/1.jpg", "bob/2.jpg", "bob/9.jpg"}
    assert set(contents(place.client, place.bucket, "out/")) == there
    assert place.run("merge", "--identity-map", str(path)).report["copied"] == 0
    assert place.run("verify", "--identity-map", str(path)).code == 0
    job = place.folder / "job.toml"
    assert place.run("plan", "--identity-map", str(path), "--save-job", str(job)).code == 0
    assert streammerge("verify", str(job), server=place.server).code == 0


def test_a_template_names_what_sources_share(place: Place) -> None:
    """As it is, it changes nothing."""
    path = place.folder / "map.csv"
    plain = place.run("plan", "--identity-map-template", str(path))
    assert plain.code == 0, plain.err
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [tuple(row.values()) for row in rows] == [
        (source, name, name) for name in ("ann", "bob") for source in ("one", "two")
    ]
    again = place.run("plan", "--identity-map", str(path))
    assert (again.report["images"], again.report["identity_map"]) == (plain.report["images"], {})


def test_twins_are_named_and_united(place: Place) -> None:
    """`inspect` names them, `plan` and `merge` count them, and the template proposes the spelling to keep."""
    spellings = {"two/Ann /1.jpg": b"ann 1", "two/ANN/1.jpg": b"ann 2", "one/Jose\u0301/1.jpg": b"j1"}
    put_all(place.client, place.bucket, {**spellings, "two/José/1.jpg": b"j2", "two/José/2.jpg": b"j3"})
    inspected = streammerge(
        "inspect", f"one=s3://{place.bucket}/one/", f"two=s3://{place.bucket}/two/", "--json", server=place.server
    )
    twins = inspected.report["twins"]
    assert (twins["identities"], twins["names"]) == (2, 5)
    assert sorted(tuple(each["identity"] for each in spelt) for spelt in twins["examples"]) == [
        ("José", "Jose\u0301"),
        ("ann", "ANN", "Ann "),
    ]
    assert any("5 identities are probably 2 under several names" in each for each in inspected.report["warnings"])
    path = place.folder / "map.csv"
    planned = place.run("plan", "--identity-map-template", str(path))
    assert planned.report["twins"] == 5
    assert len([each for each in planned.report["warnings"] if "plan --identity-map-template" in each]) == 1
    rows = [tuple(row) for row in csv.reader(path.read_text("utf-8").splitlines())][1:]
    assert {row for row in rows if row[1] != row[2]} == {
        ("two", "Ann ", "ann"),
        ("two", "ANN", "ann"),
        ("one", "Jose\u0301", "José"),
    }
    merged = place.run("merge", "--identity-map", str(path))
    assert (merged.code, merged.report["twins"], merged.report["identities"]) == (0, 0, 5)
    assert "several names" not in merged.err
    there = {key.partition("/")[0] for key in contents(place.client, place.bucket, "out/")}
    assert there == {"José", "ann", "anne", "bob", "junk"}
    assert place.run("plan", "--identity-map", str(path), "--identity-map-template", f"{path}.csv").code == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("source,identity\none,ann\n", "no column 'to'"),
        ("source,identity,to\nthree,ann,b\n", "a row for source 'three'"),
    ],
)
def test_a_map_that_is_wrong_is_refused(place: Place, text: str, problem: str) -> None:
    """Before anything is listed."""
    path = place.folder / "map.csv"
    path.write_text(text, "utf-8")
    refused = place.run("merge", "--identity-map", str(path))
    assert refused.code == 2
    assert problem in refused.err
