"""The structure of the code: names, sizes, the direction of imports, and where tests are."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "seqmodels", ROOT / "experiments")
FILES = sorted(file for folder in PACKAGES for file in folder.rglob("*.py"))
MOST_LINES = 300
LONGEST_FUNCTION = 45

# A part of the package imports from its own level and from those above it.
LEVELS = [
    ["errors", "types"],
    ["interop", "data", "train"],
    ["cells"],
    ["engines", "losses"],
    ["unroll", "wrap", "wrap_io", "noise", "feedback", "grid", "decode", "distributions"],
    ["flax"],
    ["layers"],
    ["models"],
    ["diagnostics"],
    ["commands"],
    ["cli"],
    ["__main__"],
]

# Constructors: functions that share the arguments of their constructor.
LONG_FUNCTIONS = {
    "seqmodels/cells/carry_track_lstm.py:carry_track_lstm",
    "seqmodels/cells/lru.py:lru",
    "seqmodels/cells/lstm.py:lstm",
    "seqmodels/cells/rg_lru.py:rg_lru",
    "seqmodels/cells/slstm.py:slstm",
    "seqmodels/models/classification/classifier.py:classifier",
    "seqmodels/models/seq2seq/attention_decoder.py:attention_decoder",
    "seqmodels/models/seq2seq/encoder_decoder.py:encoder_decoder",
}

# Each experiment's module has these names, by the shape that all experiments share.
SHARED_NAMES = {"Config"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in the file it does so."""
    modules = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def parts(modules: set[str]) -> set[str]:
    """Return the parts of the library among modules."""
    return {name.split(".")[1] for name in modules if name.startswith("seqmodels.")}


def test_imports_point_one_way():
    level = {part: number for number, parts in enumerate(LEVELS) for part in parts}
    wrong = []
    for path in sorted((ROOT / "seqmodels").rglob("*.py")):
        part = path.relative_to(ROOT / "seqmodels").parts[0].removesuffix(".py")
        assert part in level or part == "__init__", f"add {part} to LEVELS"
        own = level.get(part, -1)
        wrong += [(str(path), other) for other in parts(imports(path)) if level[other] > own]
    assert not wrong


def test_the_library_imports_no_experiment():
    wrong = [
        str(path)
        for path in (ROOT / "seqmodels").rglob("*.py")
        if any(module.split(".")[0] == "experiments" for module in imports(path))
    ]
    assert not wrong


def test_no_experiment_imports_another():
    wrong = []
    for path in (ROOT / "experiments").rglob("*.py"):
        own = path.relative_to(ROOT / "experiments").parts[0]
        if path.parent != ROOT / "experiments":
            used = {m.split(".")[1] for m in imports(path) if m.startswith("experiments.")}
            wrong += [(str(path), other) for other in used - {own}]
    assert not wrong


def test_data_and_training_know_no_model():
    for part in ("data", "train"):
        for path in (ROOT / "seqmodels" / part).rglob("*.py"):
            assert not parts(imports(path)) & {"models", "layers", "diagnostics"}, path


def test_flags_are_in_commands_experiments_and_training():
    for part in ("decode", "models", "diagnostics", "layers", "losses", "engines", "cells"):
        for path in (ROOT / "seqmodels" / part).rglob("*.py"):
            flags = any(module.split(".")[0] == "tyro" for module in imports(path))
            assert not flags or path.name == "__main__.py", path


def test_no_class_is_defined_twice():
    places = defaultdict(list)
    for path in FILES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert not {n: p for n, p in places.items() if len(p) > 1 and n not in SHARED_NAMES}


def test_no_file_names_differ_by_a_final_s():
    stems = {file.stem for file in FILES}
    assert not {stem for stem in stems if stem + "s" in stems}


@pytest.mark.parametrize("file", [f for f in FILES if f.read_text("utf-8").count("\n") > 200])
def test_files_are_short(file: Path):
    assert file.read_text("utf-8").count("\n") <= MOST_LINES


def test_functions_are_short():
    long = set()
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION:
                    long.add(f"{path.relative_to(ROOT).as_posix()}:{node.name}")
    assert long == LONG_FUNCTIONS


def test_tests_mirror_the_code():
    """A test file in a subfolder is named after a module, or a folder, at the same place."""
    wrong = []
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        folder = test.parent.relative_to(ROOT / "tests")
        if folder == Path(".") or folder.parts[0] == "peers":
            continue
        base = ROOT if folder.parts[0] == "experiments" else ROOT / "seqmodels"
        name = test.stem.removeprefix("test_")
        if not ((base / folder / f"{name}.py").exists() or (base / folder / name).is_dir()):
            wrong.append(str(test.relative_to(ROOT)))
    assert not wrong


def test_every_experiment_has_the_same_shape():
    for module in (ROOT / "experiments").glob("*/experiment.py"):
        folder = module.parent
        assert module.read_text("utf-8").count("\n") <= 200, folder.name
        for name in ("__main__.py", "README.md", "recipes.py"):
            assert (folder / name).is_file(), f"{folder.name}/{name}"


def test_links_between_documents_exist():
    broken = []
    for document in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("experiments/*/*.md"),
    ):
        for link in re.findall(r"\]\(([^)#]+)", document.read_text("utf-8")):
            if not link.startswith("http") and not (document.parent / link).exists():
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert not broken
