"""What a run will cost in compilation and padding, and the flags that reduce it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from seqmodels.train.config import config_values, training_part
from seqmodels.train.experiment import Data

MANY_PROGRAMS = 4
LARGE_EXCESS = 0.1  # of the time steps


class Advice(NamedTuple):
    """A printed field."""

    name: str
    text: str


def cost_advice(config: Any, data: Data) -> Iterator[Advice]:
    """Yield the share of padding, and a line about each cost that a flag would reduce."""
    from seqmodels.data.padding import padding
    from seqmodels.train.feed import count_programs

    flags, training, buckets = config_values(config), training_part(config), data.train.buckets
    cost = padding(buckets) if buckets else None
    if cost is not None and cost.longest > 1 and cost.share > 0.005:
        lengths = "1 length" if len(buckets) == 1 else f"{len(buckets)} lengths"
        yield Advice("padding", f"{cost.share:.0%} of the time steps ({lengths})")
        if cost.excess > LARGE_EXCESS:
            advice = _flags(flags, buckets="a larger --buckets", max_length="a lower --max-length")
            yield Advice(
                "",
                f"1 % of the examples have {cost.typical:,} to {cost.longest:,} time steps and "
                f"cause {cost.excess:.0%} of the work{advice}",
            )
    every = training.evaluate_every
    programs = count_programs(data.train, 0, training.steps, training.dispatch, every)
    if data.dev is not None:
        programs += count_programs(data.dev, 0, data.dev.steps_per_epoch, training.dispatch)
    smaller = {"dispatch": "--dispatch 1"} if training.dispatch > 1 else {}
    advice = _flags(flags, buckets="fewer --buckets", **smaller)
    if programs > MANY_PROGRAMS and advice:
        yield Advice("programs", f"{programs} to compile, one for each shape{advice}")


def _flags(flags: dict[str, Any], **choices: str) -> str:
    """Return the choices whose flag exists, as the end of a sentence."""
    texts = [text for name, text in choices.items() if name in flags]
    return f"; reduce it with {' or '.join(texts)}" if texts else ""
