"""Recipes: settings and the dev errors to expect.

Errors are the best of one run with seed 0: mean squared errors for the adding problem, whose
baseline has 1/6, otherwise nats. A problem is solved below a tenth of the baseline's error.
"""

from typing import Any

from seqmodels.train.experiment import Recipe, Result

Flags = dict[str, Any]
EPYC = "two cores of an AMD EPYC (Zen 3)"
XEON = "one core of an Intel Xeon (Ice Lake) at 2.8 GHz"


def recipe(
    flags: Flags,
    *,
    error: float | None = None,
    fraction: float | None = None,
    minutes: float | None = None,
    machine: str = EPYC,
    note: str = "",
) -> Recipe:
    """Return a recipe for generated data.

    error:    best dev error
    fraction: the same as a fraction of the baseline's error
    """
    results = []
    if error is not None:
        results.append(Result("error", error, split="dev"))
    if fraction is not None:
        name = "fraction of the baseline's error"
        results.append(Result(name, fraction, split="dev", command="compare RUN"))
    data = f"{flags['task']}, T = {flags['length']}, generated"
    return Recipe(data, flags, True, tuple(results), minutes=minutes, machine=machine, note=note)


ADDING: Flags = {"task": "adding", "hidden": 32, "evaluate_every": 500, "dispatch": 100}
SHORT, LONG = ADDING | {"length": 30}, ADDING | {"length": 100}
NOT_CLIPPED: Flags = {"cell": "rnn", "clip_norm": 1e9}
RELU: Flags = {"cell": "relu", "learning_rate": 1e-3}
IRNN: Flags = {"cell": "irnn", "learning_rate": 1e-3}
LRU: Flags = {"cell": "lru", "encoder": 32}

CHRONO: Flags = {
    "cell": "gru",
    "hidden": 32,
    "chrono": True,
    "batch_size": 20,
    "steps": 800,
    "evaluate_every": 400,
    "dispatch": 50,
    "learning_rate": 1e-2,
    "schedule": "cosine",
}
LINEAR: Flags = {
    "task": "adding",
    "engine": "associative",
    "chrono": True,
    "encoder": 16,
    "hidden": 16,
    "batch_size": 64,
    "schedule": "cosine",
    "warmup_steps": 20.0,
}
LINEAR_200 = LINEAR | {"length": 200}
LINEAR_1000 = LINEAR | {"length": 1000, "evaluate_every": 100, "dispatch": 25}
SLOW_LRU: Flags = {"cell": "lru", "learning_rate": 1e-2}
MIN_GRU: Flags = {"cell": "min_gru", "learning_rate": 3e-2}

RECIPES = {
    "adding-30-tanh-not-clipped": recipe(SHORT | NOT_CLIPPED, error=0.0086),
    "adding-30-tanh": recipe(SHORT | {"cell": "rnn"}, error=0.0185),
    "adding-30-relu": recipe(SHORT | RELU, error=0.0012),
    "adding-30-irnn": recipe(SHORT | IRNN, error=0.0553),
    "adding-30-lstm": recipe(SHORT | {"cell": "lstm"}, error=0.0002),
    "adding-30-gru": recipe(SHORT | {"cell": "gru"}, error=0.0001),
    "adding-30-min-gru": recipe(SHORT | {"cell": "min_gru"}, error=0.0033),
    "adding-30-lru": recipe(SHORT | LRU, error=0.0001),
    "adding-100-tanh-not-clipped": recipe(LONG | NOT_CLIPPED, error=0.1714),
    "adding-100-tanh": recipe(LONG | {"cell": "rnn"}, error=0.1695),
    "adding-100-relu": recipe(LONG | RELU, error=0.0087),
    "adding-100-irnn": recipe(LONG | IRNN, error=0.1648),
    "adding-100-lstm": recipe(LONG | {"cell": "lstm"}, error=0.0005),
    "adding-100-gru": recipe(LONG | {"cell": "gru"}, error=0.0004),
    "adding-100-min-gru": recipe(LONG | {"cell": "min_gru"}, error=0.0059),
    "adding-100-lru": recipe(LONG | LRU, error=0.0002),
    "adding-150-irnn": recipe(
        {
            "task": "adding",
            "length": 150,
            "cell": "irnn",
            "hidden": 100,
            "encoder": 32,
            "steps": 2400,
            "learning_rate": 3e-4,
            "schedule": "cosine",
            "warmup_steps": 50.0,
        },
        fraction=0.073,
        minutes=0.83,
        machine=XEON,
        note="Planned for 1,000 steps (0.17) and resumed.",
    ),
    "adding-200-gru": recipe(
        {"task": "adding", "length": 200, "steps": 1500},
        error=0.0011,
        fraction=0.0067,
        minutes=0.62,
    ),
    "adding-200-lru": recipe(
        LINEAR_200 | SLOW_LRU | {"steps": 600, "evaluate_every": 150, "dispatch": 50},
        error=0.0012,
        fraction=0.007,
        minutes=0.57,
        machine=XEON,
    ),
    "adding-200-min-gru": recipe(
        LINEAR_200 | MIN_GRU | {"steps": 400, "evaluate_every": 100, "dispatch": 50},
        error=0.0018,
        fraction=0.011,
        minutes=0.57,
        machine=XEON,
    ),
    "adding-600-gru": recipe(
        {
            "task": "adding",
            "length": 600,
            "hidden": 128,
            "chrono": True,
            "batch_size": 16,
            "steps": 2700,
            "schedule": "cosine",
        },
        error=0.00100,
        fraction=0.0060,
        minutes=6.3,
        note="Published for such a GRU 5e-5. Planned for 2,500 steps (0.00101) and resumed.",
    ),
    "adding-1000-lru": recipe(
        LINEAR_1000 | SLOW_LRU | {"steps": 500},
        error=0.0026,
        fraction=0.016,
        minutes=1.43,
        machine=XEON,
    ),
    "adding-1000-min-gru": recipe(
        LINEAR_1000 | MIN_GRU | {"steps": 600},
        error=0.0138,
        fraction=0.083,
        minutes=2.55,
        machine=XEON,
        note="Planned for 400 steps (0.0192) and resumed.",
    ),
    "copy-10-lru": recipe(
        {
            "task": "copy",
            "length": 10,
            "cell": "lru",
            "chrono": True,
            "engine": "associative",
            "steps": 1500,
            "learning_rate": 1e-2,
            "schedule": "cosine",
        },
        fraction=0.0001,
        minutes=0.48,
        machine=XEON,
    ),
    "order-100-gru": recipe(
        CHRONO | {"task": "temporal_order", "length": 100}, fraction=0.0004, minutes=0.25
    ),
    "sentences-30-gru": recipe(
        CHRONO | {"task": "sentences", "length": 30}, fraction=0.0005, minutes=0.27
    ),
    "parity-6-tanh": recipe(
        {
            "task": "parity",
            "length": 6,
            "cell": "rnn",
            "hidden": 32,
            "steps": 1500,
            "weight_scale": 4.0,
            "learning_rate": 1e-2,
        },
        fraction=0.002,
        minutes=0.05,
        machine=XEON,
        note="A trial of a sweep of six, which took 18 s.",
    ),
}
