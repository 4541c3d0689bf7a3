"""Job files by the real command: written from flags, merged from, overridden, refused."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import environment, streammerge
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge import UsageError, load_job, sync

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


def test_a_saved_job_lacks_the_properties_of_copies(moto_server: Server, bucket: str, tmp_path: Path) -> None:
    """Whoever chose some is told, so that merge gets them, too."""
    saved = tmp_path / "saved.toml"
    sources = (f"s3://{bucket}/photos/", "--into", f"s3://{bucket}/out/", "--listing-order", "sorted")
    ended = streammerge(
        "plan", *sources, "--save-job", str(saved), "--storage-class", "GLACIER_IR", "--tags", "drop",
        server=moto_server,
    )  # fmt: skip
    assert f"{saved} does not include --storage-class, --tags: pass that to merge as well" in ended.err


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
        (["{}", "s3://more/"], "pass it alone"),
        (["{}", "--layout", "other=folder"], "there is no such source; the sources are photos, faces"),
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
    assert "unknown key 'min_image'. Did you mean 'min-images'?" in ended.err


def test_python_takes_text_and_needs_no_loop(
    moto_server: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job file by its path, sources, prefixes and files as text or paths, and no `await`."""
    for name, value in environment(moto_server).items():
        monkeypatch.setenv(name, value)
    assert [prefix.images for prefix in sync.inspect([f"s3://{bucket}/photos/"]).prefixes] == [4]
    job = load_job(job_file(tmp_path, bucket), min_images=1)
    merged = sync.merge(job, journal=tmp_path / "journal", classes=str(tmp_path / "classes.txt"))
    assert (merged.complete, merged.copied) == (True, 4)
    assert [summary.copied for summary in sync.status([tmp_path / "journal"])] == [4]
    pulled = sync.pull(str(job.destination), str(tmp_path / "pulled"))
    assert (pulled.complete, pulled.pulled) == (True, 4)
    with pytest.raises(UsageError, match="give the URL of a prefix in S3 as text"):
        sync.merge(job, journal=Path(f"s3://{bucket}/log/"))
    wrong: list[Any] = ["3", 2.5, True, 0]
    for value in wrong:
        with pytest.raises(UsageError, match=r"--sample .*: it must be a whole number of at least 1"):
            sync.pull(job.destination, tmp_path / "pulled", sample=value)
    with pytest.raises(UsageError, match="--deep 'some': it must be a whole number of at least 0"):
        sync.verify(job, deep="some")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"--check 'md4': it must be one of size, md5\. Did you mean 'md5'"):
        sync.pull(job.destination, tmp_path / "pulled", check="md4")  # type: ignore[arg-type]


def test_tab_completes_job_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that begin as was typed, in the folder that was typed."""
    for name in ("job.toml", "joint.toml", "other.toml", "job.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path.parent)
    typed = f"streammerge merge {tmp_path.name}/jo"
    asked = {"_STREAMMERGE_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": "2"}
    ended = streammerge(env=environment(None, **asked))
    assert ended.out.splitlines() == [f"plain,{tmp_path.name}/{name}" for name in ("job.toml", "joint.toml")]
