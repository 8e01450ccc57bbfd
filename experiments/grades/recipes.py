"""Recipes: the three models, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

DATA = "generated students, 16,000 / 2,000 / 2,000"
MACHINE = "Two busy cores of an AMD EPYC (Zen 3)"
NOTE = "On 2,000 students, an accuracy has a standard error of about 0.009."


def recipe(model: str, accuracy: float, bayes_optimal: float) -> Recipe:
    """Return the recipe of a model with default settings."""
    reference = f"Bayes-optimal {bayes_optimal:.4f}, most frequent class 0.509 (dev)"
    return Recipe(
        data=DATA,
        flags={"model": model},
        bundled=True,
        results=(
            Result("accuracy", accuracy, reference=reference),
            Result("bayes_optimal", bayes_optimal),
        ),
        minutes=0.3,
        machine=MACHINE,
        note=NOTE,
    )


RECIPES = {
    "features": recipe("features", 0.6560, 0.6600),
    "scores": recipe("scores", 0.7955, 0.7915),
    "both": recipe("both", 0.8045, 0.8035),
}
