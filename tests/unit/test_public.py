"""What is public: exported, not shadowed by a module, and there without `await`, too."""

import asyncio
import importlib
import inspect
import re
import threading
from pathlib import Path
from typing import get_args
from unittest import mock

import pytest

import streammerge
from streammerge import Location, Source, UsageError, load_job, make_job, make_sources, sync
from streammerge.dataset.source import location_of


def test_every_public_name_is_there() -> None:
    """Each of `__all__` can be had, and none is a module but `sync`."""
    for name in streammerge.__all__:
        assert inspect.ismodule(getattr(streammerge, name)) == (name == "sync"), name
    assert streammerge.__version__.count(".") == 2


def test_functions_shadow_no_module() -> None:
    """Packages can be imported and patched by name."""
    merge = streammerge.merge
    assert inspect.ismodule(importlib.import_module("streammerge.merging.run"))
    with mock.patch("streammerge.merging.run.merge") as patched:
        assert importlib.import_module("streammerge.merging.run").merge is patched
    with mock.patch("streammerge.merge") as patched:
        assert streammerge.merge is patched
    assert streammerge.merge is merge


def test_twins_have_the_same_signature() -> None:
    """`sync` has each asynchronous function, with its arguments."""
    functions = [name for name in streammerge.__all__ if inspect.iscoroutinefunction(getattr(streammerge, name))]
    assert set(functions) == set(sync.__all__) - {"status"}
    for name in functions:
        assert inspect.signature(getattr(sync, name)) == inspect.signature(getattr(streammerge, name))
        assert not inspect.iscoroutinefunction(getattr(sync, name))


def test_twins_run_in_a_thread_and_raise() -> None:
    """With and without a loop that runs; what is raised is raised to the caller."""

    async def double(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        if number < 0:
            raise UsageError("too small")
        return number * 2, threading.current_thread().name

    twin = sync.blocking(double)

    async def within() -> tuple[int, str]:
        return twin(4)

    assert twin(3) == (6, "streammerge")
    assert asyncio.run(within()) == (8, "streammerge")
    with pytest.raises(UsageError, match="too small"):
        twin(-1)


def test_a_job_is_loaded_from_a_file(tmp_path: Path) -> None:
    """By a path or its text, with or without a byte-order mark; what is wrong is told with the file's name."""
    path = tmp_path / "job.toml"
    text = 'destination = "s3://bucket/out/"\n[[sources]]\nurl = "s3://bucket/a/"\n'
    path.write_text("\ufeff" + text, "utf-8")
    assert load_job(str(path)) == load_job(path) == make_job(["s3://bucket/a/"], into="s3://bucket/out/")
    assert load_job(path, min_images=3).min_images == 3
    path.write_text(text + "[rules]\nmin-images = 0\n")
    with pytest.raises(UsageError, match=r"job\.toml: the rules: min-images = 0: it must be at least 1"):
        load_job(path)


def test_values_are_checked_in_python() -> None:
    """A rule, a text where a list is wanted, a rule that there is not."""
    with pytest.raises(UsageError, match=r"--duplicates 'names': it must be one of .*\. Did you mean 'name'"):
        make_job(["s3://bucket/a/"], into="s3://bucket/b/", duplicates="names")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="sources: 's3://bucket/a/' is a single text; give a list"):
        make_job("s3://bucket/a/", into="s3://bucket/b/")
    with pytest.raises(UsageError, match=r"'job\.toml' is not a Job: .* load_job reads a job file"):
        sync.merge("job.toml")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is not a list of sources; a job has them as"):
        sync.inspect(make_job(["s3://bucket/a/"], into="s3://bucket/b/"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="layouts: 'folder' is a single text; give a list"):
        make_job(["s3://bucket/a/"], into="s3://bucket/b/", layouts="folder")
    with pytest.raises(UsageError, match=r"journals: 'a\.journal' is a single path; give a list"):
        streammerge.status("a.journal")
    with pytest.raises(TypeError, match=r"no setting 'min_image'\. Did you mean 'min_images'"):
        make_job(["s3://bucket/a/"], into="s3://bucket/b/", min_image=2)  # type: ignore[call-arg]


def test_sources_may_be_made_already() -> None:
    """Texts and Sources mix."""
    source = Source("x", Location("bucket", "x/"))
    assert make_sources([source, "y=s3://bucket/y/"]) == (source, Source("y", Location("bucket", "y/")))


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("s3://bucket//a/", "s3://bucket/a/"),
        ("s3://bucket/a//", "s3://bucket/a/"),
        ("s3://bucket/a /b/", "s3://bucket/a/b/"),
        ("s3://bucket/ a", "s3://bucket/a/"),
        ("s3://bucket/a/*", "s3://bucket/a/"),
        ("s3://bucket/a*", "s3://bucket/a/"),
        ("s3://bucket/*", "s3://bucket/"),
        ("s3://bucket/a/1.JPG", "s3://bucket/a/"),
        ("s3://bucket/a.tar.gz", "s3://bucket/"),
    ],
)
def test_prefixes_that_nobody_means(url: str, meant: str) -> None:
    """They are refused, with what was probably meant; a job file takes them."""
    with pytest.raises(UsageError) as raised:
        location_of(url)
    assert f"Did you mean {meant}" in str(raised.value)
    with pytest.raises(UsageError):
        make_job(["s3://elsewhere/x/"], into=url)


