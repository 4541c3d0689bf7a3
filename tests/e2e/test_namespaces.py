"""Namespaces on real servers: two data sets whose folders are numbers, told apart."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_PEOPLE = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Two sources that number their people."""

    server: Server
    client: Any
    bucket: str

    def run(self, command: str, *more: str) -> Ended:
        """Run a command of the two sources."""
        sources = [f"casia=s3://{self.bucket}/casia/", f"glint=s3://{self.bucket}/glint/"]
        into = [] if command == "inspect" else ["--into", f"s3://{self.bucket}/out/"]
        return streammerge(command, *sources, *into, *more, server=self.server)


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    """On each server in turn."""
    client = connect(server)
    place = Place(server, client, new_bucket(client))
    for name in ("casia", "glint"):
        keys = [f"{person:07}/{image}.jpg" for person in range(_PEOPLE) for image in range(2)]
        put_all(client, place.bucket, {f"{name}/{key}": f"{name} {key}".encode() for key in keys})
    yield place
    client.close()


def test_shared_numbers_are_named_and_kept_apart(place: Place, tmp_path: Path) -> None:
    """A warning before the first copy names the option; with it, or where none is wanted, there is no warning."""
    advice = "--namespace glint=glint-"
    for command in ("inspect", "plan"):
        warned = place.run(command, "--json")
        assert sum(advice in warning for warning in warned.report["warnings"]) == 1
    assert advice in place.run("plan").err
    assert advice not in place.run("plan", "--namespace", "glint=").err
    job = tmp_path / "job.toml"
    planned = place.run("plan", "--namespace", "glint=glint-", "--save-job", str(job), "--json")
    assert advice not in planned.err
    assert planned.report["identities"] == 2 * _PEOPLE
    merged = streammerge("merge", str(job), "--json", server=place.server)
    assert (merged.code, json.loads(merged.out)["copied"]) == (0, 4 * _PEOPLE)
    there = {key.split("/")[0] for key in contents(place.client, place.bucket, "out/")}
    assert there == {f"{prefix}{person:07}" for prefix in ("", "glint-") for person in range(_PEOPLE)}
    assert streammerge("verify", str(job), server=place.server).code == 0


def test_a_namespace_is_part_of_a_folder(place: Place) -> None:
    """A slash in it would make nested folders."""
    refused = place.run("merge", "--namespace", "glint=a/")
    assert refused.code == 2
    assert "source glint: namespace 'a/'" in refused.err
