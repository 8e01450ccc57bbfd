"""A run on disk: ``runs/<experiment>/<name>/`` is enough to evaluate, sample and resume.

config.json       experiment, recipe, config     metrics.jsonl  one record per line
metadata.json     vocabulary, classes, scales    checkpoints/   see checkpoint.py
environment.json  versions, device, git commit   curves.png     drawn at the end
"""

import json
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seqmodels.errors import UserError
from seqmodels.train.config import config_values, with_values
from seqmodels.train.distributed.hosts import on_first_host
from seqmodels.train.runs import old_format

if TYPE_CHECKING:
    from seqmodels.train.experiment import Experiment

C = TypeVar("C")
PACKAGES = ("seqmodels", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class RunDirectory:
    """Paths and small files of one run; orbax writes the checkpoints."""

    def __init__(self, path: Path | str):
        self.path = Path(path).absolute()
        self.config_file = self.path / "config.json"
        self.metadata_file = self.path / "metadata.json"
        self.environment_file = self.path / "environment.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"

    @classmethod
    def open(cls, path: Path | str, experiment: "Experiment | None" = None) -> "RunDirectory":
        """Open an existing run, of ``experiment`` if one is given."""
        run = cls(path)
        if not run.config_file.is_file():
            name = experiment.name if experiment else "sentiment"
            raise UserError(f"{path} is not a run directory; expected for instance runs/{name}/001")
        if experiment is not None and run.experiment_name() != experiment.name:
            module = run.experiment_module().removesuffix(".experiment")
            raise UserError(f"{path} is a run of {run.experiment_name()}; use python -m {module}")
        return run

    @classmethod
    def choose(
        cls, root: str, experiment: str, name: str | None, overwrite: bool
    ) -> "RunDirectory":
        """Choose the directory of a new run: the next free number, or ``name``."""
        parent = Path(root) / experiment
        if name is None:
            taken = [int(path.name) for path in parent.glob("*") if path.name.isdigit()]
            return cls(parent / f"{max(taken, default=0) + 1:03d}")
        run = cls(parent / name)
        if run.path.exists() and not (overwrite and run.config_file.is_file()):
            raise UserError(
                f"{parent / name} exists: continue it with --resume {parent / name}, replace it "
                "with --overwrite, or choose another --name"
            )
        return run

    @on_first_host
    def create(
        self, experiment: "Experiment", config: Any, metadata: dict[str, Any], recipe: str | None
    ) -> None:
        """Create the run, replacing one that is to be overwritten."""
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        self.write_config(experiment, config, recipe)
        _write_json(self.metadata_file, metadata)
        _write_json(self.environment_file, environment())

    @on_first_host
    def write_config(self, experiment: "Experiment", config: Any, recipe: str | None) -> None:
        """Write config.json."""
        content = {
            "experiment": experiment.name,
            "module": experiment.module,
            "recipe": recipe,
            "config": config_values(config),
        }
        _write_json(self.config_file, content)

    def content(self) -> dict[str, Any]:
        """Read config.json."""
        return old_format.upgrade(_read_json(self.config_file))

    def experiment_name(self) -> str:
        """Return the name of the run's experiment."""
        return self.content().get("experiment", "unknown")

    def experiment_module(self) -> str:
        """Return the module that defines the run's experiment."""
        return self.content().get("module", "unknown")

    def check_resumable(self) -> None:
        """Raise ``UserError`` if this version cannot resume the run."""
        if old_format.is_old(_read_json(self.config_file)):
            raise UserError(
                f"{self.path} was made by seqmodels 0.1: it can be evaluated but not resumed"
            )

    def recipe(self) -> str | None:
        """Return the name of the recipe that the run follows, if any."""
        return self.content().get("recipe")

    def config(self, kind: type[C]) -> C:
        """Read the run's config; fields that are absent take their defaults."""
        return read_config(kind, self.content().get("config", {}), str(self.config_file))

    def metadata(self) -> dict[str, Any]:
        """Read what the model needs to know about the data."""
        return _read_json(old_format.metadata_file(self.metadata_file))

    @on_first_host
    def log(self, record: dict[str, Any]) -> None:
        """Append a record to metrics.jsonl."""
        with self.metrics_file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[dict[str, Any]]:
        """Read all records."""
        if not self.metrics_file.exists():
            return []
        return [json.loads(line) for line in self.metrics_file.read_text().splitlines()]

    @on_first_host
    def rewind(self, step: int) -> None:
        """Remove records after ``step`` and an incomplete last line."""
        lines = self.metrics_file.read_text().splitlines() if self.metrics_file.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        _write(self.metrics_file, "".join(line + "\n" for line in kept))

    def display_path(self) -> str:
        """Return the path as a person would type it."""
        try:
            return str(self.path.relative_to(Path.cwd()))
        except ValueError:
            return str(self.path)


def read_config(kind: type[C], values: dict[str, Any], where: str) -> C:
    """Convert JSON to a config, checking names and types of the fields against the defaults."""
    default = kind()
    expected = config_values(default)
    wrong = [f"unknown {name}" for name in sorted(values.keys() - expected.keys())]
    for name in sorted(expected.keys() & values.keys()):
        if not _fits(values[name], expected[name]):
            wrong.append(f"{name} must be {type(expected[name]).__name__}, is {values[name]!r}")
    if wrong:
        raise UserError(f"{where} does not fit this version of the experiment: {'; '.join(wrong)}")
    return with_values(default, {name: _tuples(value) for name, value in values.items()})


def _fits(value: Any, expected: Any) -> bool:
    if value is None or expected is None:
        return True
    kinds = {float: (int, float), tuple: (list,)}.get(type(expected), (type(expected),))
    return isinstance(value, kinds) and isinstance(value, bool) == isinstance(expected, bool)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def environment() -> dict[str, Any]:
    """Return command, versions and device, for reproducing a number."""
    import jax

    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "backend": jax.default_backend(),
        "git_commit": git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None  # run from a checkout


def git_commit() -> str | None:
    """Return the commit of this checkout, with ``+`` if it has changes; None outside of one."""

    def git(*arguments: str) -> str:
        place = ["git", "-C", str(Path(__file__).parent)]
        done = subprocess.run(place + list(arguments), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); the run is damaged") from error


def _write_json(path: Path, value: dict[str, Any]) -> None:
    _write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    """Replace the file in one step: another process may read it at any time."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)
