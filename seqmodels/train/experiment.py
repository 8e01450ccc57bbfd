"""What an experiment is made of, and a trained run of it; imports nothing heavy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig, Metric, hyper
from seqmodels.train.runs.run_directory import RunDirectory

Extras = dict[str, Any]


class Baseline(NamedTuple):
    """A trivial answer's value of the headline metric: what a model has to beat."""

    value: float
    name: str


class Data(NamedTuple):
    """What an experiment trains and is measured on.

    ``train``, ``dev`` and ``test`` are functions of the step number (``data.batching.Batches``);
    ``dev`` and ``test`` are measured over one epoch; ``test`` may be None.  ``extras`` is what a
    model needs to know of the data (vocabulary, scales): any JSON, saved with the run and given
    back to ``data`` and ``task`` ever after.
    """

    train: Any
    dev: Any
    test: Any
    name: str
    sizes: Mapping[str, int]
    unit: str  # what sizes, counts of the headline metric and throughput count
    baseline: Baseline
    extras: Extras


@dataclass(frozen=True)
class Experiment:
    """Everything the command line needs to know of an experiment.

    data:     ``(config, extras) -> Data``; extras is None where a new run begins
    task:     ``(config, extras) -> Task``
    hyper:    float fields of the config which the task reads from ``hyper``
    smoke:    what ``--smoke`` changes in the config
    recipes:  what each value of the config's field ``recipe`` changes in it, flags apart
    commands: ``name -> (arguments dataclass, function(run, arguments))``
    derive:   what else follows from the means that an evaluation gives
    finish:   what a finished training run shows of itself
    """

    name: str
    config: type[FitConfig]
    data: Callable[[Any, Extras | None], Data]
    task: Callable[[Any, Extras], Any]
    metric: Metric
    about: str = ""
    hyper: tuple[str, ...] = ()
    smoke: Mapping[str, Any] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    commands: Mapping[str, tuple[type, Callable[..., Any]]] = field(default_factory=dict)
    derive: Callable[[dict[str, float]], dict[str, float]] = lambda means: {}
    finish: Callable[["Run"], None] | None = None

    def numbers(self, config: FitConfig) -> dict[str, float]:
        """Numbers of the config that may be swept."""
        return hyper(config, self.hyper)


class Run(NamedTuple):
    """A trained run, loaded from its directory alone."""

    directory: RunDirectory
    config: Any
    extras: Extras
    task: Any
    params: Any
    hyper: dict[str, Any]
    step: int


def load_run(experiment: Experiment, path: str, step: int | None = None) -> Run:
    """The best checkpoint of a run, or that of ``step``, on this machine's device."""
    import jax
    import jax.numpy as jnp

    from seqmodels.train.runs.checkpoint import Checkpoints

    directory = RunDirectory.open(path, experiment.name)
    if (directory.path / "best").is_dir():  # a sweep, which is used by its best member
        directory = RunDirectory.open(directory.path / "best", experiment.name)
    config, extras = directory.config(experiment.config), directory.extras()
    task = experiment.task(config, extras)
    abstract = jax.eval_shape(task.init, jax.random.key(0))
    params, found = Checkpoints(directory.checkpoints).restore_params(abstract, step)
    if step is not None and found != step:
        raise UserError(f"{path} has no whole checkpoint of step {step}")
    numbers = {name: jnp.float32(x) for name, x in experiment.numbers(config).items()}
    return Run(directory, config, extras, task, params, numbers, found)
