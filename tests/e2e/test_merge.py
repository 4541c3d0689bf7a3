"""The story of a merge, told by the real command on each real server and checked against the oracle."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import Object, Source, contents, oracle, walk
from seeding import new_bucket, put_all
from servers import Server, connect

_FLAT = r"(?P<name>(?P<identity>[^/]+?)_face\.[^./]+)"
_ONE = {
    "readme.md": b"at the root: in no folder",
    "solo/1.jpg": b"below the threshold in every source",
    "pair/1.jpg": b"one of one and one",
    "twin/same.jpg": b"the same in both",
    "twins/same.jpg": b"the same in both, again",
    "twins/more.jpg": b"one more of them",
    "n1/0001.jpg": b"first source only",
    "n1/0002.jpg": b"first source only, too",
    "n1/notes.txt": b"no image",
    "n1/empty.jpg": b"",
    "n2/a.jpg": b"overlap, first",
    "clash/0001.jpg": b"first content",
    "clash/0001_two.jpg": b"takes the name that the second source's would get",
    "clash/again.PNG": b"first again",
    "clash/plain": b"has no extension, is no image",
    "nest/day1/0001.jpg": b"nested, day 1",
    "nest/day2/0001.jpg": b"nested, day 2",
    "nest/day2/deeper/0001.jpg": b"nested deeper",
    "zero/1.jpg": b"",
    "zero/2.jpg": b"",
    "a/x.jpg": b"a tree lists this before a-b",
    "a/y.jpg": b"and this",
    "a-b/x.jpg": b"bytes list this before a/",
    "a-b/y.jpg": b"and this, too",
    "odd & 100%/b c+d%20e.jpg": b"odd",
    "odd & 100%/z\u00fcrich \U0001f642.jpeg": b"odder",
    "odd & 100%/zu\u0308rich.webp": b"not normalised",
}
_TWO = {
    "pair/2.jpg": b"the other one",
    "twin/same.jpg": b"the same in both",
    "twins/same.jpg": b"the same in both, again",
    "n2/b.jpg": b"overlap, second",
    "n2/c.TIFF": b"overlap, third",
    "n3/0001.bmp": b"second source only",
    "n3/0002.ppm": b"second source only, too",
    "clash/0001.jpg": b"second content, longer",
    "clash/again.PNG": b"second again",
    "nest/day1/0001.jpg": b"another day 1",
    "train.rec": b"RecordIO at the root of a source",
}
_THREE = {
    "clash/0001.jpg": b"third content, the longest",
    "clash/again.PNG": b"second again",  # equal to what was renamed
    "n3/0001.bmp": b"second source onlY",  # as long, and different
}
_FACES = {
    "n2_face.png": b"a face for n2",
    "n1_face.png": b"a face for n1",
    "zoe_face.png": b"a face without company",
    "index.csv": b"n2,n1,zoe",
}
_NEIGHBOUR = {"n1/9999.jpg": b"in a prefix whose name only begins the same", "n9/1.jpg": b"9", "n9/2.jpg": b"99"}


@dataclass(frozen=True, slots=True)
class World:
    """A server with sources in several buckets, and a bucket for destinations."""

    server: Server
    client: Any
    sources: list[Source]
    destinations: str

    def merge(self, into: str, *more: str, command: str = "merge") -> Ended:
        """Run the command on all sources."""
        return streammerge(command, *self.arguments(into), *more, server=self.server)

    def arguments(self, into: str) -> tuple[str, ...]:
        """Sources, layout of the flat one, and the destination."""
        given = (source.argument for source in self.sources)
        return (*given, "--layout", "faces={identity}_face.{ext}", "--into", f"s3://{self.destinations}/{into}")

    def at(self, into: str) -> dict[str, tuple[int, str]]:
        """What is at a destination."""
        return contents(self.client, self.destinations, into)

    def expected(self, **rules: Any) -> dict[str, tuple[int, str]]:
        """What must be there."""
        return as_contents(oracle(self.client, self.sources, **rules))


def as_contents(expected: dict[str, Object]) -> dict[str, tuple[int, str]]:
    """What an oracle says, as `contents` would list it."""
    return {below: (found.size, found.etag) for below, found in expected.items()}


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    """The sources on each server in turn."""
    yield from _world(server)


@pytest.fixture(scope="module")
def home(seaweed: Server) -> Iterator[World]:
    """The sources where any real server will do: SeaweedFS, which lists a/x before a-b/x."""
    yield from _world(seaweed)


@pytest.fixture(scope="module")
def ordered(ceph: Server) -> Iterator[World]:
    """The sources on Ceph, which lists in byte order."""
    yield from _world(ceph)


def _world(server: Server) -> Iterator[World]:
    """Three folder sources in two buckets, one with dots in its name, and a flat source; none is changed by a test."""
    client = connect(server)
    first, dotted = new_bucket(client), new_bucket(client, f"a.dotted.{uuid.uuid4().hex[:12]}")
    destinations = new_bucket(client)
    put_all(client, first, {f"data/one/train/{key}": body for key, body in _ONE.items()}, Metadata={"origin": "one"})
    put_all(client, first, {f"data/two/train/{key}": body for key, body in _TWO.items()})
    put_all(client, first, {f"data/one/train2/{key}": body for key, body in _NEIGHBOUR.items()})
    put_all(client, first, {"data/one/train/n1/": b""})
    put_all(client, dotted, {f"three/{key}": body for key, body in _THREE.items()})
    put_all(client, dotted, {f"faces/{key}": body for key, body in _FACES.items()})
    sources = [
        Source("one", first, "data/one/train/"),
        Source("two", first, "data/two/train/"),
        Source("three", dotted, "three/"),
        Source("faces", dotted, "faces/", _FLAT),
    ]
    yield World(server, client, sources, destinations)
    client.close()


@pytest.fixture
def into() -> str:
    """A prefix of the destination bucket that no other test uses."""
    return f"merged/{uuid.uuid4().hex}/"


def test_destination_is_what_the_oracle_says(world: World, into: str) -> None:
    """Each object that must be there is, with the size and the ETag of its source, and no other."""
    ended = world.merge(into)
    assert ended.code == 0, ended.err
    assert world.at(into) == world.expected()


def test_rules_of_the_merge_as_written_out(world: World, into: str) -> None:
    """The rules by example: union before threshold, duplicates, collisions of three, nested, flat, similar prefixes."""
    assert world.merge(into).code == 0
    there = {
        found.key.removeprefix(into): _body(world, found) for found in walk(world.client, world.destinations, into)
    }
    assert {key for key in there if key.startswith("pair/")} == {"pair/1.jpg", "pair/2.jpg"}
    assert {key for key in there if key.startswith("twin")} == {"twins/more.jpg", "twins/same.jpg"}
    assert {key for key in there if key.startswith("n1/")} == {"n1/0001.jpg", "n1/0002.jpg", "n1/n1_face.png"}
    assert not [key for key in there if key.startswith(("solo", "zero", "zoe", "n9", "train", "readme", "index"))]
    assert {key: body for key, body in there.items() if key.startswith("clash/")} == {
        "clash/0001.jpg": b"first content",
        "clash/0001_two.jpg": b"takes the name that the second source's would get",
        "clash/0001_two_2.jpg": b"second content, longer",
        "clash/0001_three.jpg": b"third content, the longest",
        "clash/again.PNG": b"first again",
        "clash/again_two.PNG": b"second again",
    }
    assert {key: body for key, body in there.items() if key.startswith("nest/")} == {
        "nest/day1/0001.jpg": b"nested, day 1",
        "nest/day1/0001_two.jpg": b"another day 1",
        "nest/day2/0001.jpg": b"nested, day 2",
        "nest/day2/deeper/0001.jpg": b"nested deeper",
    }


def test_content_and_description_travel(world: World, into: str) -> None:
    """Bodies and metadata at the destination are those of the very objects that the oracle chose."""
    assert world.merge(into).code == 0
    expected = oracle(world.client, world.sources)
    for below, source in list(expected.items())[::3]:
        copied = world.client.get_object(Bucket=world.destinations, Key=into + below)
        original = world.client.get_object(Bucket=source.bucket, Key=source.key)
        assert copied["Body"].read() == original["Body"].read()
        assert (copied["Metadata"], copied["ContentType"]) == (original["Metadata"], original["ContentType"])


def test_report_counts_what_was_done(world: World, into: str) -> None:
    """Each number of the JSON report is right."""
    ended = world.merge(into, "--json")
    expected = oracle(world.client, world.sources)
    report = ended.report
    assert report["command"] == "merge"
    assert report["complete"] is True
    assert report["identities"] == len({below.partition("/")[0] for below in expected})
    assert report["images"] == report["copied"] == len(expected)
    assert report["bytes"] == report["bytes_copied"] == sum(source.size for source in expected.values())
    assert report["multi_source"] == 7  # pair, twins, n1, n2, n3, clash, nest
    assert report["single_source"] == 3  # a, a-b, odd
    assert report["skipped"] == report["skipped_too_few"] == 3  # solo, twin, zoe
    assert report["skipped_too_many"] == 0
    assert report["duplicates"] == 3  # twin, twins, clash/again.PNG of the third
    assert report["renamed"] == 5
    for nothing in ("already_present", "failed", "conflicts", "not_attempted", "unplanned", "dropped"):
        assert report[nothing] == 0, nothing
    assert report["ignored"] == {"empty file": 3, "folder marker": 1, "not an image": 5}
    assert report["requests"]["copy"] == len(expected)
    assert report["requests"]["list"] >= 5
    assert 0 < report["seconds"] < 60


def test_report_tells_of_each_source(home: World, into: str) -> None:
    """What was in a source is images, or ignored for a reason with an example."""
    report = home.merge(into, "--json").report
    sources = {source["name"]: source for source in report["sources"]}
    assert list(sources) == ["one", "two", "three", "faces"]
    for source in sources.values():
        assert source["objects"] == source["images"] + sum(source["ignored"].values())
    assert sources["two"]["url"] == f"s3://{home.sources[1].bucket}/data/two/train/"
    assert sources["two"]["images"] == len(_TWO) - 1
    assert sources["two"]["examples"] == {"not an image": ["data/two/train/train.rec"]}
    assert sources["faces"]["layout"] == "{identity}_face.{ext}"
    assert sources["faces"]["images"] == 3


def test_text_report_is_for_people(home: World, into: str) -> None:
    """The report is on stdout, its headline first, and nothing but it."""
    ended = home.merge(into, "--quiet")
    assert ended.err == ""
    lines = ended.out.splitlines()
    assert lines[1] == "MERGE COMPLETE"
    assert f"Total images: {len(home.expected())}" in lines
    assert "Skipped (too few images): 3" in lines


def test_second_run_copies_nothing(world: World, into: str) -> None:
    """What is there, and right, is not copied again: nothing is written at all."""
    first = world.merge(into, "--json").report
    before = _stamps(world, into)
    second = world.merge(into, "--json")
    assert second.code == 0
    assert second.report["copied"] == second.report["requests"].get("copy", 0) == 0
    assert second.report["already_present"] == first["copied"]
    assert _stamps(world, into) == before


def test_what_is_lost_is_copied_again(home: World, into: str) -> None:
    """A run restores exactly what is missing."""
    home.merge(into)
    whole = home.at(into)
    for below in ("clash/0001_two_2.jpg", "pair/1.jpg"):
        home.client.delete_object(Bucket=home.destinations, Key=into + below)
    report = home.merge(into, "--json").report
    assert (report["copied"], report["already_present"]) == (2, len(whole) - 2)
    assert home.at(into) == whole


def test_extra_objects_are_reported_and_untouched(home: World, into: str) -> None:
    """What the plan does not want is named, RecordIO files with a warning, and stays as it is."""
    unplanned = {
        "train.rec": b"",
        "train.idx": b"1",
        "solo/1.jpg": b"theirs",
        "pair/3.jpg": b"theirs too",
        "ghost/1.jpg": b"?",
    }
    put_all(home.client, home.destinations, {into + below: body for below, body in unplanned.items()})
    ended = home.merge(into, "--json")
    assert ended.code == 0
    assert ended.report["unplanned"] == len(unplanned)
    assert sorted(ended.report["unplanned_examples"]) == sorted(into + below for below in unplanned)
    assert sorted(ended.report["recordio"]) == [f"{into}train.idx", f"{into}train.rec"]
    there = home.at(into)
    assert {below: size for below, (size, _) in there.items() if below in unplanned} == {
        below: len(body) for below, body in unplanned.items()
    }
    assert {below: value for below, value in there.items() if below not in unplanned} == home.expected()
    lines = home.merge(into).out.splitlines()
    assert [line for line in lines if "train.rec" in line and line.startswith("Warning:")]


def test_conflict_is_reported_and_untouched(world: World, into: str) -> None:
    """Something else under a planned key stays, is named, and makes the run incomplete: exit 3."""
    key = f"{into}pair/1.jpg"
    world.client.put_object(Bucket=world.destinations, Key=key, Body=b"something else")
    ended = world.merge(into, "--json")
    assert ended.code == 3
    report = ended.report
    assert (report["conflicts"], report["conflict_examples"]) == (1, [key])
    assert report["complete"] is False
    assert report["copied"] == report["images"] - 1
    assert _body(world, Object(world.destinations, key, 0, "")) == b"something else"
    again = world.merge(into)
    assert again.code == 3
    assert key in again.out
    assert "--if-exists overwrite" in again.out


def test_conflict_is_overwritten_when_asked(world: World, into: str) -> None:
    """`--if-exists overwrite` makes the destination right, and copies nothing but the conflict."""
    assert world.merge(into).code == 0
    for body in (b"something else", b"ONE OF ONE AND ONE"):  # of another size, and of the same
        world.client.put_object(Bucket=world.destinations, Key=f"{into}pair/1.jpg", Body=body)
        ended = world.merge(into, "--if-exists", "overwrite", "--json")
        assert (ended.code, ended.report["copied"], ended.report["conflicts"]) == (0, 1, 0)
        assert world.at(into) == world.expected()


def test_sources_without_a_trailing_slash(world: World, into: str) -> None:
    """`train` is the folder, not whatever begins so: `train2/` beside it has no part."""
    bucket = world.sources[0].bucket
    urls = (f"s3://{bucket}/data/one/train", f"s3://{bucket}/data/two/train")
    ended = streammerge("merge", *urls, "--into", f"s3://{world.destinations}/{into}".rstrip("/"), server=world.server)
    assert ended.code == 0
    assert world.at(into) == as_contents(oracle(world.client, world.sources[:2]))


def test_max_images_drops_the_crowded(home: World, into: str) -> None:
    """`--max-images` counts over all sources, too."""
    ended = home.merge(into, "--min-images", "1", "--max-images", "3", "--json")
    assert ended.code == 0
    assert home.at(into) == home.expected(min_images=1, max_images=3)
    assert ended.report["skipped_too_many"] == 3  # n2, clash, nest
    assert ended.report["skipped_too_few"] == 0


def test_first_of_colliding_images_alone(home: World, into: str) -> None:
    """`--collisions first` keeps the first source's and counts the others."""
    report = home.merge(into, "--collisions", "first", "--json").report
    there = home.at(into)
    assert {below for below in there if below.startswith("clash/")} == {
        "clash/0001.jpg",
        "clash/0001_two.jpg",
        "clash/again.PNG",
    }
    assert (report["renamed"], report["dropped"]) == (0, 6)


