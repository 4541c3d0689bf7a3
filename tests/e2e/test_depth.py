"""Prefixes one folder too shallow or too deep, on real servers: refused before a byte is copied, with the way out."""

from collections.abc import Mapping
from contextlib import closing

from command import Ended, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_TOP = {f"set/{person}/{n:03}.jpg": b"x" for person in ("ab", "ac") for n in range(550)} | {"demo/0.jpg": b"y"}
_MIDDLE = {f"{person}/images/{n}.jpg": person.encode() for person in ("ab", "ac") for n in range(2)}
_FOLDER = {f"set/ab/{n}.jpg": b"x" for n in range(3)} | {f"set/ac/{n}.jpg": b"y" for n in range(3)}


class _Place:
    def __init__(self, server: Server, objects: Mapping[str, bytes]) -> None:
        self.server = server
        with closing(connect(server)) as client:
            self.bucket = new_bucket(client)
            put_all(client, self.bucket, {f"in/{key}": body for key, body in objects.items()})

    def run(self, command: str, *more: str, source: str = "in/") -> Ended:
        into = [] if command == "inspect" else ["--into", f"s3://{self.bucket}/out/"]
        return streammerge(command, f"in=s3://{self.bucket}/{source}", *into, "--json", *more, server=self.server)

    @property
    def there(self) -> set[str]:
        with closing(connect(self.server)) as client:
            return set(contents(client, self.bucket, "out/"))


def test_nearly_all_in_one_folder(seaweed: Server) -> None:
    """By a few pages before a merge, by counts in a plan; the prefix that is proposed is right."""
    place = _Place(seaweed, _TOP)
    for command in ("merge", "plan"):
        refused = place.run(command)
        assert refused.code == 2
        assert "is one folder too shallow: " in refused.err
        assert f"in=s3://{place.bucket}/in/set/" in refused.err
    assert not place.there
    assert place.run("plan", source="in/set/").report["identities"] == 2
    assert place.run("plan", "--layout", "in=folder").report["identities"] == 1


def test_exactly_one_folder_below_each(server: Server) -> None:
    """`inspect` says what stops a merge; the layout that is proposed leaves the folder out, `folder` keeps it."""
    place = _Place(server, _MIDDLE)
    assert any("merge will stop: " in warning for warning in place.run("inspect").report["warnings"])
    refused = place.run("merge")
    assert refused.code == 2
    assert not place.there
    layout = "in={identity}/images/{name}.{ext}"
    assert f"--layout '{layout}'" in refused.err
    assert place.run("plan", "--layout", "in=folder").code == 0
    assert place.run("merge", "--layout", layout).code == 0
    assert place.there == {f"{person}/{n}.jpg" for person in ("ab", "ac") for n in range(2)}


def test_one_folder_too_deep(server: Server) -> None:
    """The prefix of an identity, and a pattern with a folder more than there is."""
    place = _Place(server, _FOLDER)
    deep = place.run("merge", source="in/set/ab/")
    assert deep.code == 2
    assert f"If all are images of 'ab':  in=s3://{place.bucket}/in/set/" in deep.err
    looked = place.run("inspect", source="in/set/ab/").report["warnings"]
    assert f"If all are images of 'ab', name the prefix above it: s3://{place.bucket}/in/set/" in looked[0]
    for command in ("merge", "plan"):
        pattern = place.run(command, "--layout", "in={identity}/{any}/{name}.{ext}", source="in/set/")
        assert pattern.code == 2
        assert "It looks like --layout 'in=folder'" in pattern.err
    assert not place.there
