"""The package as a whole: its wheel, what an import costs, and that imports point one way."""

import ast
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

# A part of the package imports from its own level and from those above it.
LEVELS = [
    ["errors", "types"],
    ["interop", "data", "train", "decode"],
    ["cells"],
    ["engines", "losses"],
    ["unroll", "wrap", "noise"],
    ["flax"],
    ["layers"],
    ["models"],
    ["diagnostics"],
    ["commands"],
    ["cli"],
]


def run(*command: str | Path, **environment: str) -> str:
    """The output of a command that must succeed."""
    result = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build_wheel(source: Path) -> Path:
    """A wheel of the package, built from a copy so that no stale ``build/`` can leak into it."""
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
    # Dependencies come from this environment, but not its seqmodels: no .pth file acts there.
    code = "import seqmodels, seqmodels.unroll; print(seqmodels.__file__)"
    place = run(python, "-P", "-c", code, PYTHONPATH=sysconfig.get_path("purelib"))
    assert Path(place.strip()).is_relative_to(environment)


@pytest.mark.parametrize("module", ["seqmodels", "seqmodels.errors", "seqmodels.cli"])
def test_command_line_starts_without_jax(module: str):
    run(sys.executable, "-c", f"import sys, {module}; sys.exit('jax' in sys.modules)")


def test_types_are_checked_here_and_only_here():
    with pytest.raises(TypeCheckError):
        cross_entropy(jnp.zeros((1, 4)), jnp.zeros((2,), jnp.int32))
    run(
        sys.executable,
        "-c",
        "import seqmodels.losses.classification, sys; sys.exit('beartype' in sys.modules)",
    )


def imports(path: Path) -> set[str]:
    """The parts of the package that a file imports, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found |= {name.split(".")[1] for name in names if name.startswith("seqmodels.")}
    return found


def test_imports_point_one_way():
    level = {part: number for number, parts in enumerate(LEVELS) for part in parts}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        assert part in level or part == "__init__", f"say in LEVELS where {part} belongs"
        own = level.get(part, -1)
        wrong += [(str(path), other) for other in imports(path) if level[other] > own]
    assert not wrong


def test_example_in_the_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {})