def test_collision_may_be_an_error(home: World, into: str) -> None:
    """`--collisions error` stops the run and names the image; the report says that it was stopped, and why."""
    ended = home.merge(into, "--collisions", "error")
    assert ended.code == 1
    assert "collides" in ended.err
    assert "--collisions rename" in ended.err


def test_plan_copies_nothing_and_says_cost_and_time(world: World, into: str, tmp_path: Path) -> None:
    """A plan has the numbers of the merge, an estimate, and every copy in its file; the destination stays empty."""
    file = tmp_path / "plan.jsonl"
    ended = world.merge(into, "--json", "--output", str(file), "--price", "copy=0.01", command="plan")
    assert ended.code == 0
    assert world.at(into) == {}
    expected = oracle(world.client, world.sources)
    report = ended.report
    assert (report["command"], report["copied"], report["not_attempted"]) == ("plan", 0, len(expected))
    assert report["estimate"]["usd"] == pytest.approx(len(expected) * 0.01 / 1000)
    assert report["estimate"]["seconds"] > 0
    assert "copy" not in report["requests"]
    planned = [json.loads(line) for line in file.read_text().splitlines()]
    assert {
        line["to_key"].removeprefix(into): (line["bucket"], line["key"], line["size"], f'"{line["etag"]}"')
        for line in planned
    } == {below: tuple(source) for below, source in expected.items()}
    assert len(planned) == len(expected)
    assert {line["to_bucket"] for line in planned} == {world.destinations}


