"""Recipes: data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

MACHINE = "two cores of an AMD EPYC (Zen 3)"

RECIPES = {
    "digits": Recipe(
        data="scikit-learn's digits, 1,427 / 182 / 188 images",
        bundled=True,
        flags={"dispatch": 50},
        results=(
            Result("accuracy", 0.989, reference="nearest mean image 0.885 on dev"),
            Result("accuracy", 0.967, split="dev"),
        ),
        minutes=0.37,
        machine=MACHINE,
    ),
    "mnist": Recipe(
        data="MNIST, 55,000 / 5,000 / 10,000 images",
        flags={
            "cell": "gru",
            "hidden": 128,
            "batch_size": 128,
            "steps": 3600,
            "evaluate_every": 900,
            "dispatch": 15,
            "learning_rate": 4e-3,
            "warmup_steps": 100.0,
            "shift": 2,
            "dropout": 0.2,
        },
        results=(
            Result("accuracy", 0.9925, reference="nearest mean image 0.855 on dev"),
            Result("accuracy", 0.9934, split="dev"),
        ),
        minutes=5.0,
        machine=MACHINE,
        note="One run; the settings were chosen beforehand.",
    ),
}
