"""A trained run, loaded from its directory."""

import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqmodels.errors import UserError
from seqmodels.train.experiment import Data, Experiment, Metadata
from seqmodels.train.runs.run_directory import RunDirectory


@dataclass(frozen=True)
class Run:
    """A trained run and the experiment that it belongs to."""

    experiment: Experiment
    directory: RunDirectory
    config: Any
    metadata: Metadata
    params: Any
    rates: dict[str, Any]
    step: int

    @cached_property
    def model(self) -> Any:
        """The experiment's model, without noise."""
        return self.experiment.model(self.config, self.metadata, {})

    @cached_property
    def task(self) -> Any:
        """The experiment's task."""
        return self.experiment.task(self.config, self.metadata)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.directory.path

    def data(self) -> Data:
        """Load the data that the run was trained on."""
        return self.experiment.data(self.config, self.metadata)


def load_run(
    path: str | Path, experiment: Experiment | None = None, step: int | None = None
) -> Run:
    """Load the best checkpoint of a run, or that of ``step``, onto this machine's device.

    The run directory names its experiment. Pass ``experiment`` for one that cannot be imported,
    such as an experiment defined in a notebook. For a sweep, its best member is loaded.
    """
    import jax
    import jax.numpy as jnp

    from seqmodels.train.runs.checkpoint import Checkpoints

    directory = RunDirectory.open(path, experiment)
    if (directory.path / "best").is_dir():  # a sweep
        directory = RunDirectory.open(directory.path / "best", experiment)
    experiment = experiment or find_experiment(directory)
    config: Any = directory.config(experiment.config)
    metadata = directory.metadata()
    task = experiment.task(config, metadata)
    abstract = jax.eval_shape(task.init, jax.random.key(0))
    params, found = Checkpoints(directory.checkpoints).restore_params(abstract, step)
    if step is not None and found != step:
        raise UserError(f"{path}: there is no undamaged checkpoint of step {step}")
    rates = {name: jnp.float32(x) for name, x in experiment.initial_rates(config).items()}
    return Run(experiment, directory, config, metadata, params, rates, found)


def find_experiment(directory: RunDirectory) -> Experiment:
    """Import the experiment that a run directory names."""
    module = directory.experiment_module()
    try:
        experiment = importlib.import_module(module).EXPERIMENT
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"{directory.path} is a run of {module}, which cannot be imported from here ({error}); "
            "start Python where that module is, or pass the experiment to load_run"
        ) from error
    assert isinstance(experiment, Experiment)
    return experiment
