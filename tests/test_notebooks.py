"""Every notebook runs at smoke size, and is stored with the outputs of a whole run."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REPRESENTATIVE = "write_your_own_experiment"  # the others run with make test-all


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def case(path: Path):
    marks = [] if path.stem == REPRESENTATIVE else [pytest.mark.exhaustive]
    return pytest.param(path, id=path.stem, marks=marks)


@pytest.fixture(scope="module")
def client():
    """Return a client with one kernel for all notebooks, which import and compile the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQMODELS_SMOKE", "1")
        patch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"].replace("count=8", "count=1"))
        empty = nbformat.v4.new_notebook()
        client = NotebookClient(empty, timeout=300, resources={"metadata": {"path": ROOT}})
        with client.setup_kernel():
            yield client


# The kernel warns about its own sockets and event loop.
@pytest.mark.filterwarnings("default")
@pytest.mark.xdist_group("notebooks")
@pytest.mark.parametrize("path", [case(path) for path in NOTEBOOKS])
def test_runs(client: NotebookClient, path: Path):
    notebook = read(path)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client.nb = notebook
    for index, cell in enumerate(notebook.cells):
        client.execute_cell(cell, index)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_with_its_outputs(path: Path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in out.get("data", {}) for cell in code for out in cell.outputs)
    assert all(out.output_type != "error" for cell in code for out in cell.outputs)
