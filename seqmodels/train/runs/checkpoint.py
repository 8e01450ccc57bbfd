"""Checkpoints with orbax: atomic, asynchronous, verified by checksums."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from orbax.checkpoint import v1 as ocp

from seqmodels.errors import UserError
from seqmodels.train.state import TrainState
from seqmodels.types import Params, PyTree

MANIFEST = "manifest.json"
OLD_MANIFEST = "seal.json"  # of version 0.1

Print = Callable[[str], Any]

_copy = jax.jit(partial(jax.tree.map, jnp.copy))


class Checkpoints:
    """The checkpoints of one run, in ``directory/<step>``: the last few and the best.

    orbax commits a checkpoint by renaming its directory. Then the manifest is written, with the
    headline value, the shapes of all arrays and a checksum of every file. The manifest is written
    last and deleted first, so an interrupted checkpoint has none, and a damaged one does not match
    its own.
    """

    def __init__(self, directory: Path | str, keep: int = 2, report: Print = print):
        self.directory = Path(directory).absolute()
        self.keep, self.report = max(keep, 1), report
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self.pending: Future | None = None

    def save(self, state: TrainState, value: float | None = None, step: int | None = None) -> None:
        """Save in the background; ``value`` ranks the checkpoint (lower is better).

        Give ``step`` for a population, whose state has one step per member.
        """
        self.wait()
        path = self.directory / str(int(state.step) if step is None else step)
        # Copied, because the next chunk overwrites these buffers.
        parts = _copy(_split(state))
        manifest = {"value": value, "arrays": _arrays(parts)}
        response = ocp.save_checkpointables_async(path, parts, overwrite=True)
        self.pending = self.worker.submit(self._finish, response, path, manifest)

    def wait(self) -> None:
        """Wait until the last save is on disk."""
        if self.pending is not None:
            self.pending.result()
            self.pending = None

    def _finish(self, response: Any, path: Path, manifest: dict[str, Any]) -> None:
        response.result()
        if jax.process_index() == 0:
            partial = path / (MANIFEST + ".partial")
            partial.write_text(json.dumps({**manifest, "files": dict(_checksums(path))}, indent=1))
            partial.rename(path / MANIFEST)
            self._prune()

    def _prune(self) -> None:
        steps = self.steps()
        for step in set(steps) - {*steps[-self.keep :], self.best()}:
            _manifest_file(self.directory / str(step)).unlink()
            shutil.rmtree(self.directory / str(step))

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints with a manifest, oldest first."""
        return sorted(step for step in self._candidates() if self._has_manifest(step))

    def _has_manifest(self, step: int) -> bool:
        return _manifest_file(self.directory / str(step)).is_file()

    def best(self) -> int | None:
        """Return the step of the lowest value, or the last step if nothing was evaluated."""
        steps = self.steps()
        values = [(_manifest(self.directory / str(step)).get("value"), step) for step in steps]
        ranked = [(value, step) for value, step in values if value is not None]
        return min(ranked)[1] if ranked else max(steps, default=None)

    def last_path(self) -> Path | None:
        """Return the path of the newest undamaged checkpoint."""
        self.wait()
        intact = [step for step in reversed(self.steps()) if not self.damage(step)]
        return self.directory / str(intact[0]) if intact else None

    def damage(self, step: int) -> str | None:
        """Return what is wrong with a checkpoint, or None if it is undamaged."""
        path = self.directory / str(step)
        expected, found = _manifest(path).get("files"), dict(_checksums(path))
        if expected is None:
            return "it is incomplete"
        wrong = [name for name in expected if expected[name] != found.get(name)]
        return f"{wrong[0]} is missing or damaged" if wrong else None

    def restore(self, abstract: Callable[[int], TrainState]) -> TrainState:
        """Load the newest undamaged state; ``abstract(step)`` gives its shapes and dtypes."""

        def load(path: Path) -> TrainState:
            return _join(_load(path, jax.eval_shape(_split, abstract(int(path.name)))))

        return self._first(self._candidates(), load)

    def restore_params(self, abstract: Params, step: int | None = None) -> tuple[Params, int]:
        """Load the weights of the best undamaged checkpoint, or of ``step``, and its step."""

        def load(path: Path) -> tuple[Params, int]:
            part = "average" if (path / "average").exists() else "params"
            return _load(path, {part: abstract})[part], int(path.name)

        first = self.best() if step is None else step
        steps = [step for step in self._candidates() if step != first]
        return self._first([*([] if first is None else [first]), *steps], load)

    def _candidates(self) -> list[int]:
        names = [path.name for path in self.directory.glob("*") if path.name.isdigit()]
        return sorted(map(int, names), reverse=True)

    def _first(self, steps: list[int], load: Callable[[Path], Any]) -> Any:
        for step in steps:
            damage = self.damage(step)
            if damage is None:
                return load(self.directory / str(step))
            self.report(f"skipping checkpoint {self.directory / str(step)}: {damage}")
        raise UserError(f"no undamaged checkpoint in {self.directory}; train the run again")


def _manifest_file(path: Path) -> Path:
    old = path / OLD_MANIFEST
    return old if old.is_file() else path / MANIFEST


def _manifest(path: Path) -> dict[str, Any]:
    try:
        return json.loads(_manifest_file(path).read_text())
    except (OSError, ValueError):
        return {}


def _checksums(path: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.name.startswith((MANIFEST, OLD_MANIFEST)):
            with file.open("rb") as stream:
                yield str(file.relative_to(path)), hashlib.file_digest(stream, "sha256").hexdigest()


def _split(state: TrainState) -> dict[str, PyTree]:
    """Split a state into parts that can be read separately."""
    rest = state._replace(params=(), average=(), key=jax.random.key_data(state.key))
    parts = {"params": state.params, "average": state.average, "rest": rest}
    return {name: part for name, part in parts.items() if jax.tree.leaves(part)}


def _join(parts: dict[str, PyTree]) -> TrainState:
    rest = parts["rest"]
    key = jax.random.wrap_key_data(rest.key)
    return rest._replace(params=parts["params"], average=parts.get("average", ()), key=key)


def _load(path: Path, abstract: dict[str, PyTree]) -> dict[str, PyTree]:
    """Load parts onto this process's first device."""
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    wanted = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), abstract
    )
    _check_fit(path, abstract)
    return ocp.load_checkpointables(path, wanted)


def _arrays(parts: dict[str, PyTree]) -> dict[str, str]:
    """Return dtype and shape of every array by name."""
    leaves = jax.tree_util.tree_leaves_with_path(parts)
    return {jax.tree_util.keystr(path): f"{x.dtype}{list(x.shape)}" for path, x in leaves}


def _check_fit(path: Path, abstract: dict[str, PyTree]) -> None:
    """Compare shapes before orbax reads, so that the message can name the difference."""
    saved, wanted = _manifest(path)["arrays"], _arrays(abstract)
    saved = {name: text for name, text in saved.items() if name.startswith(_prefixes(abstract))}
    for name in sorted(saved.keys() | wanted.keys()):
        if saved.get(name) != wanted.get(name):
            raise UserError(
                f"checkpoint {path} does not fit the config: {name} is {saved.get(name, 'absent')} "
                f"there and {wanted.get(name, 'absent')} here; use the flags it was trained with"
            )


def _prefixes(parts: dict[str, PyTree]) -> tuple[str, ...]:
    return tuple(f"['{part}']" for part in parts)
