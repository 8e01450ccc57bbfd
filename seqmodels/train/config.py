"""Configuration of training: the optimizer, the length of a run, the run directory.

Configs are small frozen dataclasses that an experiment composes. Every value has a name that is
unique among all parts of a config, which is also its command-line flag. This module imports
nothing heavy, so that ``--help`` is instant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import tyro

from seqmodels.errors import UserError

C = TypeVar("C")


@dataclass(frozen=True)
class OptimizerConfig:
    """How gradients become updates."""

    # Float fields are sweepable: they are traced arrays of the compiled program, which therefore
    # serves all of their values. The other fields select the program.

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    """Update rule. adamw decouples weight decay from the gradient; the others do not."""

    schedule: Literal["constant", "cosine", "exponential", "staircase", "plateau"] = "constant"
    """Learning rate schedule after the warm-up."""

    average: Literal["none", "ema", "uniform"] = "none"
    """Weights to evaluate: the last ones, an exponential moving average, or a uniform average."""

    accumulate: int = 1
    """Number of batches whose gradients are averaged for one update."""

    learning_rate: float = 1e-3
    """Learning rate after the warm-up."""

    warmup_steps: float = 0.0
    """Steps over which the learning rate rises linearly from zero."""

    hold_steps: float = 0.0
    """Staircase: steps before the first cut."""

    decay_steps: float = 0.0
    """Steps from the start to the end of the decay, or between cuts; 0 means the whole run."""

    final_scale: float = 0.0
    """Cosine: final learning rate as a fraction of the initial one."""

    decay_rate: float = 0.1
    """Exponential: factor at the end of the decay. Staircase and plateau: factor of each cut."""

    plateau_patience: float = 2.0
    """Plateau: evaluations without improvement before the learning rate is cut."""

    clip_norm: float = 1.0
    """Maximum global norm of the gradient; 1e9 disables clipping."""

    weight_decay: float = 0.0
    """Weight decay of matrices; biases and scales are not decayed."""

    b1: float = 0.9
    """Adam: decay of the first moment."""

    b2: float = 0.999
    """Adam and RMSProp: decay of the second moment."""

    epsilon: float = 1e-8
    """Adam and RMSProp: term added to the denominator."""

    momentum: float = 0.9
    """SGD and RMSProp: momentum."""

    weight_scale: float = 1.0
    """Factor on the initial weight matrices."""

    average_decay: float = 0.999
    """Moving average: decay."""

    average_start: float = 0.0
    """Step at which averaging of the weights begins."""

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "accumulate")
        if not self.clip_norm > 0:
            raise UserError("--clip-norm must be above 0 (1e9 disables clipping)")
        for name, value in optimizer_rates(self).items():
            if not value >= 0 or (name in FRACTIONS and value >= 1):
                allowed = "0 or more and below 1" if name in FRACTIONS else "0 or more"
                raise UserError(f"{flag(name)} must be {allowed}, not {value}")


FRACTIONS = {"b1", "b2", "momentum", "average_decay"}


@dataclass(frozen=True)
class FitConfig:
    """Length of training, evaluation and checkpoints."""

    steps: int = 1000
    """Training steps, one batch each."""

    epochs: int = 0
    """Train for this many epochs instead of --steps; all other step counts are then epochs too."""

    batch_size: int = 32
    """Examples, or parallel streams of text, in a batch."""

    evaluate_every: int = 200
    """Steps between evaluations on the dev split; each writes a checkpoint."""

    dispatch: int = 20
    """Steps per call of the compiled program."""

    patience: int = 0
    """Stop after this many evaluations without improvement; 0 disables early stopping."""

    keep: int = 2
    """Most recent checkpoints to keep, in addition to the best one."""

    seed: int = 0
    """Seed of the initial weights, the noise and the order of the data."""

    optimizer: Annotated[OptimizerConfig, tyro.conf.arg(name="optimizer", prefix_name=False)] = (
        OptimizerConfig()
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "steps", "batch_size", "evaluate_every", "dispatch", "keep")
        if self.epochs < 0:
            raise UserError("--epochs must be 1 or more, or 0 to count in --steps")


def in_steps(config: FitConfig, steps_per_epoch: int) -> FitConfig:
    """Convert an epoch-based config to steps."""
    if not config.epochs:
        return config
    names = ("warmup_steps", "hold_steps", "decay_steps", "average_start")
    scaled = {name: steps_per_epoch * getattr(config.optimizer, name) for name in names}
    return replace(
        config,
        epochs=0,
        steps=steps_per_epoch * config.epochs,
        evaluate_every=steps_per_epoch,
        optimizer=replace(config.optimizer, **scaled),
    )


@dataclass(frozen=True)
class RunOptions:
    """Where and how the run is saved."""

    name: str | None = None
    """Name of the run directory; by default the next free number."""

    runs: str = "runs"
    """Parent directory of all runs."""

    recipe: str | None = None
    """Published settings to start from, a name that --help lists; other flags override them."""

    resume: str | None = None
    """Run directory to resume; its config is used except for the flags given here."""

    overwrite: bool = False
    """Replace an existing run of the same name."""

    smoke: bool = False
    """Run for a few seconds and write everything that a full run writes."""

    profile: int = 0
    """Steps to trace with jax.profiler, into the run directory."""

    tensorboard: bool = False
    """Also write TensorBoard files."""


def optimizer_rates(config: OptimizerConfig) -> dict[str, float]:
    """Return the optimizer's sweepable hyperparameters."""
    names = [field.name for field in fields(config) if field.type in (float, "float")]
    return {name: float(getattr(config, name)) for name in names}


