"""The toy experiment with the axis of its rows told, so that several hosts share each batch."""

from dataclasses import dataclass, replace

import toy_experiment as toy

from seqmodels.cli import main


@dataclass(frozen=True)
class Config(toy.Config):
    """As the toy's."""


def load(config, extras):
    data = toy.load(config, extras)
    batches = replace(data.train, batch_axis=0)
    return data._replace(train=batches, dev=batches, test=batches)


EXPERIMENT = replace(toy.EXPERIMENT, config=Config, data=load)

if __name__ == "__main__":
    main(EXPERIMENT)
