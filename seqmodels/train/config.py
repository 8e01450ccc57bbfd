"""Settings of a training run; imports nothing heavy, so that ``--help`` is instant."""

from dataclasses import dataclass, fields, replace
from typing import Literal, NamedTuple, TypeVar

from seqmodels.errors import UserError


@dataclass(frozen=True)
class OptimizerConfig:
    """How gradients become updates.

    Every float field is a number that may be swept: ``hyper(config)`` lifts it into the training
    state and the compiled program reads it there.  All other fields choose the program.
    """

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    """Update rule; adamw decays weights apart from the gradient, the others through it."""

    schedule: Literal["constant", "cosine", "exponential", "staircase", "plateau"] = "constant"
    """How the learning rate falls after the warm-up."""

    average: Literal["none", "ema", "uniform"] = "none"
    """Weights used for evaluation: the last ones, a moving average, or the mean since a step."""

    accumulate: int = 1
    """Batches (steps) whose gradients are averaged for one update."""

    learning_rate: float = 1e-3
    """Step size after the warm-up."""

    warmup_steps: float = 0.0
    """Steps over which the learning rate rises linearly from zero."""

    hold_steps: float = 0.0
    """Staircase: steps before the first cut."""

    decay_steps: float = 0.0
    """Steps from start to end of the decay, or from cut to cut; 0 means the whole run."""

    final_scale: float = 0.0
    """Cosine: share of the learning rate that is left at the end."""

    decay_rate: float = 0.1
    """Exponential: factor reached at the end of the decay.  Others: factor of each cut."""

    plateau_patience: float = 2.0
    """Plateau: evaluations without improvement before the learning rate is cut."""

    clip_norm: float = 1.0
    """Largest global norm of the gradient; longer gradients are scaled down to it."""

    weight_decay: float = 0.0
    """Decay of weight matrices (biases and scales are left alone)."""

    b1: float = 0.9
    """Adam: decay of the mean of the gradient."""

    b2: float = 0.999
    """Adam and rmsprop: decay of the mean of the squared gradient."""

    epsilon: float = 1e-8
    """Adam and rmsprop: added to the root of the squared gradient."""

    momentum: float = 0.9
    """Sgd and rmsprop: decay of the sum of past updates."""

    weight_scale: float = 1.0
    """Factor on the initial weight matrices."""

    average_decay: float = 0.999
    """Ema: decay of the averaged weights."""

    average_start: float = 0.0
    """Step at which averaging of the weights begins."""


@dataclass(frozen=True)
class FitConfig(OptimizerConfig):
    """How long to train, and how often to look."""

    steps: int = 1000
    """Batches to train on."""

    epochs: int = 0
    """Passes over the data, each evaluated, instead of steps; all other steps then count passes."""

    evaluate_every: int = 200
    """Steps between evaluations on the dev split; each writes a checkpoint."""

    dispatch: int = 20
    """Steps that one call of the compiled program runs."""

    patience: int = 0
    """Evaluations without improvement before training stops early; 0 never stops."""

    keep: int = 2
    """Last checkpoints to keep, besides the best one."""

    seed: int = 0
    """Seed of initial weights, noise and the order of the data."""

    def check(self) -> None:
        """Say which count makes no sense."""
        at_least_one(self, "steps", "evaluate_every", "dispatch", "accumulate", "keep")
        if not self.clip_norm > 0:
            raise UserError("--clip-norm must be above 0 (1e9 clips nothing)")
        shares = {"b1", "b2", "momentum", "average_decay"}
        for name in _numbers():
            value, flag = getattr(self, name), f"--{name.replace('_', '-')}"
            if not value >= 0 or (name in shares and value >= 1):
                allowed = "0 or more and below 1" if name in shares else "0 or more"
                raise UserError(f"{flag} must be {allowed}, not {value}")
        if self.epochs < 0:
            raise UserError("--epochs must be 1 or more, or 0 for a number of --steps")


def _numbers() -> list[str]:
    """The optimizer's fields that may be swept."""
    return [field.name for field in fields(OptimizerConfig) if field.type in (float, "float")]


def at_least_one(config: FitConfig, *names: str) -> None:
    """Raise where one of these counts is not a positive number."""
    for name in names:
        if getattr(config, name) < 1:
            raise UserError(f"--{name.replace('_', '-')} must be 1 or more")


C = TypeVar("C", bound=FitConfig)


def in_steps(config: C, epoch: int) -> C:
    """A config that counts in passes over the data as one in steps, of which a pass has so many."""
    if not config.epochs:
        return config
    names = ("warmup_steps", "hold_steps", "decay_steps", "average_start")
    scaled = {name: epoch * getattr(config, name) for name in names}
    return replace(config, epochs=0, steps=epoch * config.epochs, evaluate_every=epoch, **scaled)


@dataclass(frozen=True)
class RunOptions:
    """What becomes of the run."""

    name: str | None = None
    """Name of the run's directory; numbered where none is given."""

    runs: str = "runs"
    """Directory of all runs."""

    resume: str | None = None
    """Run directory to go on with; its config holds, except for flags given here."""

    overwrite: bool = False
    """Replace an existing run of this name."""

    smoke: bool = False
    """A tiny run of seconds that writes everything a full run writes."""

    profile: int = 0
    """Steps to trace with jax.profiler, into the run's profile directory."""

    tensorboard: bool = False
    """Write TensorBoard files as well."""


def hyper(config: OptimizerConfig, names: tuple[str, ...] = ()) -> dict[str, float]:
    """Numbers that may be swept: the optimizer's, and the config's fields called ``names``."""
    values = {name: float(getattr(config, name)) for name in (*_numbers(), *names)}
    if not values["decay_steps"]:
        values["decay_steps"] = float(getattr(config, "steps", 1))
    return values


class Metric(NamedTuple):
    """The headline metric: a name among the task's metrics, and which way is better."""

    name: str
    lower_is_better: bool = True

    def signed(self, value: float) -> float:
        """The value with its sign turned so that lower is better."""
        return value if self.lower_is_better else -value
