"""Pulling a set to a machine, by the real command, from real servers and from one that means no good."""

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Ended, environment, finished, started, streammerge
from pulled import inside, wait_for
from seeding import multiply, new_bucket, put_all
from servers import Server, connect
from streammerge import pull
from streammerge.dataset.objects import Location
from streammerge.report.progress import Progress
from streammerge.s3.options import Options
from stub_s3 import Answer, Asked, folders, stub_s3

_BOUND = 60.0  # seconds
_IMAGES = {
    "a/x.jpg": b"a tree lists this before a-b",
    "a/deep/y.PNG": b"nested",
    "a-b/x.jpg": b"bytes list this before a/",
    "a-b/z.jpg": b"z" * 300_000,
    "odd & 100%/b c+d%20e.jpg": b"odd",
    "odd & 100%/z\u00fcrich \U0001f642.jpeg": b"odder",
    "odd & 100%/zu\u0308rich.webp": b"not normalised",
}
_OTHERS = {
    "train.rec": b"RecordIO",
    "train.idx": b"",
    "readme.md": b"no image",
    "loose.jpg": b"an image in no folder",
    "a/notes.txt": b"no image either",
    "a/empty.jpg": b"",
}


@dataclass(frozen=True, slots=True)
class Set:
    """A merged set on a server."""

    server: Server
    client: Any
    bucket: str

    def pull(self, directory: Path, *more: str, below: str = "set/") -> Ended:
        """Run the command."""
        return streammerge("pull", f"s3://{self.bucket}/{below}", str(directory), *more, server=self.server)


@pytest.fixture(scope="module")
def merged(server: Server) -> Iterator[Set]:
    """A set on each real server, with what does not belong there; no test changes it."""
    yield from _made(server)


@pytest.fixture(scope="module")
def home(seaweed: Server) -> Iterator[Set]:
    """A set where any real server will do."""
    yield from _made(seaweed)


def _made(server: Server) -> Iterator[Set]:
    client = connect(server)
    bucket = new_bucket(client)
    put_all(client, bucket, {f"set/{key}": body for key, body in (_IMAGES | _OTHERS).items()})
    put_all(client, bucket, {"set2/a/other.jpg": b"in a prefix whose name only begins the same"})
    yield Set(server, client, bucket)
    client.close()


def test_pulls_the_images_and_nothing_else(merged: Set, tmp_path: Path) -> None:
    """Byte for byte; what is no image is counted, what was there stays, and the second run fetches nothing."""
    (tmp_path / "mine.txt").write_bytes(b"mine")
    first = merged.pull(tmp_path, "--json")
    assert first.code == 0, first.err
    assert inside(tmp_path) == {**_IMAGES, "mine.txt": b"mine"}
    report = first.report
    assert (report["identities"], report["images"], report["pulled"]) == (3, 7, 7)
    assert report["bytes"] == report["bytes_pulled"] == sum(map(len, _IMAGES.values()))
    assert (report["smallest"], report["largest"], report["images_per_identity"]) == (2, 3, 2.333)
    assert report["ignored"] == {"empty file": 1, "not an image": 4, "not in a folder": 1}
    assert (report["unplanned"], report["unplanned_examples"], report["complete"]) == (1, ["mine.txt"], True)
    for check in ("size", "md5"):
        again = merged.pull(tmp_path, "--json", "--check", check)
        assert (again.code, again.report["pulled"], again.report["already_present"]) == (0, 0, 7), again.err
        assert "get" not in again.report["requests"]


def test_what_is_in_the_way_is_named(home: Set, tmp_path: Path) -> None:
    """A file where a folder must be: running again does not help, moving it away does."""
    (tmp_path / "a").write_bytes(b"mine")
    stopped = home.pull(tmp_path)
    assert stopped.code == 3
    said = " ".join(stopped.out.split())
    assert "'a' is a file or link where a folder must be" in said
    assert "Move what is in the way of the files that failed, then run the same command again" in said
    (tmp_path / "a").rename(tmp_path / "mine")
    assert home.pull(tmp_path).code == 0
    assert inside(tmp_path) == {**_IMAGES, "mine": b"mine"}


