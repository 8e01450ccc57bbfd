"""A tiny experiment for the tests of the trainer: a noisy recurrence over an endless stream."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Recipe, Result, Run, main
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one, with_values


@dataclass(frozen=True)
class Config:
    """Follow a sequence with one number of memory per row."""

    noise: float = 0.1
    """Noise on the state in training."""

    rows: int = 4
    """Rows of a batch."""

    units: int = 3
    """Inputs."""

    delay: float = 0.0
    """Seconds that it takes to make a batch."""

    explode: int = -1
    """Step whose batch is infinite."""

    engine: str = "auto"
    """Engine; only auto exists."""

    data: str | None = None
    """Name of the data; 'missing' does not exist."""

    training: FitConfig = FitConfig(steps=60, evaluate_every=20, dispatch=5)

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "rows", "units")


@dataclass(frozen=True)
class SayArguments:
    """What to say."""

    word: str = "hello"
    """The word."""


class Recurrence(NamedTuple):
    """``init(key) -> params``, ``apply(params, state, x, key=None) -> state``."""

    init: Any
    apply: Any


def configure(**values) -> Config:
    """Return a config with these values, whichever part they belong to."""
    return with_values(Config(), values)


def load(config, metadata):
    """Make random rows whose target is half the sum of the inputs."""
    import numpy as np

    from seqmodels.data.batching import Batches

    if config.data == "missing":
        raise UserError("--data missing: there is no such file")

    def at(step, part):
        del part  # without rows, it is always the whole batch
        time.sleep(config.delay)
        random = np.random.default_rng([config.training.seed, step])
        x = random.normal(size=(config.rows, config.units)).astype(np.float32)
        y = 0.5 * x.sum(axis=1)
        return {"x": x, "y": np.full_like(y, np.inf) if step == config.explode else y}

    batches = Batches(at, 10)
    return Data(
        train=batches,
        dev=batches,
        test=batches,
        name="generated rows",
        sizes={"train": 40, "dev": 40, "test": 40},
        unit="rows",
        metadata=metadata or {"symbols": ["a", "é"]},
        baselines=[Baseline("zero", 0.75, 0.7), Baseline("one", 1.5)],
    )


def model(config, metadata, rates):
    """Return a recurrence ``s' = tanh(a s) + w x + noise``; a key turns on the noise."""
    import jax
    import jax.numpy as jnp

    def init(key):
        return {"w": jax.random.normal(key, (config.units, 1)), "a": jnp.zeros((1,))}

    def apply(params, state, x, key=None):
        new = jnp.tanh(params["a"] * state) + (x @ params["w"])[:, 0]
        return new if key is None else new + rates["noise"] * jax.random.normal(key, new.shape)

    return Recurrence(init, apply)


def task(config, metadata):
    """Predict the target by the state, with squared error."""
    import jax.numpy as jnp

    from seqmodels.losses.classification import masked_sum
    from seqmodels.types import Mixture, Task

    build = partial(model, config, metadata)

    def squares(recurrence, params, memory, batch, key=None):
        state = recurrence.apply(params, memory, batch["x"], key)
        return state, (state - batch["y"]) ** 2

    def loss(params, rates, memory, batch, key):
        if config.engine != "auto":
            raise UserError(f"--engine {config.engine} is unknown; use --engine auto")
        state, errors = squares(build(rates), params, memory, batch, key)
        return errors.mean(), (state, {"error": masked_sum(errors)})

    def measure(params, rates, memory, batch):
        state, errors = squares(build({}), params, memory, batch)
        return state, {"error": masked_sum(errors)}

    def predict(params, rates, memory, batch):
        state = build({}).apply(params, memory, batch["x"])
        return state, state

    def measure_mixture(states, batch):
        return {"error": masked_sum((states.mean(axis=0) - batch["y"]) ** 2)}

    def memory(params, batch):
        return jnp.zeros(len(batch["x"]))

    mixture = Mixture(predict, measure_mixture)
    return Task(build({}).init, loss, measure, memory, mixture=mixture)


def sweep_data(config):
    """Return the task and the data of the members of a sweep."""
    from seqmodels.train.sweep.sweep import SweepData

    data = load(config, None)
    return SweepData(task(config, data.metadata), data.train, data.dev)


def say(run: Run, arguments: SayArguments) -> None:
    """Say a word, and describe the run."""
    print(arguments.word, run.step, run.metadata["symbols"], float(run.rates["noise"]))


EXPERIMENT = Experiment(
    name="toy",
    config=Config,
    data=load,
    model=model,
    task=task,
    metric=Metric("error"),
    about="A toy.",
    rates=("noise",),
    smoke={"steps": 10, "evaluate_every": 5},
    recipes={
        "quick": Recipe(
            data="generated rows, 40 / 40 / 40",
            flags={"steps": 5, "evaluate_every": 5, "noise": 0.0, "momentum": 0.5},
            bundled=True,
            results=(Result("error", 0.5, spread=0.1),),
            seeds=(0, 1),
            minutes=0.1,
        ),
        "published": Recipe(data="rows of Doe (1999), 40 / 40 / 40"),
    },
    commands=(say,),
)

if __name__ == "__main__":
    main(EXPERIMENT)
