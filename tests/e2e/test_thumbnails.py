"""--thumbnails by the real command on a real server: what is shown, what cannot be, and what a page weighs."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image

from browser import Browser
from command import streammerge
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge import UsageError
from streammerge.images.gallery import check_thumbnails

BROKEN, LARGE = "photos/p1/00.jpg", "photos/p2/00.png"


def picture(number: int, kind: str = "JPEG", size: int = 60) -> bytes:
    """An image; of another number, another one."""
    file = io.BytesIO()
    Image.frombytes("RGB", (size, size), bytes([number]) + os.urandom(size * size * 3 - 1)).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def bucket(moto_server: Server) -> Iterator[str]:
    """Two sources with a collision, a duplicate, label noise, an image that is none, and one of more than 1 MiB."""
    one, two, large = picture(1), picture(2), picture(3, "PNG", 700)
    assert len(large) > 1024**2
    bodies = {f"photos/p{n}/{shot}.jpg": picture(10 * n + shot) for n in range(8) for shot in range(2 + n % 3)}
    bodies |= {f"faces/p{n}/face.jpg": picture(100 + n) for n in range(8)}
    bodies |= {"photos/p0/face.jpg": one, "faces/p3/same.jpg": two, "photos/p3/same.jpg": two}
    bodies |= {"faces/P7/face.jpg": picture(120)}  # p7 in another spelling
    bodies |= {"photos/p4/noise.jpg": two, BROKEN: b"not an image", LARGE: large, "merged/p5/0.jpg": b"in the way"}
    with contextlib.closing(connect(moto_server)) as client:
        name = new_bucket(client)
        put_all(client, name, bodies)
        yield name


def sources(bucket: str) -> list[str]:
    """The sources, as arguments."""
    return [f"s3://{bucket}/photos/", f"s3://{bucket}/faces/"]


def test_inspect(moto_server: Server, bucket: str, browser: Browser, tmp_path: Path) -> None:
    """Every picture is on the page, the broken one by its key, and the JSON says how many there are."""
    page = tmp_path / "page.html"
    more = ["--duplicates", "--thumbnails", "20", "--html", str(page), "--json"]
    ended = streammerge("inspect", *sources(bucket), *more, server=moto_server)
    assert ended.code == 0, ended.err
    shown = ended.report["thumbnails"]
    assert shown["problems"] == [{"source": "photos", "key": BROKEN, "problem": "not an image"}]
    assert shown["read"] == ended.report["requests"]["get"] > 20
    rendered = browser.render(page)
    assert rendered.console == []
    assert rendered.dom.count("data:image/jpeg;base64,") == shown["shown"] > 25
    assert "Renamed: another image has the name" in rendered.dom
    assert "Same content under different identities" in rendered.dom
    assert "Names that differ in spelling alone" in rendered.dom
    assert 'class="problem"><bdi>not an image' in rendered.dom
    assert page.stat().st_size < 5_000_000


def test_plan_merge_verify_and_pull(moto_server: Server, bucket: str, tmp_path: Path) -> None:
    """Each shows as many identities as were asked for; a conflict beside what is in its way; a pull reads its files."""
    job = [*sources(bucket), "--into", f"s3://{bucket}/merged/"]
    texts = {}
    for command, code in (("plan", 3), ("merge", 3), ("verify", 4)):
        page = tmp_path / f"{command}.html"
        more = ["--thumbnails", "4", "--html", str(page), "--json"]
        ended = streammerge(command, *job, *more, server=moto_server)
        assert ended.code == code, ended.err
        assert ended.report["thumbnails"]["shown"] > 4 * 2
        texts[command] = page.read_text("utf-8")
        assert "In the way at the destination" in texts[command]
    page = tmp_path / "pull.html"
    ended = streammerge(
        *("pull", f"s3://{bucket}/merged/", str(tmp_path / "set"), "--thumbnails", "30", "--html", str(page), "--json"),
        server=moto_server,
    )
    assert ended.code == 0, ended.err
    assert ended.report["requests"]["get"] == ended.report["pulled"]
    assert {problem["problem"] for problem in ended.report["thumbnails"]["problems"]} == {"not an image"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--thumbnails", "5"], "name one with --html FILE"),
        (["--thumbnails", "500", "--html", "page.html"], "at most 200 identities"),
        (["--thumbnails", "-1", "--html", "page.html"], "--thumbnails -1"),
    ],
)
def test_bad_numbers(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2 before anything is asked of S3."""
    monkeypatch.chdir(tmp_path)
    ended = streammerge("inspect", "s3://bucket/photos/", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_without_pillow_it_says_how_to_install_it() -> None:
    """Before any work, with the command."""
    with mock.patch("importlib.util.find_spec", return_value=None):
        check_thumbnails(0)
        with pytest.raises(UsageError, match=r"pip install '\.\[images\]'"):
            check_thumbnails(3)
