"""The command that compiles the kernels, and its error messages."""

import shutil

import jax
import jax.numpy as jnp
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.engines.native import __main__, build
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

pytestmark = pytest.mark.xdist_group("native")  # one worker compiles the kernels


@pytest.mark.exhaustive
def test_the_command_compiles_and_removes(compiled, command, tmp_path):
    assert build.library_path().exists()  # compiled by the command
    path = tmp_path / "seqmodels" / "native" / build.library_path().name
    home = {"XDG_CACHE_HOME": str(tmp_path)}
    path.parent.mkdir(parents=True)
    shutil.copy(build.library_path(), path)
    assert command("--remove", **home).stdout == f"removed {path}\n"
    assert not path.exists()
    assert command("--remove", **home).stdout == "no compiled kernels found\n"


@pytest.fixture
def main(monkeypatch, capsys):
    """Run the command in this process; return its exit status and what it printed to stderr."""

    def run(**environment):
        monkeypatch.setattr("sys.argv", ["native"])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return __main__.main(), capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("compiler", "message"), [("no-such-c++", "no C++ compiler"), ("false", "cannot compile")]
)
def test_a_missing_or_failing_compiler_is_reported_in_one_line(main, tmp_path, compiler, message):
    status, error = main(CXX=compiler, XDG_CACHE_HOME=str(tmp_path))
    assert status == 2
    assert message in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.rglob("*.so"))


def test_an_unusable_cache_folder_is_reported(main, tmp_path):
    (tmp_path / "file").touch()
    status, error = main(XDG_CACHE_HOME=str(tmp_path / "file"))
    assert status == 2
    assert "set XDG_CACHE_HOME= to another folder" in error


def test_a_damaged_library_is_reported_in_one_line(tmp_path):
    (tmp_path / "broken.so").write_text("not a library")
    with pytest.raises(
        UserError, match=r"compile it again: python -m seqmodels\.engines\.native$"
    ) as error:
        build.load(tmp_path / "broken.so")
    assert "\n" not in str(error.value)


def test_missing_kernels_are_reported_with_the_command_that_compiles_them(monkeypatch):
    monkeypatch.setattr("seqmodels.engines.native.engine.library", lambda: None)
    cell = CELLS["lstm"](4, 8)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, jnp.zeros((5, 9, 4)), engine="native")  # noqa: E731
    with pytest.raises(UserError, match=r"compiled: python -m seqmodels\.engines\.native"):
        jax.eval_shape(run, params)
