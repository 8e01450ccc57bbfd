import jax.numpy as jnp
import numpy as np

from experiments.next_word.adaptation import Adaptation, compare_adaptations
from seqmodels.data.streams import evaluation_windows
from seqmodels.types import Task, Total


def distance_task(offset):
    """Return a task whose metric is least where the rates a and b equal the parameter."""

    def measure(params, rates, memory, window):
        distance = sum(jnp.square(rates[name] - params) for name in ("a", "b"))
        return memory, {"nats": Total(distance + offset, jnp.float32(1.0))}

    return Task(lambda key: None, lambda *arguments: None, measure)


def test_the_best_rates_on_the_first_text_are_used_for_all():
    ways = {
        "one": Adaptation(distance_task(0), ("a", "b")),
        "two": Adaptation(distance_task(2), ()),
    }
    grid = {"a": (0.0, 1.0, 4.0), "b": (2.0, 7.0)}
    windows = evaluation_windows(np.zeros(24, np.int32), 1, 30)
    one, two = compare_adaptations(ways, jnp.float32(2.0), grid, [windows, windows])
    assert (one.name, one.rates, one.nats) == ("one", {"a": 1.0, "b": 2.0}, [1.0, 1.0])
    assert (two.name, two.rates, two.nats) == ("two", {}, [3.0, 3.0])
