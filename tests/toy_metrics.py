"""The toy experiment with vectors, derived metrics, and metrics of a whole split."""

from dataclasses import replace

import numpy as np
from toy_experiment import EXPERIMENT

from seqmodels.cli import Data, Metric

SIGNS = ("negative", "positive")


def load(config, metadata) -> Data:
    """Number the rows of each split."""
    data = EXPERIMENT.data(config, metadata)

    def at(step, part):
        batch = data.train(step, part)
        rows = config.rows * (step % data.train.steps_per_epoch) + np.arange(config.rows)
        return batch | {"row": rows.astype(np.int32)}

    batches = replace(data.train, at=at)
    return data._replace(train=batches, dev=batches, test=batches)


def task(config, metadata):
    """Measure the error by the sign of the target, and return all errors."""
    import jax.numpy as jnp

    from seqmodels.types import Outputs, Total

    toy = EXPERIMENT.task(config, metadata)

    def measure(params, rates, memory, batch):
        state, metrics = toy.measure(params, rates, memory, batch)
        squares = (state - batch["y"]) ** 2
        is_sign = jnp.stack([batch["y"] < 0, batch["y"] >= 0]).astype(jnp.float32)
        by_sign = Total(is_sign @ squares, is_sign.sum(axis=1))
        return state, metrics | {"by_sign": by_sign, "all": Outputs(squares, batch["row"])}

    def derive(means):
        roots = {"rmse_by_sign": np.sqrt(means["by_sign"])} if "by_sign" in means else {}
        return {"rmse": np.sqrt(means["error"]), "precision": 1 / means["error"], **roots}

    def score(outputs):
        return {"median": np.median(outputs["all"]), "first": outputs["all"][0]}

    labels = {"rmse_by_sign": SIGNS, "by_sign": SIGNS}
    return toy._replace(measure=measure, derive=derive, score=score, labels=labels)


def experiment(metric: str):
    """Return the experiment with this headline metric."""
    return replace(EXPERIMENT, data=load, task=task, metric=Metric(metric))
