"""What operating systems and tools leave in a data set, on each real server, and on a training machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from command import streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge.dataset.objects import S3Object
from streammerge.journal.format import copied
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask

_PEOPLE = {f"a/alice/{n}.jpg": b"%d" % n for n in range(3)}
_JUNK = {
    "a/alice/._0.jpg": "AppleDouble file",
    "a/__MACOSX/alice/._0.jpg": "AppleDouble file",
    "a/.ipynb_checkpoints/0-checkpoint.jpg": "cache folder",
    "a/.ipynb_checkpoints/1-checkpoint.jpg": "cache folder",
    "a/alice/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg": "cache folder",
    "a/#recycle/0.jpg": "trash folder",
    "a/.git/0.jpg": "hidden folder",
    "a/carol/.1.jpg": "hidden file",
}


@pytest.fixture
def bucket(server: Server) -> Iterator[str]:
    """A source with junk, and folder markers as consoles make them on both sides."""
    client = connect(server)
    name = new_bucket(client)
    put_all(client, name, {**_PEOPLE, **dict.fromkeys(_JUNK, b"junk"), "a/carol/1.jpg": b"hers"})
    put_all(client, name, {"a/": b"", "out/": b"", "out/alice/": b"", "out/dave/": b""})
    yield name
    client.close()


def test_junk_is_named_counted_and_never_an_identity(server: Server, bucket: str) -> None:
    """Inspect and merge say what it is; carol's hidden image does not count; folder markers are no difference."""
    source, into = f"s3://{bucket}/a/", ("--into", f"s3://{bucket}/out/")
    looked = streammerge("inspect", source, "--json", server=server).report
    expected = {reason: list(_JUNK.values()).count(reason) for reason in _JUNK.values()} | {"folder marker": 1}
    assert looked["prefixes"][0]["ignored"] == expected
    assert looked["prefixes"][0]["identities"] == 2
    assert any("8 junk or hidden images" in warning for warning in looked["warnings"])
    merged = streammerge("merge", source, *into, "--json", server=server)
    assert (merged.code, merged.report["identities"], merged.report["ignored"]) == (0, 1, expected)
    verified = streammerge("verify", source, *into, "--json", server=server)
    assert (verified.code, verified.report["folder_markers"], verified.report["unplanned"]) == (0, 3, 0)
    client = connect(server)
    assert set(contents(client, bucket, "out/")) == {"", "alice/", "dave/", *(f"alice/{n}.jpg" for n in range(3))}
    client.close()


def test_who_means_hidden_images_includes_them(moto_server: Server, tmp_path: Path) -> None:
    """One option for one source, on both ends; pull warns of junk that is in the directory alone."""
    client = connect(moto_server)
    name = new_bucket(client)
    put_all(client, name, {**_PEOPLE, "a/.eve/1.jpg": b"1", "a/.eve/2.jpg": b"2"})
    source, into = f"s3://{name}/a/", f"s3://{name}/out/"
    merged = streammerge("merge", source, "--into", into, "--hidden", "a=include", "--json", server=moto_server)
    assert (merged.code, merged.report["identities"]) == (0, 2)
    junk = tmp_path / "set" / "alice" / "._0.jpg"
    junk.parent.mkdir(parents=True)
    junk.write_bytes(b"AppleDouble")
    pulled = streammerge("pull", into, str(tmp_path / "set"), "--json", server=moto_server).report
    assert (pulled["identities"], pulled["ignored"], pulled["junk"]) == (1, {"hidden folder": 2}, 1)
    shown = streammerge("pull", into, str(tmp_path / "set"), "--hidden", "include", server=moto_server)
    assert "Identities: 2" in shown.out
    assert f"Warning: 1 junk or hidden image in {tmp_path}" in " ".join(shown.out.split())
    client.close()


def test_what_an_earlier_version_copied_is_known_to_be_of_the_job(moto_server: Server, tmp_path: Path) -> None:
    """A journal stays that of its job when the rules of junk change: hidden images in it are unplanned, not foreign."""
    client = connect(moto_server)
    name = new_bucket(client)
    put_all(client, name, {**_PEOPLE, "a/alice/._0.jpg": b"junk", "out/alice/._0.jpg": b"junk"})
    place, journal = [f"s3://{name}/a/", "--into", f"s3://{name}/out/", "--json"], tmp_path / "a.journal"
    merged = streammerge("merge", *place, "--journal", str(journal), server=moto_server)
    assert (merged.code, merged.report["foreign"]) == (0, True)
    task = CopyTask(S3Object("a/alice/._0.jpg", 4, "0" * 32, ""), 0, "out/alice/._0.jpg", "alice")
    with journal.open("ab") as file:
        file.write(copied(task, f"s3://{name}/a/", Made(task.object.etag), 0.0))
    again = streammerge("merge", *place, "--journal", str(journal), server=moto_server)
    assert (again.code, again.report["foreign"], again.report["unplanned"]) == (0, False, 1)
    client.close()
