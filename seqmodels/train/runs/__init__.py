"""Run directories: ``load_run(path)`` gives the config, parameters, model and data of a run."""

from seqmodels.train.runs.run import Run, load_run

__all__ = ["Run", "load_run"]
