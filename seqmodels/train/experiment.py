"""What an experiment consists of. This module imports nothing heavy."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from seqmodels.train.config import Metric, config_values, training_part, training_rates

if TYPE_CHECKING:
    from seqmodels.train.runs.run import Run

Metadata = dict[str, Any]
Rates = dict[str, Any]


class Baseline(NamedTuple):
    """The headline metric of a trivial or simple method, which a model should beat.

    A value is None if the method was not evaluated on that split.
    """

    name: str
    dev: float | None = None
    test: float | None = None


class BaselineScore(NamedTuple):
    """The headline metric of a baseline on one split."""

    name: str
    value: float


def strongest(baselines: Sequence[Baseline], metric: Metric, split: str) -> BaselineScore | None:
    """Return the best of the baselines that were evaluated on a split, if there are any.

    >>> baselines = Baseline("zero", 0.75, 0.7), Baseline("linear", 0.5)
    >>> strongest(baselines, Metric("error"), "dev")
    BaselineScore(name='linear', value=0.5)
    >>> strongest(baselines, Metric("error"), "test")
    BaselineScore(name='zero', value=0.7)
    """
    values = [(one.name, getattr(one, split)) for one in baselines]
    scores = [BaselineScore(name, value) for name, value in values if value is not None]
    return min(scores, key=lambda score: metric.signed(score.value), default=None)


class ThroughputUnit(NamedTuple):
    """What throughput counts, and how many of them a training step has on average."""

    name: str
    per_step: float


class Data(NamedTuple):
    """Training data and what a model is measured on.

    ``train``, ``dev`` and ``test`` are ``data.batching.Batches``. Evaluation covers one epoch of
    ``dev`` or ``test``; ``test`` may be None. ``metadata`` holds what a model needs to know about
    the data (vocabulary, classes, scales) as JSON; it is saved with the run. ``baselines`` are in
    the experiment's headline metric.
    """

    train: Any
    dev: Any
    test: Any
    name: str
    sizes: Mapping[str, int]
    unit: str  # what sizes and throughput count
    metadata: Metadata
    baselines: Sequence[Baseline] = ()

    @property
    def step_unit(self) -> ThroughputUnit:
        """The unit of throughput, in which an epoch has the size of the training split."""
        if "train" not in self.sizes:
            return ThroughputUnit("steps", 1.0)
        return ThroughputUnit(self.unit, self.sizes["train"] / self.train.steps_per_epoch)


@dataclass(frozen=True)
class Result:
    """One measured number of a recipe, the mean over its seeds."""

    metric: str
    value: float
    split: str = "test"
    spread: float | None = None  # largest deviation of a seed from the mean
    command: str = "evaluate RUN"
    reference: str = ""  # a baseline or a published number


@dataclass(frozen=True)
class Recipe:
    """Settings of an experiment, by flag name, and the results that they reached.

    data:    name of the data set and its split sizes; the run takes its path from ``--data``
    flags:   config values; flags on the command line override them
    bundled: the data is generated or ships with the project, so that ``--data`` is not needed
    results: measured numbers; the first one is the headline
    seeds:   seeds that the results are means of
    minutes: processor minutes of one seed
    machine: hardware of the measurement
    note:    protocol, for example how the settings were chosen
    """

    data: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    bundled: bool = False
    results: tuple[Result, ...] = ()
    seeds: tuple[int, ...] = (0,)
    minutes: float | None = None
    machine: str = ""
    note: str = ""

    def expectation(self) -> str:
        """Return the headline result in words."""
        if not self.results:
            return "not measured"
        first = self.results[0]
        spread = f" +- {first.spread:g}" if first.spread else ""
        time = f", {self.minutes:g} processor minutes" if self.minutes else ""
        count = len(self.seeds)
        seeds = f"{count} seeds" if count > 1 else f"seed {self.seeds[0]}"
        return f"{first.split} {first.metric} {first.value:g}{spread} ({seeds}{time})"


@dataclass(frozen=True)
class Experiment:
    """Everything that the commands need to know about an experiment.

    config:   frozen dataclass with a field ``training: FitConfig``
    data:     ``(config, metadata) -> Data``; metadata is None when a new run begins
    model:    ``(config, metadata, rates) -> model``; without rates, a model without noise
    task:     ``(config, metadata) -> Task``
    metric:   the headline metric: a number that the task measures, derives or scores
    rates:    float fields of the config, besides the optimizer's, that the task reads from
              ``rates`` and that a sweep varies within one compiled program
    smoke:    config values of a smoke test
    recipes:  published settings and the results to expect of them
    commands: functions ``(run: Run, arguments: SomeDataclass)``, each named after its command
    examples: ``(config) -> texts`` by which a person recognizes each dev example
    finish:   called with the finished run, for example to print a sample
    """

    name: str
    config: type
    data: Callable[[Any, Metadata | None], Data]
    model: Callable[[Any, Metadata, Rates], Any]
    task: Callable[[Any, Metadata], Any]
    metric: Metric
    about: str = ""
    rates: tuple[str, ...] = ()
    smoke: Mapping[str, Any] = field(default_factory=dict)
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    commands: Sequence[Callable[["Run", Any], None]] = ()
    examples: Callable[[Any], Sequence[str]] | None = None
    finish: Callable[["Run"], None] | None = None

    def initial_rates(self, config: Any) -> dict[str, float]:
        """Return the config's sweepable hyperparameters."""
        values = config_values(config)
        own = {name: float(values[name]) for name in self.rates}
        return training_rates(training_part(config)) | own

    @property
    def module(self) -> str:
        """Name of the module that defines the experiment."""
        module = self.config.__module__
        spec = getattr(sys.modules[module], "__spec__", None)
        return spec.name if spec else module

    @property
    def program(self) -> str:
        """Command that starts the experiment; in a notebook, the experiment's name."""
        if self.module == "__main__":
            is_script = hasattr(sys.modules["__main__"], "__file__")
            return f"python {sys.argv[0]}" if is_script else self.name
        return f"python -m {self.module.removesuffix('.experiment')}"


def define_experiment(module: str, **parts: Any) -> Experiment:
    """Return the experiment of a module, ``experiments.NAME.experiment``.

    Its name, docstring, ``Config``, ``load``, ``model`` and ``task`` come from the module, in
    which every experiment defines them. ``parts`` are the other fields of ``Experiment``.
    """
    defined = sys.modules[module]
    return Experiment(
        name=module.split(".")[-2],
        config=defined.Config,
        data=defined.load,
        model=defined.model,
        task=defined.task,
        about=defined.__doc__ or "",
        **parts,
    )
