"""The notebook, executed from its first cell to its last."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

from command import environment
from seeding import new_bucket, put_all
from servers import Server, connect

NOTEBOOK = Path(__file__).parents[2] / "examples/train_reidnet_v3.ipynb"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter, about itself


@pytest.fixture
def bucket(seaweed: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with a merged set, and an environment in which the notebook finds it."""
    client = connect(seaweed)
    name = new_bucket(client)
    bodies = {}
    for identity in range(12):
        for number in range(2 + identity % 3):
            file = io.BytesIO()
            Image.new("RGB", (20, 30), (identity * 20, number * 50, 99)).save(file, "jpeg")
            bodies[f"set/id{identity:02}/{number}.jpg"] = file.getvalue()
    put_all(client, name, {**bodies, "set/train.rec": b"RecordIO"})
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


def execute(folder: Path) -> str:
    """Execute it; all that it printed. Raises CellExecutionError at the first cell that fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert {output.name for output in outputs} == {"stdout"}, outputs
    return "".join(output.text for output in outputs)


def test_from_the_merged_set_to_a_batch(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step says what it should of a set of 12 identities."""
    monkeypatch.setenv("REIDNET_URL", f"s3://{bucket}/set/")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.idx").touch()
    said = execute(tmp_path)
    for expected in (
        f"s3://{bucket}/set/ is there",
        "PULL COMPLETE",
        "12 identities; of 12 of them:",
        "36 images, 3.0 an identity, 2 to 4",
        "36 images of 12 identities",
        "a batch of 32 images of (112, 112), RGB; labels [0, 1, ",
    ):
        assert expected in said, said
    assert not (tmp_path / "data/train.idx").exists()


def test_without_the_set_it_says_how_to_make_it(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at the check, with the command."""
    monkeypatch.setenv("REIDNET_URL", f"s3://{bucket}/not-merged-yet/")
    with pytest.raises(CellExecutionError, match=f"--into s3://{bucket}/not-merged-yet/"):
        execute(tmp_path)
    assert not (tmp_path / "data").exists()


def test_it_is_committed_without_outputs() -> None:
    """Outputs would show somebody's data, and change with every run."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
