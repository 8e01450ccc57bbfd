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


@pytest.fixture(scope="module")
def client():
    """One kernel for all notebooks: each would import and compile much the same again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQMODELS_SMOKE", "1")
        patch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"].replace("count=8", "count=1"))
        empty = nbformat.v4.new_notebook()
        client = NotebookClient(empty, timeout=300, resources={"metadata": {"path": ROOT}})
        with client.setup_kernel():
            yield client


# The kernel's own sockets and event loop are none of this project's warnings.
@pytest.mark.filterwarnings("default")
@pytest.mark.xdist_group("notebooks")
def test_runs(client: NotebookClient, notebook: nbformat.NotebookNode):
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client.nb = notebook
    for index, cell in enumerate(notebook.cells):
        client.execute_cell(cell, index)


def test_was_kept_with_its_outputs(notebook: nbformat.NotebookNode):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in out.get("data", {}) for cell in code for out in cell.outputs)
    assert all(out.output_type != "error" for cell in code for out in cell.outputs)
