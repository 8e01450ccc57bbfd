"""Checkpoints with orbax: atomic, asynchronous, the last few and the best, sealed by checksums."""

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

SEAL = "seal.json"

Say = Callable[[str], Any]

_copy = jax.jit(partial(jax.tree.map, jnp.copy))


class Checkpoints:
    """The checkpoints of one run, in ``directory/<step>``.

    orbax commits a checkpoint by renaming its directory; then we write the seal: the headline
    value, shapes of all arrays, a checksum of every file.  The seal comes last and goes first, so
    a checkpoint that was interrupted on the way in or out has none, and one damaged later does
    not match its own.
    """

    def __init__(self, directory: Path | str, keep: int = 2, say: Say = print):
        self.directory = Path(directory).absolute()
        self.keep, self.say = max(keep, 1), say
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self.pending: Future | None = None

    def save(self, state: TrainState, value: float | None = None, step: int | None = None) -> None:
        """Save in the background; ``value`` ranks the checkpoint, lower is better.

        ``step`` must be told of a population, whose state has one for each member.
        """
        self.wait()
        path = self.directory / str(int(state.step) if step is None else step)
        # Copied, because the next chunk is given these very buffers to overwrite.
        parts = _copy(_split(state))
        seal = {"value": value, "arrays": _arrays(parts)}
        response = ocp.save_checkpointables_async(path, parts, overwrite=True)
        self.pending = self.worker.submit(self._finish, response, path, seal)

    def wait(self) -> None:
        """Return when the last save is on the disk."""
        if self.pending is not None:
            self.pending.result()
            self.pending = None

    def _finish(self, response: Any, path: Path, seal: dict[str, Any]) -> None:
        response.result()
        if jax.process_index() == 0:
            partial = path / (SEAL + ".partial")
            partial.write_text(json.dumps({**seal, "files": dict(_checksums(path))}, indent=1))
            partial.rename(path / SEAL)
            self._prune()

    def _prune(self) -> None:
        steps = self.steps()
        for step in set(steps) - {*steps[-self.keep :], self.best()}:
            (self.directory / str(step) / SEAL).unlink()
            shutil.rmtree(self.directory / str(step))

    def steps(self) -> list[int]:
        """Steps with a seal, oldest first."""
        return sorted(int(seal.parent.name) for seal in self.directory.glob(f"*/{SEAL}"))

    def best(self) -> int | None:
        """Step of the lowest value; the last step where nothing was evaluated."""
        steps = self.steps()
        values = [(_seal(self.directory / str(step)).get("value"), step) for step in steps]
        ranked = [(value, step) for value, step in values if value is not None]
        return min(ranked)[1] if ranked else max(steps, default=None)

    def last_path(self) -> Path | None:
        """The newest checkpoint that is whole."""
        self.wait()
        whole = [step for step in reversed(self.steps()) if not self.damage(step)]
        return self.directory / str(whole[0]) if whole else None

    def damage(self, step: int) -> str | None:
        """What is wrong with a checkpoint, None if it is whole."""
        path = self.directory / str(step)
        expected, found = _seal(path).get("files"), dict(_checksums(path))
        if expected is None:
            return "it was not completely written"
        wrong = [name for name in expected if expected[name] != found.get(name)]
        return f"{wrong[0]} is missing or damaged" if wrong else None

    def restore(self, abstract: Callable[[int], TrainState]) -> TrainState:
        """The newest whole state; ``abstract(step)`` tells its shapes and dtypes."""

        def load(path: Path) -> TrainState:
            return _join(_load(path, jax.eval_shape(_split, abstract(int(path.name)))))

        return self._first(self._candidates(), load)

    def restore_params(self, abstract: Params, step: int | None = None) -> tuple[Params, int]:
        """Weights for evaluation and their step: of the best whole checkpoint, or of ``step``."""

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
            self.say(f"checkpoint {self.directory / str(step)} is skipped: {damage}")
        raise UserError(f"no whole checkpoint in {self.directory}: train the run again")


def _seal(path: Path) -> dict[str, Any]:
    try:
        return json.loads((path / SEAL).read_text())
    except (OSError, ValueError):
        return {}


def _checksums(path: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.name.startswith(SEAL):
            with file.open("rb") as stream:
                yield str(file.relative_to(path)), hashlib.file_digest(stream, "sha256").hexdigest()


def _split(state: TrainState) -> dict[str, PyTree]:
    """Parts that can be read one without the other."""
    rest = state._replace(params=(), average=(), key=jax.random.key_data(state.key))
    parts = {"params": state.params, "average": state.average, "rest": rest}
    return {name: part for name, part in parts.items() if jax.tree.leaves(part)}


def _join(parts: dict[str, PyTree]) -> TrainState:
    rest = parts["rest"]
    key = jax.random.wrap_key_data(rest.key)
    return rest._replace(params=parts["params"], average=parts.get("average", ()), key=key)


def _load(path: Path, abstract: dict[str, PyTree]) -> dict[str, PyTree]:
    """Read parts onto this process's first device, whatever device they were saved from."""
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    wanted = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), abstract
    )
    _check_fit(path, abstract)
    return ocp.load_checkpointables(path, wanted)


def _arrays(parts: dict[str, PyTree]) -> dict[str, str]:
    """Name of every array with its dtype and shape."""
    leaves = jax.tree_util.tree_leaves_with_path(parts)
    return {jax.tree_util.keystr(path): f"{x.dtype}{list(x.shape)}" for path, x in leaves}


def _check_fit(path: Path, abstract: dict[str, PyTree]) -> None:
    """Compare shapes before orbax reads, so that the message can name what differs."""
    saved, wanted = _seal(path)["arrays"], _arrays(abstract)
    saved = {name: text for name, text in saved.items() if name.startswith(_prefixes(abstract))}
    for name in sorted(saved.keys() | wanted.keys()):
        if saved.get(name) != wanted.get(name):
            raise UserError(
                f"checkpoint {path} does not fit the config: {name} is {saved.get(name, 'absent')} "
                f"there and {wanted.get(name, 'absent')} here; use the flags it was trained with"
            )


def _prefixes(parts: dict[str, PyTree]) -> tuple[str, ...]:
    return tuple(f"['{part}']" for part in parts)
