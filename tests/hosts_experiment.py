"""Experiments with slow training batches, of which each host may make only its own rows.

python -m hosts_experiment NAME ARGUMENTS
"""

import os
import sys
import time
from dataclasses import replace
from importlib import import_module

from seqmodels.cli import main


def toy():
    """Return the toy experiment with all kinds of metrics; hosts share the rows of its batches."""
    from toy_metrics import experiment

    derived = experiment("rmse")

    def load(config, metadata):
        import jax

        data = derived.data(config, metadata)

        def at(step, part):
            return jax.tree.map(lambda leaf: leaf[part], data.train(step))

        batches = replace(data.train, at=at, rows=lambda step: config.rows, batch_axis=0)
        return data._replace(train=batches, dev=batches, test=batches)

    return replace(derived, data=load)


def char_generation():
    """Return the experiment whose rows are parallel streams of text."""
    return import_module("experiments.char_generation.experiment").EXPERIMENT


def checked(experiment):
    """Return the experiment with batches that take $DELAY seconds and check their rows."""

    def load(config, metadata):
        import jax

        data = experiment.data(config, metadata)
        first = jax.process_index() == 0

        def at(step, part):
            time.sleep(float(os.environ.get("DELAY", "0")))
            if part != slice(None):  # the whole batch is requested once, for its shapes
                rows = range(data.train.rows(step))[part]
                assert len(rows) == data.train.rows(step) // jax.process_count()
                assert (rows[0] == 0) == first
            return data.train.at(step, part)

        return data._replace(train=replace(data.train, at=at))

    return replace(experiment, data=load)


EXPERIMENTS = {"toy": toy, "char_generation": char_generation}

if __name__ == "__main__":
    main(checked(EXPERIMENTS[sys.argv[1]]()), sys.argv[2:])
