"""Recipes: published data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

EPYC = "Two busy cores of an AMD EPYC (Zen 3)"


def word_order(model: str, length: float, distance: float, order: float, position: float) -> Recipe:
    """Return the recipe of a model on generated reviews, with the accuracy on each property."""
    accuracies = {"length": length, "distance": distance, "order": order, "position": position}
    return Recipe(
        data="8,000 generated reviews",
        flags={"reviews": 8000, "steps": 400, "evaluate_every": 400, "model": model},
        bundled=True,
        results=tuple(Result(name, value, split="dev") for name, value in accuracies.items()),
        minutes=0.3,
        machine=EPYC,
    )


RECIPES = {
    "sst2": Recipe(
        data="SST-2, 6,920 / 872 / 1,821 sentences",
        flags={
            "hidden": 100,
            "embedding": 100,
            "steps": 450,
            "evaluate_every": 150,
            "learning_rate": 3e-3,
            "warmup_steps": 50.0,
            "average": "uniform",
            "average_start": 300.0,
            "dropout": 0.5,
            "symbol_dropout": 0.1,
            "ngrams": 30_000,
        },
        results=(
            Result("accuracy", 0.829, spread=0.014, reference="logistic regression on words 0.807"),
        ),
        seeds=(0, 1, 2),
        minutes=0.72,
        machine=EPYC,
        note="The test split had been seen before, with 900 steps and seeds 0 and 1.",
    ),
    "order-bag": word_order("bag", 0.502, 0.533, 0.500, 0.503),
    "order-window": word_order("window", 0.654, 0.509, 0.764, 1.000),
    "order-unshared": word_order("unshared", 0.673, 0.716, 0.665, 0.479),
    "order-recurrent": word_order("recurrent", 1.000, 1.000, 1.000, 1.000),
}