def test_a_file_that_is_not_right_is_fetched_again(merged: Set, tmp_path: Path) -> None:
    """By size or time; MD5s tell of a file of another time, which may be right, and of all where that is asked for."""
    assert merged.pull(tmp_path).code == 0
    damaged, other = tmp_path / "a-b/x.jpg", tmp_path / "a-b/z.jpg"
    times = {path: path.stat().st_mtime_ns for path in (damaged, other)}
    (tmp_path / "a/x.jpg").write_bytes(b"short")
    (tmp_path / "a/deep/y.PNG").write_bytes(b"NESTED")
    damaged.write_bytes(_IMAGES["a-b/x.jpg"].upper())
    os.utime(damaged, ns=(0, times[damaged]))
    os.utime(other, (0, 2_000_000_000))  # as another tool leaves it, or a clock that runs ahead
    by_size = merged.pull(tmp_path, "--json")
    assert (by_size.report["pulled"], by_size.report["already_present"]) == (2, 5), by_size.err
    assert damaged.read_bytes() == _IMAGES["a-b/x.jpg"].upper()
    assert other.stat().st_mtime_ns == times[other]  # its MD5 was right: it need not be read again
    by_md5 = merged.pull(tmp_path, "--json", "--check", "md5")
    assert by_md5.report["pulled"] == 1, by_md5.err
    assert inside(tmp_path) == _IMAGES


def test_nothing_there_says_how_to_make_it(merged: Set, tmp_path: Path) -> None:
    """The command to run, exit code 1, and no directory; also where there are files but no image."""
    put_all(merged.client, merged.bucket, {"rec/train.rec": b"RecordIO", "rec/a/notes.txt": b"no image"})
    for below in ("nothing/", "rec"):
        ended = merged.pull(tmp_path / "new", below=below)
        assert ended.code == 1
        command = f"streammerge merge s3://BUCKET/FIRST/ s3://BUCKET/SECOND/ --into s3://{merged.bucket}/{below}"
        assert command in ended.err
        assert ("below s3://" in ended.err) == (below == "nothing/"), "the names beside a prefix that is mistyped"
        assert not (tmp_path / "new").exists()
    missing = streammerge("pull", "s3://no-such-bucket-here/set/", str(tmp_path / "new"), server=merged.server)
    assert missing.code == 2
    assert "NoSuchBucket" in missing.err
    unset = streammerge("pull", "s3://no-such-bucket-here/set/", "", server=merged.server)
    assert (unset.code, "DIR is empty" in unset.err) == (2, True)


def test_a_flat_prefix_is_no_merged_set(home: Set, tmp_path: Path) -> None:
    """It is refused with the reason, and not taken for one that is empty."""
    put_all(home.client, home.bucket, {f"flat/p{number}_face.png": b"x" for number in range(3)})
    ended = home.pull(tmp_path, below="flat/")
    assert ended.code == 2
    assert "looks flat" in ended.err


def test_a_prefix_above_data_sets_is_warned_of(home: Set, tmp_path: Path) -> None:
    """ImageFolder would take each of them for a class."""
    put_all(home.client, home.bucket, {f"above/{name}/id/{number}.jpg": b"x" for name in "ab" for number in range(2)})
    ended = home.pull(tmp_path, "--json", below="above/")
    assert ended.code == 0
    [warning] = ended.report["warnings"]
    assert "4 of 4 images lie in nested folders" in warning
    assert f"pull s3://{home.bucket}/above/a/ instead" in warning


