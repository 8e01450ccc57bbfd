"""A run on the disk: ``runs/<experiment>/<name>/`` alone is enough to evaluate, sample or go on.

config.json       experiment and config          metrics.jsonl  a record a line
extras.json       vocabulary and the like        checkpoints/   see checkpoint.py
environment.json  versions, device, git commit   curves.png     drawn at the end
"""

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from seqmodels.errors import UserError
from seqmodels.train.distributed.hosts import by_first

Config = TypeVar("Config")
PACKAGES = ("seqmodels", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class RunDirectory:
    """Paths and small files of one run; ``checkpoints`` are orbax's business."""

    def __init__(self, path: Path | str):
        self.path = Path(path).absolute()
        self.config_file = self.path / "config.json"
        self.extras_file = self.path / "extras.json"
        self.environment_file = self.path / "environment.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"

    @classmethod
    def open(cls, path: Path | str, experiment: str) -> "RunDirectory":
        """An existing run of this experiment."""
        run = cls(path)
        if not run.config_file.is_file():
            raise UserError(f"{path} is no run: give a directory such as runs/{experiment}/001")
        found = _read_json(run.config_file).get("experiment")
        if found != experiment:
            raise UserError(f"{path} is a run of {found}: use python -m experiments.{found}")
        return run

    @classmethod
    def choose(
        cls, root: str, experiment: str, name: str | None, overwrite: bool
    ) -> "RunDirectory":
        """A place for a new run; a name that is taken needs ``--overwrite``."""
        parent = Path(root) / experiment
        if name is None:
            taken = [int(path.name) for path in parent.glob("*") if path.name.isdigit()]
            return cls(parent / f"{max(taken, default=0) + 1:03d}")
        run = cls(parent / name)
        if run.path.exists() and not (overwrite and run.config_file.is_file()):
            raise UserError(
                f"{parent / name} exists: go on with --resume {parent / name}, replace it with "
                "--overwrite, or choose another --name"
            )
        return run

    @by_first
    def create(self, experiment: str, config: Any, extras: dict[str, Any]) -> None:
        """Begin the run, in place of one that was to be overwritten."""
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        self.write_config(experiment, config)
        _write_json(self.extras_file, extras)
        _write_json(self.environment_file, environment())

    @by_first
    def write_config(self, experiment: str, config: Any) -> None:
        _write_json(self.config_file, {"experiment": experiment, "config": asdict(config)})

    def config(self, kind: type[Config]) -> Config:
        """The run's config; a field that the run's version did not have takes its default."""
        values = _read_json(self.config_file).get("config", {})
        return read_config(kind, values, str(self.config_file))

    def extras(self) -> dict[str, Any]:
        return _read_json(self.extras_file)

    @by_first
    def log(self, record: dict[str, Any]) -> None:
        """Append a record to metrics.jsonl."""
        with self.metrics_file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[dict[str, Any]]:
        if not self.metrics_file.exists():
            return []
        return [json.loads(line) for line in self.metrics_file.read_text().splitlines()]

    @by_first
    def rewind(self, step: int) -> None:
        """Forget what was logged after ``step``, a half-written last line included."""
        lines = self.metrics_file.read_text().splitlines() if self.metrics_file.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        self.metrics_file.write_text("".join(line + "\n" for line in kept))


def read_config(kind: type[Config], values: dict[str, Any], where: str) -> Config:
    """A config from JSON: no field but those of ``kind``, each of the type that its default has."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    wrong = [f"unknown {name}" for name in sorted(values.keys() - names)]
    default = kind()
    for name in sorted(names & values.keys()):
        expected = getattr(default, name)
        if not _fits(values[name], expected):
            wrong.append(f"{name} must be {type(expected).__name__}, is {values[name]!r}")
    if wrong:
        raise UserError(f"{where} does not fit this version of the experiment: {'; '.join(wrong)}")
    return kind(**{name: _tuples(value) for name, value in values.items()})


def _fits(value: Any, expected: Any) -> bool:
    if value is None or expected is None:
        return True
    kinds = {float: (int, float), tuple: (list,)}.get(type(expected), (type(expected),))
    return isinstance(value, kinds) and isinstance(value, bool) == isinstance(expected, bool)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def environment() -> dict[str, Any]:
    """What it takes to know where a number came from."""
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
    """Commit of the checkout that holds this file, ``+`` where it has changes; None elsewhere."""

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
        raise UserError(f"{path} cannot be read ({error}): the run is damaged") from error


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