def test_plan_as_text_says_cost_and_time(home: World, into: str) -> None:
    """The text has a line for each."""
    lines = home.merge(into, command="plan").out.splitlines()
    assert lines[1] == "MERGE PLAN"
    assert any(line.startswith("  Estimated cost:") and "$" in line for line in lines)
    assert any(line.startswith("  Estimated time:") and "copies/s" in line for line in lines)
    assert not any("Copied:" in line for line in lines)


def test_plan_is_the_same_every_time(home: World, into: str, tmp_path: Path) -> None:
    """Two plans of the same objects are the same, byte for byte, with sources listed in whatever order they answer."""
    files = [tmp_path / "first", tmp_path / "second"]
    for file in files:
        home.merge(into, "--output", str(file), command="plan")
    assert files[0].read_bytes() == files[1].read_bytes() != b""


def test_order_of_listings_changes_nothing_on_ceph(ordered: World, into: str) -> None:
    """Where keys come in byte order, joining while listing gives what indexing first gives."""
    streamed, whole = f"{into}sorted/", f"{into}any/"
    for prefix, order in ((streamed, "sorted"), (whole, "any")):
        assert ordered.merge(prefix, "--listing-order", order).code == 0
    assert ordered.at(streamed) == ordered.at(whole) == ordered.expected()


def test_out_of_order_listing_fails_clearly_on_seaweedfs(home: World, into: str) -> None:
    """Trusting an order that is none stops the run before it loses a key, and says what to do; by default none is."""
    ended = home.merge(into, "--listing-order", "sorted")
    assert ended.code == 1
    assert "not UTF-8 byte order" in ended.err
    assert "--listing-order any" in ended.err
    assert home.at(into).items() <= home.expected().items()
    assert home.merge(into).code == 0
    assert home.at(into) == home.expected()


def _body(world: World, found: Object) -> bytes:
    body: bytes = world.client.get_object(Bucket=found.bucket, Key=found.key)["Body"].read()
    return body


def _stamps(world: World, into: str) -> dict[str, Any]:
    page = world.client.list_objects_v2(Bucket=world.destinations, Prefix=into)
    return {entry["Key"]: entry["LastModified"] for entry in page["Contents"]}
