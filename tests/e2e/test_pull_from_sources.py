"""Pulling the sources of a job: what comes is what a merge and a pull of its destination would bring."""

import asyncio
import contextlib
import csv
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import environment, finished, started, streammerge
from profiles import profiles
from pulled import inside, wait_for
from seeding import multiply, new_bucket, put_all
from servers import Server, connect
from streammerge import Options, load_job, merge, pull

_BOUND = 120.0  # seconds
_SAME = b"the same image"
_OBJECTS = {
    "photos/ada/1.jpg": b"first of ada",
    "photos/ada/2.jpg": _SAME,
    "photos/ada/deep/3.png": b"nested",
    "photos/bob/1.jpg": b"bob",
    "photos/solo/1.jpg": b"alone",
    "photos/many/1.jpg": b"one",
    "photos/many/2.jpg": b"two",
    "photos/many/3.jpg": b"three",
    "photos/notes.txt": b"no image",
    "more/ada/1.jpg": b"another first of ada",
    "more/ada/2.jpg": _SAME,
    "more/ada/copy.jpg": _SAME,
    "more/bob/2.jpg": b"second of bob",
    "more/zo\u00eb & co/a b+c.jpg": b"odd",
    "more/zo\u00eb & co/%20.jpg": b"odder",
    "more/ada/.hidden.jpg": b"hidden",
    "flat/ada_face.png": b"face of ada",
    "flat/bob_face.png": b"face of bob",
    "flat/many_face.png": b"face of many",
}
_SOURCES = """
[[sources]]
name = "photos"
url = "s3://{bucket}/photos/"
{photos}
[[sources]]
name = "more"
url = "s3://{bucket}/more/"
{more}
[[sources]]
name = "flat"
url = "s3://{bucket}/flat/"
layout = "{{identity}}_face.{{ext}}"
{flat}
[rules]
{rules}
"""


def _job(path: Path, bucket: str, rules: str = "min-images = 2", into: str = "", **of_sources: str) -> Path:
    given = {"photos": "", "more": "", "flat": "", **of_sources}
    destination = f'destination = "s3://{bucket}/{into}"\n' if into else ""
    path.write_text(destination + _SOURCES.format(bucket=bucket, rules=rules, **given), "utf-8")
    return path


@pytest.fixture(scope="module")
def bucket(server: Server) -> Iterator[str]:
    """Sources on each real server; no test changes them."""
    with contextlib.closing(connect(server)) as client:
        made = new_bucket(client)
        put_all(client, made, _OBJECTS)
        yield made


_RULES: dict[str, tuple[str, dict[str, str]]] = {
    "default": ("min-images = 2", {}),
    "capped": ('min-images = 1\ncap-images = 2\nduplicates = "content"', {"flat": 'namespace = "face-"'}),
    "mapped": (
        'min-images = 2\nmax-images = 4\ncollisions = "first"\nidentity-map = "@"',
        {"photos": 'exclude = ["*/deep/*"]'},
    ),
}


