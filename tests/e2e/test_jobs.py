"""Job files by the real command: written from flags, merged from, overridden, refused."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect

_OBJECTS = {
    "photos/p1/1.jpg": b"1",
    "photos/p1/2.png": b"2",
    "photos/p1/thumbs/1.jpg": b"small",
    "photos/p2/1.jpg": b"3",
    "faces/p2_face.png": b"4",
    "faces/p3_face.png": b"5",
}


@pytest.fixture(scope="module")
def bucket(moto_server: Server) -> Iterator[str]:
    """A bucket with two sources."""
    with contextlib.closing(connect(moto_server)) as client:
        name = new_bucket(client)
        put_all(client, name, _OBJECTS)
        yield name


def job_file(folder: Path, bucket: str, rules: str = "") -> str:
    """A job that leaves thumbnails out, as somebody would write it."""
    path = folder / "job.toml"
    path.write_text(f"""
        destination = "s3://{bucket}/{folder.name}/"
        [[sources]]
        name = "photos"
        url = "s3://{bucket}/photos/"
        exclude = ["*/thumbs/*"]
        extensions = ["jpg"]
        [[sources]]
        name = "faces"
        url = "s3://{bucket}/faces/"
        layout = "{{identity}}_face.{{ext}}"
        [rules]
        {rules}
    """)
    return str(path)


def test_merge_of_a_job(moto_server: Server, bucket: str, tmp_path: Path) -> None:
    """The file decides; what its filters leave out is counted as excluded; a flag comes before a rule."""
    job = job_file(tmp_path, bucket, "min-images = 5")
    ended = streammerge("merge", job, "--min-images", "1", "--json", server=moto_server)
    assert ended.code == 0, ended.err
    assert ended.report["ignored"] == {"excluded": 2}
    with contextlib.closing(connect(moto_server)) as client:
        merged = set(contents(client, bucket, f"{tmp_path.name}/"))
    assert merged == {"p1/1.jpg", "p2/1.jpg", "p2/p2_face.png", "p3/p3_face.png"}


def test_a_saved_job_plans_the_same(moto_server: Server, bucket: str, tmp_path: Path) -> None:
    """Plan --save-job, then plan of what was saved: the same numbers, and the same file again."""
    saved, again = tmp_path / "saved.toml", tmp_path / "again.toml"
    flags = (f"s3://{bucket}/photos/", f"s3://{bucket}/faces/", "--into", f"s3://{bucket}/out/", "--min-images", "2")
    layout = ("--layout", "faces={identity}_face.{ext}", "--save-job", str(saved), "--json")
    one = streammerge("plan", *flags, *layout, server=moto_server)
    assert one.code == 0, one.err
    other = streammerge("plan", str(saved), "--save-job", str(again), "--json", server=moto_server)
    assert other.code == 0, other.err
    assert one.report | {"seconds": 0} == other.report | {"seconds": 0}
    assert saved.read_text() == again.read_text()


def test_inspect_looks_at_the_sources_of_a_job(moto_server: Server, bucket: str, tmp_path: Path) -> None:
    """With their layouts and filters."""
    ended = streammerge("inspect", job_file(tmp_path, bucket), "--json", server=moto_server)
    assert ended.code == 0, ended.err
    assert [prefix["images"] for prefix in ended.report["prefixes"]] == [2, 2]
    assert ended.report["prefixes"][0]["ignored"] == {"excluded": 2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.toml"], "missing.toml: cannot read the job: No such file"),
        (["{}", "s3://more/"], "give it alone"),
        (["{}", "--layout", "other=folder"], "no source is named so; the sources are photos, faces"),
    ],
)
def test_bad_input(bucket: str, tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit 2 before anything is asked of S3."""
    job = job_file(tmp_path, bucket)
    ended = streammerge("merge", *(text.format(job) for text in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_misspelt_rule(bucket: str, tmp_path: Path) -> None:
    """The nearest known one is named."""
    ended = streammerge("plan", job_file(tmp_path, bucket, "min_image = 2"))
    assert ended.code == 2
    assert "'min_image'; did you mean 'min-images'?" in ended.err
