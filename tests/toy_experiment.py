"""A tiny experiment for the tests of the trainer: a noisy recurrence whose state is carried on."""

import time
from dataclasses import dataclass

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run, main
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
    """Follow a sequence with one number of memory for each row."""

    steps: int = 60
    evaluate_every: int = 20
    dispatch: int = 5

    noise: float = 0.1
    """Noise on the state in training."""

    rows: int = 4
    """Rows of a batch."""

    units: int = 3
    """Inputs."""

    delay: float = 0.0
    """Seconds that each batch takes to make."""

    explode: int = -1
    """Step whose batch is infinite."""

    engine: str = "auto"
    """Nothing but auto is there."""

    data: str | None = None
    """A name that must not be 'missing'."""


@dataclass(frozen=True)
class SayArguments:
    """What to say."""

    word: str = "hello"
    """The word."""


def load(config, extras):
    import numpy as np

    if config.data == "missing":
        raise UserError("--data missing: there is no such file")

    def at(step):
        time.sleep(config.delay)
        random = np.random.default_rng([config.seed, step])
        x = random.normal(size=(config.rows, config.units)).astype(np.float32)
        y = 0.5 * x.sum(axis=1)
        return {"x": x, "y": np.full_like(y, np.inf) if step == config.explode else y}

    batches = Counted(at, 10)
    extras = extras or {"symbols": ["a", "é"]}
    sizes = {"train": 40, "dev": 40, "test": 40}
    return Data(
        batches, batches, batches, "made-up rows", sizes, "rows", Baseline(0.75, "zero"), extras
    )


@dataclass(frozen=True)
class Counted:
    at: object
    steps_per_epoch: int
    batch_axis: int | None = None

    def __call__(self, step):
        return self.at(step)


def task(config, extras):
    import jax
    import jax.numpy as jnp

    from seqmodels.types import Task

    def init(key):
        return {"w": jax.random.normal(key, (config.units, 1)), "a": jnp.zeros((1,))}

    def forward(params, memory, batch, noise):
        state = jnp.tanh(params["a"] * memory) + (batch["x"] @ params["w"])[:, 0] + noise
        squares = (state - batch["y"]) ** 2
        return squares, state, {"error": (squares.sum(), jnp.float32(squares.size))}

    def loss(params, hyper, memory, batch, key):
        if config.engine != "auto":
            raise UserError(f"--engine {config.engine} is not there: use --engine auto")
        noise = hyper["noise"] * jax.random.normal(key, memory.shape)
        squares, state, metrics = forward(params, memory, batch, noise)
        return squares.mean(), (state, metrics)

    def measure(params, hyper, memory, batch):
        _, state, metrics = forward(params, memory, batch, jnp.zeros_like(memory))
        return state, metrics

    return Task(init, loss, measure, lambda params, batch: jnp.zeros(batch["x"].shape[0]))


def say(run: Run, arguments: SayArguments) -> None:
    """Say a word, and what the run is."""
    print(arguments.word, run.step, run.extras["symbols"], float(run.hyper["noise"]))


EXPERIMENT = Experiment(
    name="toy",
    config=Config,
    data=load,
    task=task,
    metric=Metric("error"),
    about="A toy.",
    hyper=("noise",),
    smoke={"steps": 10, "evaluate_every": 5},
    commands={"say": (SayArguments, say)},
)

if __name__ == "__main__":
    main(EXPERIMENT)
