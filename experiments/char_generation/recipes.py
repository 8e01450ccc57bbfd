"""Recipes: data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

# nanoGPT's split. The dev split was used to choose dropout, weight decay and learning rate.
TINYSHAKESPEARE = "tinyshakespeare, 1,003,854 / 111,540 characters"
EPYC = "two cores of an AMD EPYC (Zen 3)"
PUBLISHED = "bigrams 2.4909; minGRU and minLSTM 1.55 (test); nanoGPT 1.4697 (three A100 minutes)"
GRU = {
    "splits": (0.9, 0.1, 0.0),
    "cell": "gru",
    "layers": 2,
    "hidden": 448,
    "weight_decay": 0.3,
    "b2": 0.99,
    "warmup_steps": 100.0,
    "dispatch": 10,
}

RECIPES = {
    "python-library": Recipe(
        data="sources of the Python 3.11 library, 7,255,655 / 215,064 / 177,655 characters",
        bundled=True,
        results=(
            Result("nats", 1.3138, split="dev", reference="bigrams 2.3728; unigrams 3.0345"),
            Result("nats", 1.5934),
        ),
        machine="Intel Xeon with AMX",
        note="The default settings. Other versions of Python give other numbers.",
    ),
    "tinyshakespeare": Recipe(
        data=TINYSHAKESPEARE,
        flags={
            **GRU,
            "learning_rate": 4e-3,
            "dropout": 0.4,
            "steps": 6200,
            "evaluate_every": 1550,
        },
        results=(Result("nats", 1.4131, split="dev", reference=PUBLISHED),),
        machine=EPYC,
        note="28.6 minutes of wall time. The settings were chosen on dev.",
    ),
    "tinyshakespeare-short": Recipe(
        data=TINYSHAKESPEARE,
        flags={
            **GRU,
            "learning_rate": 5e-3,
            "dropout": 0.25,
            "steps": 1950,
            "evaluate_every": 975,
        },
        results=(Result("nats", 1.4469, split="dev", reference=PUBLISHED),),
        machine=EPYC,
        note="9.8 minutes of wall time. The settings were chosen on dev.",
    ),
}
