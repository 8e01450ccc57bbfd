"""Generated series of three classes, from Saito (1994).

Saito (1994), "Local feature extraction and its application using a library of bases".
"""

import numpy as np

from experiments.series.ts_files import Series

STEPS = 128


def cylinder_bell_funnel(count: int, seed: int = 0) -> list[Series]:
    """Generate series of noise with a step or a ramp in a random window.

    x_t = (6 + n) s_t + e_t    for a <= t <= b, else e_t;  n, e_t ~ N(0, 1)
    s_t = 1 (cylinder), (t - a) / (b - a) (bell), (b - t) / (b - a) (funnel)

    """
    random = np.random.default_rng([seed, count])
    time = np.arange(1, STEPS + 1)
    generated = []
    for number in range(count):
        begin = random.integers(16, 33)
        end = begin + random.integers(32, 97)
        ramp = (time - begin) / (end - begin)
        shapes = [("bell", ramp), ("cylinder", np.ones(STEPS)), ("funnel", 1 - ramp)]
        label, shape = shapes[number % 3]
        is_inside = (begin <= time) & (time <= end)
        values = (6 + random.normal()) * shape * is_inside + random.normal(size=STEPS)
        generated.append(Series(values[:, None].astype(np.float32), label))
    return generated
