"""Open files: as many as the process may have, while a run goes on, and no more in flight than that allows."""

import contextlib
import resource
from collections.abc import Iterator

import pytest

from streammerge.transfer.open_files import affordable, more_open_files


def limits() -> tuple[int, int]:
    """Soft and hard."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


@pytest.fixture(autouse=True)
def few() -> Iterator[None]:
    """The usual soft limit of a notebook, or less."""
    before = limits()
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_while_any_run_goes_on() -> None:
    """Two runs may overlap; after the last one it is what it was."""
    before = limits()
    with contextlib.ExitStack() as other:
        with more_open_files:
            raised = limits()
            assert raised[0] > before[0]
            other.enter_context(more_open_files)
        assert limits() == raised
    assert limits() == before


def test_what_is_in_flight_is_bounded_by_the_limit() -> None:
    """Each request may need a socket and a file, and the rest of the process some."""
    assert 300 < affordable(1024) < 500
    assert affordable(10) == 10