def test_recordio_is_renamed_over_no_other_file(home: Set, tmp_path: Path) -> None:
    """By default: who built it for days has it still, and so has whoever did that before."""
    for name in ("train.rec", "train.idx", "train.rec.stale"):
        (tmp_path / name).write_text(name)
    ended = home.pull(tmp_path, "--json")
    assert ended.code == 0, ended.err
    there = {path.name: path.read_text() for path in tmp_path.glob("train.*")}
    assert there == {
        "train.rec.stale": "train.rec.stale",
        "train.rec.stale-2": "train.rec",
        "train.idx.stale": "train.idx",
    }
    assert ended.report["recordio_renamed"] == {"train.idx": "train.idx.stale", "train.rec": "train.rec.stale-2"}
    assert "renamed train.idx to train.idx.stale, train.rec to train.rec.stale-2" in ended.err


@pytest.mark.parametrize(("policy", "code", "left"), [("remove", 0, 0), ("keep", 0, 2), ("fail", 2, 2)])
def test_recordio_in_the_directory(home: Set, tmp_path: Path, policy: str, code: int, left: int) -> None:
    """Removed with a warning, kept with a warning, or a reason to write nothing."""
    for name in ("train.rec", "train.idx", "other.rec"):
        (tmp_path / name).touch()
    ended = home.pull(tmp_path, "--recordio", policy)
    assert ended.code == code
    assert "train.idx, train.rec" in ended.out + ended.err
    assert len(list(tmp_path.glob("train.*"))) == left
    assert (tmp_path / "other.rec").exists()
    assert (tmp_path / "a").exists() == (code == 0)


def test_sample_is_the_same_every_time(home: Set, tmp_path: Path) -> None:
    """Whole identities, as many as asked for; the rest of the set is not taken for foreign."""
    put_all(home.client, home.bucket, {f"many/id{n:02}/{image}.jpg": b"x" for n in range(30) for image in range(2)})
    drawn = []
    for name in ("one", "two"):
        ended = home.pull(tmp_path / name, "--sample", "4", "--json", below="many/")
        assert ended.code == 0, ended.err
        assert (ended.report["identities"], ended.report["images"], ended.report["all_identities"]) == (4, 8, 30)
        drawn.append(sorted(inside(tmp_path / name)))
    assert drawn[0] == drawn[1] != sorted(f"id{n:02}/{image}.jpg" for n in range(4) for image in range(2))
    assert home.pull(tmp_path / "one", below="many/").code == 0
    more = home.pull(tmp_path / "one", "--sample", "2", "--json", below="many/").report
    assert (more["unplanned"], more["pulled"], more["already_present"], more["classes"]) == (0, 0, 4, 30)


