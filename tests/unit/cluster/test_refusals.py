"""What a cluster cannot do is refused, with the reason and the way out."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streammerge.cluster import engine
from streammerge.cluster.engine import open_cluster
from streammerge.cluster.members import Cluster, misfits
from streammerge.cluster.settings import ClusterSettings
from streammerge.cluster.worker import Versions, versions
from streammerge.dataset.counters import ListingCounters
from streammerge.dataset.job_file import parse_table
from streammerge.dataset.layout import parse_layout
from streammerge.dataset.objects import Location
from streammerge.errors import UsageError
from streammerge.listing.listing import Listing
from streammerge.listing.opening import check_splittable
from streammerge.merging.on_cluster import check_unordered
from streammerge.report.progress import Progress


@pytest.mark.parametrize(
    ("pattern", "ordered", "way_out"),
    [("folder", False, "--listing-order sorted"), ("img_{identity}.{ext}", True, "one process reads it whole")],
)
def test_what_must_be_read_whole(pattern: str, way_out: str, *, ordered: bool) -> None:
    """A store without order, and a layout that does not begin with the identity."""
    listing = Listing("x/", ListingCounters(), parse_layout(pattern), ordered)
    with pytest.raises(UsageError, match=way_out):
        check_splittable([(Location("data", "x/"), listing)])
    check_splittable([(Location("data", "x/"), Listing("x/", ListingCounters()))])


def test_files_in_order() -> None:
    """A plan is written in order, which several processes do not know."""
    with pytest.raises(UsageError, match=r"--output .* omit --workers"):
        check_unordered(Path("plan.jsonl"), None)
    with pytest.raises(UsageError, match="--identity-map-template"):
        check_unordered(None, Path("map.csv"))
    check_unordered(None, None)


async def test_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that installs it; without the options nothing is imported."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"In a checkout, run: pip install '\.\[cluster\]'"):
        async with open_cluster(ClusterSettings(workers=2), Progress()):
            pass
    async with open_cluster(ClusterSettings(), Progress()) as nothing:
        assert nothing is None


async def test_a_scheduler_that_is_not_there(unused_tcp_port: int) -> None:
    """It is named, and how one is started."""
    with pytest.raises(UsageError, match=f"scheduler at tcp://127.0.0.1:{unused_tcp_port}.*`dask scheduler`"):
        async with open_cluster(ClusterSettings(scheduler=f"tcp://127.0.0.1:{unused_tcp_port}"), Progress()):
            pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is not there is waited for."""
    monkeypatch.setattr(engine, "_REACHED_WITHIN", 1.0)


async def test_versions_that_differ() -> None:
    """Both are named; a worker that is on its way out does not matter."""
    mine = versions()
    answers: dict[str, Any] = {
        "same": mine,
        "python": mine._replace(python="2.7"),
        "older": Versions("0.0.1", mine.python),
        "leaving": OSError("closed"),
        "bare": ModuleNotFoundError("No module named 'streammerge'"),
    }

    async def run(_: Any, *, workers: list[str], on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        return {address: answers[address] for address in workers}

    cluster = Cluster(SimpleNamespace(run=run), "tcp://there", owned=False)
    found = await misfits(cluster, list(answers))
    assert found.keys() == {"python", "older", "bare"}
    assert f"streammerge {mine.streammerge} on Python 2.7" in found["python"]
    assert "streammerge 0.0.1" in found["older"]
    assert f"streammerge {mine.streammerge} on Python {mine.python}" in found["older"]
    assert "pip install" in found["bare"]


def test_settings() -> None:
    """Processes here or a cluster that is there; a job file says it in a table."""
    with pytest.raises(UsageError, match="pass one"):
        ClusterSettings(workers=2, scheduler="tcp://there:8786")
    with pytest.raises(UsageError, match="tcp://there:8786"):
        ClusterSettings(scheduler="there:8786")
    with pytest.raises(UsageError, match="at least 1"):
        ClusterSettings(workers=0)
    assert parse_table("[cluster]\nworkers = 3", "cluster", ClusterSettings) == {"workers": 3}
    with pytest.raises(UsageError, match="worker"):
        parse_table("[cluster]\nworker = 3", "cluster", ClusterSettings)
