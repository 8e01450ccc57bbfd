"""Every notebook runs, at smoke size, and is kept with the outputs of a whole run."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


# The kernel's own sockets and event loop are none of this project's warnings.
@pytest.mark.filterwarnings("default")
def test_runs(notebook: nbformat.NotebookNode, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEQMODELS_SMOKE", "1")
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"].replace("count=8", "count=1"))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT}})
    client.execute()


def test_was_kept_with_its_outputs(notebook: nbformat.NotebookNode):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in out.get("data", {}) for cell in code for out in cell.outputs)
    assert all(out.output_type != "error" for cell in code for out in cell.outputs)
