"""What is wrong with an image: each kind of problem, and none where there is none."""

import asyncio
import io
from typing import Any
from unittest import mock

import pytest
from PIL import Image

from corrupt_images import CORRUPT, FINE
from streammerge.images.decoders import decoders
from streammerge.images.examination import examine


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CORRUPT)
def test_each_problem_has_its_name(name: str) -> None:
    """The kind, by which a reader decides what to do."""
    kind, body = CORRUPT[name]
    problem = examine(f"set/p1/{name}", body)
    assert problem is not None
    assert problem.kind == kind, problem


def test_16_bits_of_colour() -> None:
    """Pillow would read them as 8 bits without a word."""
    file = io.BytesIO()
    Image.new("I;16", (5, 5), 40_000).save(file, "PNG")
    problem = examine("a.png", file.getvalue())
    assert problem is not None
    assert problem.kind == "16 bits"


@pytest.mark.parametrize("name", FINE)
def test_what_loaders_take(name: str) -> None:
    """No problem."""
    assert examine(f"set/p1/{name}", FINE[name]) is None


def test_what_is_too_large_is_not_decoded() -> None:
    """A small file may hold more pixels than the memory of a machine."""
    file = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(file, "PNG")
    problem = examine("a.png", file.getvalue())
    assert problem == ("too large", "12,000 by 12,000 pixels")


async def test_a_decoder_that_crashes_costs_one_image() -> None:
    """The images that were decoded beside it are decoded again; what crashed is named."""
    with mock.patch("streammerge.images.examination.examine", eval):  # runs its first argument
        async with decoders() as found:
            async with asyncio.TaskGroup() as group:
                tasks: list[asyncio.Task[Any]] = [
                    group.create_task(found.examine("__import__('os')._exit(3)" if n == 5 else "None", {}))  # type: ignore[arg-type]
                    for n in range(12)
                ]
            assert [n for n, task in enumerate(tasks) if task.result() is not None] == [5]
            assert tasks[5].result() == ("cannot be decoded", "the decoder crashed")
            assert await found.examine("None", {}) is None  # type: ignore[arg-type]