def training_rates(config: FitConfig) -> dict[str, float]:
    """Return the optimizer's hyperparameters; ``decay_steps`` 0 becomes the whole run."""
    rates = optimizer_rates(config.optimizer)
    return rates | {"decay_steps": rates["decay_steps"] or float(config.steps)}


def config_values(config: Any) -> dict[str, Any]:
    """Return all values of a composed config by name."""
    values: dict[str, Any] = {}
    for name, value in _named_values(config):
        if name in values:
            raise ValueError(f"two parts of {type(config).__name__} have a field {name!r}")
        values[name] = value
    return values


def _named_values(config: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from _named_values(value)
        else:
            yield field.name, value


def with_values(config: C, values: Mapping[str, Any]) -> C:
    """Return a composed config with these values replaced, each in the part that it belongs to.

    >>> with_values(FitConfig(), {"steps": 3, "momentum": 0.5}).optimizer.momentum
    0.5
    """
    if unknown := values.keys() - config_values(config).keys():
        raise UserError(f"unknown setting {', '.join(sorted(unknown))}")
    return _replace_values(config, values)


def _replace_values(config: Any, values: Mapping[str, Any]) -> Any:
    changed = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            changed[field.name] = _replace_values(value, values)
        elif field.name in values:
            changed[field.name] = values[field.name]
    return replace(config, **changed)


def training_part(config: Any) -> FitConfig:
    """Return the ``FitConfig`` of an experiment's config, which may be one itself."""
    return config if isinstance(config, FitConfig) else config.training


def check_config(config: Any) -> None:
    """Validate all parts of a composed config."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            check_config(value)
    if hasattr(config, "check"):
        config.check()


def check_at_least_one(config: Any, *names: str) -> None:
    """Raise ``UserError`` unless each of these counts is positive."""
    for name in names:
        if getattr(config, name) < 1:
            raise UserError(f"{flag(name)} must be 1 or more, not {getattr(config, name)}")


def check_fractions(config: Any, *names: str) -> None:
    """Raise ``UserError`` unless each of these values is at least 0 and below 1."""
    for name in names:
        if not 0 <= getattr(config, name) < 1:
            raise UserError(
                f"{flag(name)} must be 0 or more and below 1, not {getattr(config, name)}"
            )


def flag(name: str) -> str:
    """Return the command-line flag of a config field."""
    return "--" + name.replace("_", "-")


class Metric(NamedTuple):
    """The headline metric: the name of one of the task's metrics, and which direction is better."""

    name: str
    lower_is_better: bool = True

    def signed(self, value: float) -> float:
        """Return the value, negated if necessary so that lower is better."""
        return value if self.lower_is_better else -value
