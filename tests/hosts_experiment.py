"""Char generation with slow batches, of which each host must make no more than its own rows."""

import time
from dataclasses import dataclass, replace

from experiments.char_generation import experiment as char_generation
from seqmodels.cli import main


@dataclass(frozen=True)
class Config(char_generation.Config):
    """As that of char generation."""

    delay: float = 0.0
    """Seconds that each batch takes to make."""


def load(config, extras):
    import jax

    data = char_generation.load(config, extras)
    first = jax.process_index() == 0

    def at(step, part):
        time.sleep(config.delay)
        if part != slice(None):  # the whole is asked for once, for its shapes
            rows = range(config.batch_size)[part]
            assert len(rows) == config.batch_size // jax.process_count()
            assert (rows[0] == 0) == first
        return data.train.at(step, part)

    return data._replace(train=replace(data.train, at=at))


EXPERIMENT = replace(char_generation.EXPERIMENT, config=Config, data=load)

if __name__ == "__main__":
    main(EXPERIMENT)