@pytest.fixture(scope="module")
def large(seaweed: Server) -> Iterator[Set]:
    """A set of 1,500 images."""
    client = connect(seaweed)
    bucket = new_bucket(client)
    put_all(client, bucket, {"seed": b"image " * 500})
    multiply(seaweed, bucket, "seed", [f"set/id{n:04}/{image}.jpg" for n in range(500) for image in range(3)])
    yield Set(seaweed, client, bucket)
    client.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_half_way_goes_on(large: Set, tmp_path: Path, number: int, code: int) -> None:
    """What was pulled stays and is whole, the second run fetches the rest, and nothing unfinished is left."""
    env = environment(large.server)
    arguments = ["pull", f"s3://{large.bucket}/set/", str(tmp_path), "--json"]
    with started(*arguments, "--concurrency", "4", env=env) as process:
        wait_for(tmp_path, 200, process)
        process.send_signal(number)
        ended = finished(process, env, timeout=60)
    assert ended.code == code
    there = [path for path in tmp_path.glob("*/*") if path.is_file()]
    assert {path.stat().st_size for path in there} == {3000}
    assert len(there) < 1500
    if number != signal.SIGKILL:
        assert "run the same command again" in ended.err
        report = ended.report
        assert (report["stopped"], report["complete"], report["wanted"]) == ("interrupted", False, 1500)
        assert len(there) - 4 <= report["images"] <= len(there), "of those in flight, some files may be there"
        assert f"\n{report['images']:,} of 1,500 images are there: {report['pulled']:,} pulled (" in ended.err
        assert not list(tmp_path.glob(".streammerge-*"))
    again = streammerge(*arguments, server=large.server)
    assert again.code == 0, again.err
    assert (again.report["already_present"], again.report["pulled"]) == (len(there), 1500 - len(there))
    assert set(inside(tmp_path).values()) == {b"image " * 500}
    assert len(list(tmp_path.rglob("*.jpg"))) == 1500
    assert not list(tmp_path.glob(".streammerge-*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], check=False).returncode:
        pytest.skip("no file system can be mounted here, for which one must be root")
    yield directory
    subprocess.run(["umount", directory], check=True, timeout=_BOUND)


def test_what_does_not_fit_is_not_begun(large: Set, small_disk: Path) -> None:
    """Blocks count, not bytes: 1,500 images of 3 kB take 6 MB."""
    ended = large.pull(small_disk, "--json")
    assert ended.code == 1
    assert "has room for 1.0 MB" in ended.err
    assert "need 6.1 MB in 1,500 files and 500 new folders. Nothing was written" in ended.err
    assert not list(small_disk.iterdir())


def test_folders_count_as_files_do(home: Set, small_disk: Path) -> None:
    """A file system without room for both is told before anything is written; folders that are there need none."""
    put_all(home.client, home.bucket, {f"few/id{number}/deep/x.jpg": b"x" for number in range(10)})
    subprocess.run(["mount", "-o", "remount,nr_inodes=25", small_disk], check=True, timeout=_BOUND)
    ended = home.pull(small_disk, below="few/")
    assert ended.code == 1
    assert "in 10 files and 20 new folders. Nothing was written" in ended.err
    assert not list(small_disk.iterdir())
    for number in range(8):
        (small_disk / f"id{number}").mkdir()
        (small_disk / f"id{number}" / "notes").touch()
    assert "12 new folders" in home.pull(small_disk, below="few/").err


def test_a_disk_that_is_read_only(home: Set, small_disk: Path) -> None:
    """It is bad input, found before anything is listed to its end."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True, timeout=_BOUND)
    ended = home.pull(small_disk)
    assert ended.code == 2
    assert f"cannot use {small_disk}: Read-only file system" in ended.err


def test_a_disk_that_fills_up_meanwhile(small_disk: Path) -> None:
    """The run stops with the reason; what was pulled stays, nothing half-written does, and the next run goes on."""
    bodies = {f"set/a/{number}.jpg": "x" * 100_000 for number in range(6)}
    filler = small_disk / "filler"
    asked: list[str] = []

    def answer(request: Asked) -> Answer:
        if request.path.startswith("/bucket?"):
            return listing(request, bodies)
        asked.append(request.path)
        if len(asked) == 4:
            filler.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 50_000))
        return Answer(200, bodies[request.path.removeprefix("/bucket/")])

    with stub_s3(answer) as server:
        arguments = ["pull", "s3://bucket/set/", str(small_disk), "--concurrency", "1", "--json"]
        full = streammerge(*arguments, server=server)
        assert full.code == 3
        assert "No space left on device" in full.err
        assert sorted(inside(small_disk)) == ["a/0.jpg", "a/1.jpg", "a/2.jpg", "filler"]
        filler.unlink()
        again = streammerge(*arguments, server=server)
    assert (again.code, again.report["already_present"], again.report["pulled"]) == (0, 3, 3), again.err


def listing(request: Asked, bodies: dict[str, str], day: int = 1) -> Answer:
    """The only page of a listing of these objects, or of their folders."""
    if "delimiter=" in request.path:
        return folders("set/some/")
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-{day:02}T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{hashlib.md5(body.encode()).hexdigest()}&quot;</ETag><Size>{len(body)}</Size></Contents>"
        for key, body in bodies.items()
    )
    return Answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")


def test_hostile_keys_write_nothing_outside(tmp_path: Path) -> None:
    """Each is refused by name, the rest goes on, and the exit code says that something is missing."""
    bodies = {
        "set/../../evil.jpg": "evil",
        "set//etc/evil.jpg": "evil",
        "set/a/../../evil.jpg": "evil",
        "set/link/evil.jpg": "good",
        "set/a/ok.jpg": "good",
        f"set/a/{'n' * 300}.jpg": "long",
    }
    directory, outside = tmp_path / "deep/er/dir", tmp_path / "outside"
    directory.mkdir(parents=True)
    outside.mkdir()
    (directory / "link").symlink_to(outside)

    def answer(request: Asked) -> Answer:
        return listing(request, bodies) if request.path.startswith("/bucket?") else Answer(200, "good")

    with stub_s3(answer) as server:
        ended = streammerge("pull", "s3://bucket/set/", str(directory), "--json", server=server)
    assert ended.code == 3, ended.err
    failed = {"deep/er/dir/.streammerge-failed": b'["link", "evil.jpg"]\n'}
    assert inside(tmp_path) == {"deep/er/dir/a/ok.jpg": b"good", **failed}
    report = ended.report
    assert sorted(each["key"] for each in report["refusals"]) == sorted(
        {*bodies} - {"set/a/ok.jpg", "set/link/evil.jpg"}
    )
    assert report["refused"] == 4
    assert [failure["key"] for failure in report["failures"]] == ["set/link/evil.jpg"]
    assert "links" in report["failures"][0]["reason"]
    assert (report["pulled"], report["complete"]) == (1, False)


def test_what_is_not_what_was_listed_is_not_kept(tmp_path: Path) -> None:
    """A body that is damaged, cut short, too long, or of another object: tried again, then a failure, never a file.

    Small ones, and large ones, which are received and proved apart from others. Each request says who pays.
    """
    names = ("damaged", "longer", "endless", "cut", "changed", "good")
    bodies = {f"set/{name}/{size}.jpg": name * size for name in names for size in (1, 60_000)}

    def answer(request: Asked) -> Answer:
        assert request.headers["x-amz-request-payer"] == "requester"
        if request.path.startswith("/bucket?"):
            return listing(request, bodies)
        key = request.path.removeprefix("/bucket/")
        body, name = bodies[key], key.split("/")[1]
        assert request.headers["if-match"] == f'"{hashlib.md5(body.encode()).hexdigest()}"'
        if name == "changed":
            return Answer(200, body.upper(), {"ETag": f'"{"ab" * 16}"'})
        if name == "cut":
            return Answer(200, body[:-1], {"Content-Length": str(len(body)), "Connection": "close"})
        wrong = {"damaged": body.upper(), "longer": body + "!", "endless": body + "!" * 100_000}
        return Answer(200, wrong.get(name, body))

    with stub_s3(answer) as server:
        arguments = ["pull", "s3://bucket/set/", str(tmp_path), "--attempts", "2", "--requester-pays", "--json"]
        ended = streammerge(*arguments, server=server)
    assert ended.code == 3
    (tmp_path / ".streammerge-failed").unlink()
    assert inside(tmp_path) == {f"good/{size}.jpg": b"good" * size for size in (1, 60_000)}
    codes = {failure["target"]: failure["code"] for failure in ended.report["failures"]}
    for size in (1, 60_000):
        assert codes.pop(f"damaged/{size}.jpg") == "BadDigest"
        assert codes.pop(f"longer/{size}.jpg") == "IncompleteBody"
        assert codes.pop(f"endless/{size}.jpg") == "UnfitError"
        assert codes.pop(f"cut/{size}.jpg") == "ConnectionResetError"
        assert codes.pop(f"changed/{size}.jpg") == "ETagMismatch"
    assert not codes


def test_a_replaced_object_is_fetched_though_the_clock_runs_ahead(tmp_path: Path) -> None:
    """Of equal size, and before this machine's time: files have the times of their objects, so it shows."""
    bodies, day = {"set/a/1.jpg": "old"}, 1

    def answer(request: Asked) -> Answer:
        if request.path.startswith("/bucket?"):
            return listing(request, bodies, day)
        return Answer(200, bodies["set/a/1.jpg"])

    with stub_s3(answer) as server:
        assert streammerge("pull", "s3://bucket/set/", str(tmp_path), server=server).code == 0
        bodies["set/a/1.jpg"], day = "new", 2
        assert streammerge("pull", "s3://bucket/set/", str(tmp_path), server=server).code == 0
    assert inside(tmp_path) == {"a/1.jpg": b"new"}


class Heard(Progress):
    """Notes what it hears of, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def planned(self, copies: int, *, images: int = 0) -> None:
        assert not images
        self.calls.append(("planned", copies))

    def listing_done(self) -> None:
        self.calls.append(("final", 0))

    def copied(self, copies: int) -> None:
        self.calls += [("settled", 1)] * copies


async def test_how_many_there_are_is_known_before_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a bar has an end: images to fetch, and those whose files must be read and may prove right."""
    bodies = {f"set/a/{number}.jpg": "x" for number in range(5)}

    def answer(request: Asked) -> Answer:
        return listing(request, bodies) if request.path.startswith("/bucket?") else Answer(200, "x")

    with stub_s3(answer) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        for images in (5, 2):
            heard = Heard()
            options = Options(endpoint_url=server.endpoint_url)
            report = await pull(Location("bucket", "set/"), tmp_path, options, progress=heard)
            assert heard.calls == [("planned", images), ("final", 0), *[("settled", 1)] * images]
            assert report.already_present == 5 - report.pulled
            (tmp_path / "a/0.jpg").unlink()
            os.utime(tmp_path / "a/1.jpg", (0, 0))
    assert report.pulled == 1


def test_kms_objects_are_pulled_by_size(tmp_path: Path) -> None:
    """Their ETags are no MD5s: neither the first run nor one that compares MD5s takes that for damage."""
    bodies = {"set/a/1.jpg": "plain"}
    kms = {"x-amz-server-side-encryption": "aws:kms", "ETag": f'"{hashlib.md5(b"plain").hexdigest()}"'}
    gets = []

    def answer(request: Asked) -> Answer:
        if request.path.startswith("/bucket?"):
            return listing(request, bodies)
        gets.append(request.method)
        return Answer(200, "PLAIN", kms)

    with stub_s3(answer) as server:
        for number in range(3):
            if number == 2:
                os.utime(tmp_path / "a/1.jpg", (0, 0))  # older than its object: that was replaced
            ended = streammerge("pull", "s3://bucket/set/", str(tmp_path), "--check", "md5", server=server)
            assert ended.code == 0, ended.err
    assert gets == ["GET", "HEAD", "HEAD", "GET"]
    assert inside(tmp_path) == {"a/1.jpg": b"PLAIN"}


def test_a_look_that_fails_stops_no_pull(tmp_path: Path) -> None:
    """What the ETag of a wrong file's object is cannot be asked: the object is fetched, and the others are, too."""
    bodies = {f"set/a/{number}.jpg": "new" for number in range(3)}
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.jpg").write_bytes(b"old")

    def answer(request: Asked) -> Answer:
        if request.path.startswith("/bucket?"):
            return listing(request, bodies)
        return Answer(503) if request.method == "HEAD" else Answer(200, "new")

    with stub_s3(answer) as server:
        ended = streammerge("pull", "s3://bucket/set/", str(tmp_path), "--attempts", "2", server=server)
    assert ended.code == 0, ended.err
    assert inside(tmp_path) == {f"a/{number}.jpg": b"new" for number in range(3)}


def test_without_permission_says_which_is_needed(tmp_path: Path) -> None:
    """And stops, instead of failing a million times."""
    bodies = {f"set/a/{number}.jpg": "x" for number in range(200)}

    def answer(request: Asked) -> Answer:
        if request.path.startswith("/bucket?"):
            return listing(request, bodies)
        return Answer(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")

    with stub_s3(answer) as server:
        ended = streammerge("pull", "s3://bucket/set/", str(tmp_path), server=server)
    assert ended.code == 2
    assert "Pulling needs s3:GetObject on s3://bucket/set/" in ended.err
    assert not inside(tmp_path)
