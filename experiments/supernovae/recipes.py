"""Recipes: data, settings, and the results to expect.

Scores of type Ia against the rest are those of a network that names three types. ``split`` is the
seed of the split; where a recipe has several seeds, give the same number to --split and --seed.
"""

from typing import Any

from seqmodels.train.experiment import Recipe, Result

XEON = "one core of an Intel Xeon (Sapphire Rapids)"
SCORE = "score RUN"
PUBLISHED = "Charnock and Moss (2017)"

COMMON: dict[str, Any] = {
    "types": 3,
    "cell": "gru",
    "average": "ema",
    "average_decay": 0.99,
    "learning_rate": 4e-3,
    "dev_share": 0.02,
}

# Settings for half of the curves, (h) in README.md.
HALF: dict[str, Any] = COMMON | {
    "batch_size": 64,
    "warmup_steps": 100.0,
    "steps": 3200,
    "evaluate_every": 3200,
    "dropout": 0.05,
    "thin": 0.3,
    "fainter": 1.3,
}

# Settings for about a thousand curves, (s) in README.md.
SMALL: dict[str, Any] = COMMON | {
    "batch_size": 32,
    "warmup_steps": 50.0,
    "steps": 800,
    "evaluate_every": 800,
    "dropout": 0.1,
    "hidden": 48,
    "buckets": 1,
}


def scores(
    ia: tuple[float, float],
    area: tuple[float, float],
    types: tuple[float, float],
    references: tuple[str, str] = ("", ""),
) -> tuple[Result, ...]:
    """Return the results of ``score``, each a mean and its spread over the splits."""
    return (
        Result("accuracy, Ia or not", ia[0], "test", ia[1], SCORE, references[0]),
        Result("AUC of Ia", area[0], "test", area[1], SCORE, references[1]),
        Result("accuracy, three types", types[0], "test", types[1], SCORE),
    )


def spectroscopic(flags: dict[str, Any], results: tuple[Result, ...], minutes: float) -> Recipe:
    """Return a recipe that trains on the curves whose type a spectrum determined."""
    return Recipe(
        data="SPCC, 1,081 / 22 / 20,216 curves, trained on spectroscopic types",
        flags=SMALL | {"share": 0.0} | flags,
        results=results,
        seeds=(0, 1, 2),
        minutes=minutes,
        machine=XEON,
        note="There are no far and faint dev curves, so that every setting that was tried is here.",
    )


EARLY_DAYS = (0, 2, 5, 10, 15, 20, 30, 50, 100)
EARLY_SCORES = {
    "accuracy, three types": (0.761, 0.781, 0.799, 0.849, 0.883, 0.9, 0.917, 0.928, 0.933),
    "accuracy, Ia or not": (0.846, 0.859, 0.875, 0.914, 0.938, 0.946, 0.955, 0.964, 0.964),
    "AUC of Ia": (0.894, 0.914, 0.933, 0.967, 0.982, 0.987, 0.991, 0.993, 0.994),
}

RECIPES = {
    "half": Recipe(
        data="SPCC, 10,447 / 213 / 10,659 curves",
        flags=HALF | {"farther": 0.4},
        results=scores(
            (0.9731, 0.0024),
            (0.9964, 0.0004),
            (0.9513, 0.003),
            (f"{PUBLISHED} 0.948", f"{PUBLISHED} 0.986"),
        ),
        seeds=(0, 1, 2, 3, 4),
        minutes=3.0,
        machine=XEON,
        note="--split SEED --seed SEED",
    ),
    "half-no-redshift": Recipe(
        data="SPCC, 10,447 / 213 / 10,659 curves",
        flags=HALF | {"redshift": False},
        results=scores(
            (0.9656, 0.0019),
            (0.9946, 0.0008),
            (0.9354, 0.0027),
            ("most frequent class 0.76", f"{PUBLISHED} 0.981"),
        ),
        seeds=(0, 1, 2, 3, 4),
        minutes=3.3,
        machine=XEON,
        note="--split SEED --seed SEED; nothing was tuned without redshift",
    ),
    "five-percent": Recipe(
        data="SPCC, 1,045 / 21 / 20,253 curves",
        flags=SMALL | {"share": 0.05, "thin": 0.3, "fainter": 1.3, "farther": 0.2},
        results=scores(
            (0.9341, 0.0039),
            (0.9794, 0.0033),
            (0.8855, 0.0045),
            ("most frequent class 0.76", f"{PUBLISHED} 0.910"),
        ),
        seeds=(0, 1, 2, 3, 4),
        minutes=0.47,
        machine=XEON,
        note="--split SEED --seed SEED",
    ),
    "spectroscopic": spectroscopic(
        {}, scores((0.6414, 0.02), (0.8295, 0.0153), (0.5875, 0.0224)), 0.48
    ),
    "spectroscopic-noise": spectroscopic(
        {"thin": 0.3, "fainter": 1.3},
        scores((0.6416, 0.0091), (0.8561, 0.0437), (0.5918, 0.0014)),
        0.46,
    ),
    "spectroscopic-farther-0.4": spectroscopic(
        {"thin": 0.3, "fainter": 1.3, "farther": 0.4},
        scores((0.7497, 0.0139), (0.8875, 0.0113), (0.6856, 0.0125)),
        0.48,
    ),
    "spectroscopic-farther-0.8": spectroscopic(
        {"thin": 0.3, "fainter": 1.3, "farther": 0.8},
        scores((0.7618, 0.0147), (0.9148, 0.0054), (0.7018, 0.0122)),
        0.45,
    ),
    "spectroscopic-farther-1.2": spectroscopic(
        {"thin": 0.3, "fainter": 1.3, "farther": 1.2},
        scores((0.751, 0.0177), (0.9173, 0.0027), (0.6901, 0.0155)),
        0.43,
    ),
    "spectroscopic-noisier": spectroscopic(
        {"thin": 0.3, "fainter": 2.0, "farther": 0.8},
        scores((0.7715, 0.0118), (0.9109, 0.0025), (0.7149, 0.0078)),
        0.45,
    ),
    "spectroscopic-farther-only": spectroscopic(
        {"farther": 0.8}, scores((0.7477, 0.0097), (0.9032, 0.0156), (0.6888, 0.0079)), 0.42
    ),
    "early": Recipe(
        data="SPCC, 10,447 / 213 / 10,659 curves",
        flags=HALF | {"farther": 0.4, "bidirectional": False, "beginning": 0.1, "hidden": 96},
        results=tuple(
            Result(f"{name}, day {day}", value, command=f"score RUN --days {day}")
            for name, values in EARLY_SCORES.items()
            for day, value in zip(EARLY_DAYS, values, strict=True)
        ),
        minutes=2.6,
        machine=XEON,
        note="One run; nothing was tuned.",
    ),
}
