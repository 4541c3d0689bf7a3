"""What all tests share: an environment without the developer's cloud, real S3 servers, each started once, a browser.

A test that takes `server` runs on each of them in turn; `seaweed`, `ceph`, `moto_server`, `ministack_server` are the
single ones. `bucket` and `client` go with `server`. Where a server cannot run, its tests are skipped with the reason,
or fail under STREAMMERGE_REQUIRE_SERVERS=1. Each parallel worker starts servers of its own: that takes a second, and no
test meets another's buckets.
"""

import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from browser import Browser, chromium
from servers import Server, Unavailable, connect
from servers.ceph import CephServer
from servers.ceph import ceph as ceph_cluster
from servers.ceph_root import is_unpacked
from servers.ministack import ministack
from servers.moto import moto
from streammerge.demo.server import seaweedfs

# Every run tries the same examples, unless a search is asked for: HYPOTHESIS_PROFILE=search tries other ones, and more.
# Machines that run tests are shared: no example is too slow.
settings.register_profile("search", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeat", settings.get_profile("search"), max_examples=50, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

_S = TypeVar("_S")
_FIXTURES = {"seaweedfs": "seaweed", "ceph": "ceph", "moto": "moto_server", "ministack": "ministack_server"}
_FIRST_CEPH_TIMEOUT = 900  # seconds; the first tests on a machine download it
_FULL = {"ceph", "ministack", "ministack_server"}  # servers, by the names of their parameters and fixtures
_UNIT = Path(__file__).parent / "unit"


def _hear_signals() -> None:
    """Undo what a background job of a shell, cron or nohup does: there SIGINT and SIGHUP are ignored.

    Every child would inherit that, and the tests interrupt some. A signal that is handled, in contrast to one that is
    ignored, goes back to its default in a child. SIGHUP is handled by doing nothing: whoever ran the tests under nohup
    wants them to outlive the terminal.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


def _keep_bytecode() -> None:
    """Compile each module once, not in each of the processes that tests start, whatever this machine's habit is."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


_hear_signals()  # before anything starts a process
_keep_bytecode()


@pytest.fixture(scope="session", autouse=True)
def hermetic_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No key, region, profile or endpoint of the developer's reaches a test, and no proxy stands before loopback."""
    empty = tmp_path_factory.mktemp("aws") / "empty"
    empty.touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, str(empty))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))  # for journals
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


def _on_demand(start: Callable[[], AbstractContextManager[_S]]) -> Iterator[_S]:
    """The server, or no test: skipped where it cannot run, failed where it must."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(start())
        except Unavailable as reason:
            if os.environ.get("STREAMMERGE_REQUIRE_SERVERS") == "1":
                pytest.fail(f"this run requires every server: {reason}", pytrace=False)
            pytest.skip(str(reason))
        yield server


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Server]:
    """SeaweedFS: real, and lists in the order of its tree."""
    yield from _on_demand(seaweedfs)


@pytest.fixture(scope="session")
def ceph() -> Iterator[CephServer]:
    """Ceph: the nearest to S3; also has `.stranger`, a user without access, and `.ratelimit(bucket, max_write_ops)`."""
    yield from _on_demand(ceph_cluster)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Server]:
    """moto: needs nothing, checks no signature."""
    yield from _on_demand(moto)


@pytest.fixture(scope="session")
def ministack_server() -> Iterator[Server]:
    """MiniStack: another implementation that lists in byte order."""
    yield from _on_demand(ministack)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, for pages."""
    yield from _on_demand(chromium)


# With the scope of a session, pytest runs all tests of one server before those of the next.
@pytest.fixture(scope="session", params=_FIXTURES)
def server(request: pytest.FixtureRequest) -> Server:
    """Each real server in turn."""
    found: Server = request.getfixturevalue(_FIXTURES[request.param])
    return found


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """A synchronous client of `server`."""
    with contextlib.closing(connect(server)) as connected:
        yield connected


@pytest.fixture
def bucket(client: Any) -> str:
    """The name of a new, empty bucket on `server`. It stays when the test is over: the server does not."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=name)
    return name


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave servers that pip does not bring to the full run; keep tests that share data in one worker."""
    for item in items:
        given = getattr(getattr(item, "callspec", None), "params", {})
        used = {*getattr(item, "fixturenames", ()), *(value for value in given.values() if isinstance(value, str))}
        if used & _FULL:
            item.add_marker(pytest.mark.full)
        if "ceph" in used and not is_unpacked():
            item.add_marker(pytest.mark.timeout(_FIRST_CEPH_TIMEOUT))
        if _UNIT not in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{given.get('server', '')}"))
