"""The notebooks, each executed from its first cell to its last."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from command import environment
from seeding import new_bucket, put_all
from servers import Server, connect
from streammerge.demo import dataset

_EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter, about itself


@pytest.fixture
def bucket(seaweed: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with the demo's data sets, and an environment in which the notebook finds it."""
    client = connect(seaweed)
    name = new_bucket(client)
    put_all(client, name, dict(dataset.objects()))
    home = {
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "run"),
    }
    for variable, value in (environment(seaweed) | home).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("REIDNET_DIR", str(tmp_path / "data"))
    yield name
    client.close()


def execute(folder: Path, name: str = "train_reidnet_v3") -> tuple[str, set[str]]:
    """Execute one: all that it printed, and the types of what it showed. Raises CellExecutionError if a cell fails."""
    notebook = nbformat.read(_EXAMPLES / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = [output for output in outputs if output.output_type == "stream"]
    assert {output.name for output in printed} == {"stdout"}, outputs
    shown = {kind for output in outputs if output.output_type == "execute_result" for kind in output.data}
    return "".join(output.text for output in printed), shown


def test_from_sources_to_a_trained_embedding(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step says what it should of the demo's data, and the embedding tells people apart."""
    sources = [f"s3://{bucket}/{prefix}" for prefix in (dataset.PHOTOS, dataset.FACES)]
    monkeypatch.setenv("REIDNET_SOURCES", " ".join(sources))
    monkeypatch.setenv("REIDNET_URL", f"s3://{bucket}/{dataset.MERGED}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.idx").touch()
    said, shown = execute(tmp_path)
    for expected in (
        "To copy:        70 (100%",
        "MERGE COMPLETE",
        f"s3://{bucket}/{dataset.MERGED} is there",
        "PULL COMPLETE",
        "70 images of 21 identities",
        "an epoch of ",
    ):
        assert expected in said, said
    assert shown >= {"text/html", "image/png"}  # the page of the inspection, the grid of faces
    start, end = map(float, re.findall(r"loss ([0-9.]+) at the beginning, ([0-9.]+) at the end", said)[0])
    assert end < start / 2
    [accuracy] = re.findall(r"held-out pairs: ([0-9.]+)%", said)
    assert float(accuracy) > 75
    assert not (tmp_path / "data/train.idx").exists()


def test_without_the_set_it_says_how_to_make_it(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at the check, with the command."""
    monkeypatch.setenv("REIDNET_URL", f"s3://{bucket}/not-merged-yet/")
    with pytest.raises(CellExecutionError, match=f"--into s3://{bucket}/not-merged-yet/"):
        execute(tmp_path)
    assert not (tmp_path / "data").exists()


def test_pull_from_sources(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a merge, and without a destination: what is pulled is the demo's merged set, and each source is told."""
    job = tmp_path / "job.toml"
    job.write_text(
        f'[[sources]]\nurl = "s3://{bucket}/{dataset.PHOTOS}"\n'
        f'[[sources]]\nurl = "s3://{bucket}/{dataset.FACES}"\nlayout = "{{identity}}_face.{{ext}}"\n'
    )
    monkeypatch.setenv("REIDNET_JOB", str(job))
    said, shown = execute(tmp_path, "pull_from_sources")
    for expected in ("PULL COMPLETE", "Images: 70 (", "photos: ", "identities in several sources"):
        assert expected in said, said
    assert "image/png" in shown


@pytest.mark.parametrize("notebook", sorted(_EXAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_they_are_committed_without_outputs(notebook: Path) -> None:
    """Outputs would show somebody's data, and change with every run."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
