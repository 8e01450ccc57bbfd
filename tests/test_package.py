"""The package as a whole: its wheel, the cost of an import, the README."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from seqmodels.losses.classification import cross_entropy

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "seqmodels"
SOURCES = (".py", ".cc", ".h")


def run(*command: str | Path, **environment: str) -> str:
    """Run a command that must succeed and return its output."""
    result = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build_wheel(source: Path) -> Path:
    """Build a wheel from a copy, so that no stale ``build/`` can leak into it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("seqmodels", "experiments", "tests"):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", source, source)
    return next(source.glob("*.whl"))


def test_wheel_is_whole_and_works_in_an_empty_environment(tmp_path: Path):
    wheel = build_wheel(tmp_path / "source")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(SOURCES)}
    folders = (PACKAGE, ROOT / "experiments")
    assert packed == {
        str(file.relative_to(ROOT))
        for each in folders
        for suffix in SOURCES
        for file in each.rglob(f"*{suffix}")
    }

    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    offline = ("--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel)
    # Dependencies come from this environment, but not seqmodels, since .pth files do not apply.
    code = "import seqmodels, seqmodels.unroll; print(seqmodels.__file__)"
    place = run(python, "-P", "-c", code, PYTHONPATH=sysconfig.get_path("purelib"))
    assert Path(place.strip()).is_relative_to(environment)


def test_imports_are_no_larger_than_needed():
    """``--help`` and data need no jax, only tests beartype, and only Hopper GPUs Pallas.

    All checks share one process, because starting Python and importing jax takes seconds.
    """
    code = """
import pkgutil, sys
import experiments.sentiment.experiment, seqmodels.cli, seqmodels.data
for module in pkgutil.walk_packages(seqmodels.data.__path__, "seqmodels.data."):
    __import__(module.name)
assert "jax" not in sys.modules
import seqmodels.losses.classification
assert "beartype" not in sys.modules

import jax, jax.numpy as jnp
from seqmodels.cells.registry import CELLS
from seqmodels.unroll import unroll
cell = CELLS["lstm"](64, 64, dtype=jnp.bfloat16)  # on a Hopper GPU, auto would try mosaic
params = jax.eval_shape(cell.init, jax.random.key(0))
jax.eval_shape(lambda params, xs: unroll(cell, params, xs), params, jnp.zeros((2, 3, 64)))
assert not any(name.startswith("jax.experimental.pallas") for name in sys.modules)
assert "seqmodels.engines.mosaic.engine" not in sys.modules
"""
    run(sys.executable, "-c", code)


def test_types_are_checked_in_tests():
    with pytest.raises(TypeCheckError):
        cross_entropy(jnp.zeros((1, 4)), jnp.zeros((2,), jnp.int32))


def test_readme_example_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {})