@pytest.fixture
def keys(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the server in the environment of this process."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("name", _RULES)
async def test_equals_a_merge_and_a_pull(server: Server, bucket: str, name: str, tmp_path: Path) -> None:
    """File by file, class by class and row by row, whatever the rules; the manifest names the sources, too."""
    rules, of_sources = _RULES[name]
    mapping = tmp_path / "map.csv"
    mapping.write_text("source,identity,to\nmore,zo\u00eb & co,bob\nphotos,solo,many\nflat,ada,\n", "utf-8")
    into = f"merged-{name}/"
    file = _job(tmp_path / "job.toml", bucket, rules.replace("@", str(mapping)), into, **of_sources)
    job, options = load_job(file), Options(endpoint_url=server.endpoint_url)

    async def pulled(source: Any, name: str) -> dict[str, Any]:
        classes, manifest = tmp_path / f"{name}.txt", tmp_path / f"{name}.csv"
        report = await pull(source, tmp_path / name, options, classes=classes, manifest=manifest)
        assert report.complete
        with manifest.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {"files": inside(tmp_path / name), "classes": classes.read_text("utf-8"), "rows": rows}

    async with asyncio.timeout(_BOUND):
        direct = await pulled(job, "direct")
        assert (await merge(job, options)).complete
        through = await pulled(f"s3://{bucket}/{into}", "through")
    assert direct["files"] == through["files"]
    assert len(direct["files"]) > 4
    assert direct["classes"] == through["classes"]
    for mine, theirs in zip(direct["rows"], through["rows"], strict=True):
        for column in ("identity", "label", "size", "etag", "path"):
            assert mine[column] == theirs[column]
        assert theirs["key"] == into + mine["path"]
        assert mine["key"].startswith(f"{mine['source']}/")
        assert _OBJECTS[mine["key"]] == direct["files"][mine["path"]]


def test_no_destination(seaweed: Server, tmp_path: Path) -> None:
    """None is needed, one that is named gets no request, and a source object that was replaced is fetched again."""
    with contextlib.closing(connect(seaweed)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, _OBJECTS)
        job = _job(tmp_path / "job.toml", bucket)
        ended = streammerge("pull", str(job), str(tmp_path / "set"), "--json", server=seaweed)
        assert ended.code == 0, ended.err
        report = ended.report
        assert (report["url"], report["pulled"], report["renamed"], report["skipped"]) == ("", 15, 1, 1)
        assert [source["name"] for source in report["sources"]] == ["photos", "more", "flat"]
        job.write_text('destination = "s3://no-such-bucket/at-all/"\n' + job.read_text("utf-8"), "utf-8")
        put_all(client, bucket, {"photos/ada/1.jpg": b"newest of ada"})
        again = streammerge("pull", str(job), str(tmp_path / "set"), server=seaweed)
    assert again.code == 0, again.err
    assert "  Pulled:             1 (13 B)\n  Already there:      14\n" in again.out, again.out
    assert (tmp_path / "set/ada/1.jpg").read_bytes() == b"newest of ada"
    assert (tmp_path / "set/ada/1_more.jpg").read_bytes() == b"another first of ada"


@pytest.fixture(scope="module")
def home(seaweed: Server) -> str:
    """Sources where any server will do; no test changes them."""
    with contextlib.closing(connect(seaweed)) as client:
        made = new_bucket(client)
        put_all(client, made, _OBJECTS)
    return made


@pytest.mark.parametrize(
    ("rules", "options", "error"),
    [
        ("append = true", (), "a job with append = true adds to what is at its destination"),
        ("min-images = 2", ("--hidden", "include"), "each source of a job has a setting of its own"),
        ("min-images = 99", (), "nothing to pull: no identity of the sources is kept"),
        ("min-imagse = 2", (), "job.toml"),
    ],
)
def test_jobs_that_cannot_be_pulled(
    seaweed: Server, home: str, tmp_path: Path, *, rules: str, options: tuple[str, ...], error: str
) -> None:
    """Each says why, and writes nothing."""
    job = _job(tmp_path / "job.toml", home, rules)
    ended = streammerge("pull", str(job), str(tmp_path / "set"), *options, server=seaweed)
    assert ended.code == (1 if "99" in rules else 2)
    assert error in ended.err
    assert not (tmp_path / "set").exists()


def test_archived_images(moto_server: Server, tmp_path: Path) -> None:
    """They stop a pull before anything is written, as they stop a merge, unless the job file says otherwise."""
    with contextlib.closing(connect(moto_server)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {key: body for key, body in _OBJECTS.items() if "many" not in key})
        put_all(client, bucket, {f"photos/many/{n}.jpg": b"cold" for n in range(3)}, StorageClass="GLACIER")
    job = _job(tmp_path / "job.toml", bucket)
    ended = streammerge("pull", str(job), str(tmp_path / "set"), server=moto_server)
    assert ended.code == 2
    assert 'set it in the job file: archived = "try" or "skip"' in ended.err
    assert not (tmp_path / "set").exists()
    job = _job(tmp_path / "job.toml", bucket, 'min-images = 2\narchived = "skip"')
    ended = streammerge("pull", str(job), str(tmp_path / "set"), "--json", server=moto_server)
    assert (ended.code, ended.report["pulled"]) == (0, 11), ended.err
    assert ended.report["ignored"]["archived"] == 3


def test_each_file_over_its_own_connection(seaweed: Server, moto_server: Server, tmp_path: Path) -> None:
    """Sources on two servers, in buckets of one name: also what has to be asked about an ETag is asked there."""
    with contextlib.closing(connect(seaweed)) as one, contextlib.closing(connect(moto_server)) as two:
        bucket = new_bucket(one)
        new_bucket(two, bucket)
        put_all(one, bucket, {key: body for key, body in _OBJECTS.items() if key.startswith("photos/")})
        put_all(two, bucket, {key: body for key, body in _OBJECTS.items() if not key.startswith("photos/")})
    env = profiles(tmp_path, {"one": seaweed, "two": moto_server})
    job = _job(tmp_path / "job.toml", bucket, photos='profile = "one"')
    target = tmp_path / "set"
    ended = streammerge("pull", str(job), str(target), "--profile", "two", env=env)
    assert ended.code == 0, ended.err
    assert len(inside(target)) == 15
    (target / "many/1.jpg").write_bytes(b"ONE")  # of the same size, at another time
    (target / "bob/2.jpg").write_bytes(b"SECOND OF BOB")
    again = streammerge("pull", str(job), str(target), "--profile", "two", "--json", env=env)
    assert again.report["pulled"] == 2
    assert (target / "many/1.jpg").read_bytes() == b"one"
    assert (target / "bob/2.jpg").read_bytes() == b"second of bob"


def test_stopped_half_way(seaweed: Server, tmp_path: Path) -> None:
    """What was pulled stays, and the same command brings the rest."""
    with contextlib.closing(connect(seaweed)) as client:
        bucket = new_bucket(client)
        put_all(client, bucket, {"seed": b"image " * 500})
    keys = [f"{source}/id{n:03}/{source}.jpg" for n in range(200) for source in ("photos", "more")]
    multiply(seaweed, bucket, "seed", [*keys, *(f"flat/id{n:03}_face.png" for n in range(200))])
    arguments = ["pull", str(_job(tmp_path / "job.toml", bucket)), str(tmp_path / "set"), "--json"]
    env = environment(seaweed)
    with started(*arguments, "--concurrency", "4", env=env) as process:
        wait_for(tmp_path / "set", 60, process)
        process.send_signal(signal.SIGINT)
        ended = finished(process, env, timeout=60)
    assert (ended.code, ended.report["stopped"]) == (130, "interrupted")
    there = len(inside(tmp_path / "set"))
    assert 60 <= there < 600
    again = streammerge(*arguments, server=seaweed)
    assert (again.code, again.report["already_present"], again.report["pulled"]) == (0, there, 600 - there)
    assert len(inside(tmp_path / "set")) == 600