@pytest.mark.parametrize(
    "url", ["s3://bucket", "s3://bucket/", "s3://bucket/v1.2", "s3://bucket/a b/c", "s3://bucket/x.jpg/"]
)
def test_prefixes_that_somebody_may_mean(url: str) -> None:
    """Blanks and dots within names, and a folder whose name looks like an image's if it ends with a slash."""
    assert str(location_of(url)).rstrip("/") == url.rstrip("/")


def test_signatures_are_short() -> None:
    """Three lines of a terminal at most, and defaults as they would be written."""
    assert repr(streammerge.Options()) == "Options()"
    assert repr(streammerge.Options(concurrency=3)) == "Options(concurrency=3)"
    for name in ("inspect", "plan", "merge", "verify", "pull", "status"):
        function = getattr(streammerge, name)
        signature = f"{name}{inspect.signature(function)}"
        assert len(signature) <= 3 * 80, signature
        assert name == "status" or "Options = Options()" in signature
        assert " at 0x" not in signature


@pytest.mark.parametrize("name", ["inspect", "plan", "merge", "verify", "pull"])
def test_what_is_passed_by_name_is_typed_and_explained(name: str) -> None:
    """Types and defaults are of the same names, the docstring has each, and a name that is none of them is refused."""
    function = getattr(streammerge, name)
    (more,) = [each for each in inspect.signature(function).parameters.values() if each.kind is each.VAR_KEYWORD]
    named = set(get_args(more.annotation)[0].__annotations__)
    module = importlib.import_module(function.__module__)
    taken = inspect.signature(getattr(module, f"_{name}")).parameters.values()
    assert named == {each.name for each in taken if each.kind is each.KEYWORD_ONLY}
    assert [each for each in named if not re.search(rf"\b{each}\b", function.__doc__ or "")] == []
    with pytest.raises(TypeError, match="unexpected keyword argument 'jurnal'"):
        getattr(sync, name)(*[None] * (len(inspect.signature(function).parameters) - 1), jurnal="x")


def test_wrong_names_and_types_are_found_by_mypy() -> None:
    """Where mypy does not complain of these lines, it complains that they are to be ignored."""

    def never() -> None:
        sync.merge(make_job(["s3://bucket/a/"], "s3://bucket/b/"), thumbnails="many")  # type: ignore[arg-type]
        sync.verify(make_job(["s3://bucket/a/"], "s3://bucket/b/"), jurnal="x")  # type: ignore[call-arg]

    assert callable(never)
