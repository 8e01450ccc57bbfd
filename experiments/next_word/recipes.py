"""Recipes: published settings, data sets, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

PTB = "PTB, 929,589 / 73,760 / 82,430 words"
XEON = "one core of an Intel Xeon (Ice Lake)"

# Zaremba, Sutskever and Vinyals (2014), arXiv:1409.2329, with the schedule of TensorFlow's
# ptb_word_lm; Zaremba's own code first halves the rate one epoch later. The published loss is the
# sum over the 20 steps of a window. Ours is the mean, so rate 1 and norm 5 become:
RATE, NORM = 1.0 * 20, 5.0 / 20
ZAREMBA_SMALL = {
    "cell": "lstm",
    "layers": 2,
    "hidden": 200,
    "embedding": 200,
    "dropout": 0.0,
    "uniform_init": 0.1,
    "batch_size": 20,
    "length": 20,
    "vocabulary": 10_000,
    "optimizer": "sgd",
    "momentum": 0.0,
    "learning_rate": RATE,
    "clip_norm": NORM,
    "schedule": "staircase",
    "hold_steps": 4.0,
    "decay_steps": 1.0,
    "decay_rate": 0.5,
    "epochs": 13,
}
# Merity, Keskar and Socher (2017), arXiv:1708.02182. There, the length of the windows varies, and
# averaging begins when dev stops improving; here, it begins in the last quarter.
AWD_LSTM = {
    "cell": "lstm",
    "layers": 3,
    "hidden": 1150,
    "embedding": 400,
    "tied": True,
    "dropout": 0.4,
    "hidden_dropout": 0.25,
    "input_dropout": 0.4,
    "word_dropout": 0.1,
    "weight_drop": 0.5,
    "activation": 2.0,
    "slowness": 1.0,
    "weight_decay": 1.2e-6,
    "batch_size": 20,
    "length": 70,
    "optimizer": "sgd",
    "momentum": 0.0,
    "learning_rate": 30.0,
    "clip_norm": 0.25,
    "schedule": "constant",
    "average": "uniform",
    "average_start": 150.0,
    "epochs": 200,
}

RECIPES = {
    "python-docs": Recipe(
        data="English that comes with Python 3.11, 205,480 / 14,523 / 8,947 words",
        bundled=True,
        results=(
            Result("perplexity", 84.6),
            Result("perplexity", 73.6, split="dev", reference="bigrams 114.9; unigrams 310.8"),
        ),
        machine="Intel Xeon with AMX",
        note="The default settings. Other versions of Python give other numbers.",
    ),
    "zaremba-small": Recipe(
        data=PTB,
        flags=ZAREMBA_SMALL,
        note="Published perplexity of ptb_word_lm: 121 (valid), 116 (test).",
    ),
    "zaremba-small-multi30k": Recipe(
        data="Multi30k English in PTB's format, 408,795 / 14,422 / 14,046 words",
        flags={**ZAREMBA_SMALL, "dispatch": 40},
        results=(
            Result("perplexity", 24.29),
            Result("perplexity", 24.29, split="dev", reference="bigrams 45.1; unigrams 207.8"),
        ),
        minutes=20.5,
        machine=XEON,
        note="The best epoch on dev is the fifth.",
    ),
    "zaremba-small-tinyshakespeare": Recipe(
        data="tinyshakespeare in PTB's format, 258,339 / 14,225 / 12,924 words",
        flags={**ZAREMBA_SMALL, "dispatch": 40},
        results=(
            Result("perplexity", 99.7),
            Result("perplexity", 72.8, split="dev", reference="bigrams 137.4; unigrams 278.6"),
        ),
        minutes=20.1,
        machine=XEON,
        note="The best epoch on dev is the sixth.",
    ),
    "awd-lstm": Recipe(
        data=PTB,
        flags=AWD_LSTM,
        note="Published perplexity: 60.0 (valid), 57.3 (test).",
    ),
    "multi30k": Recipe(
        data="Multi30k English, one caption per line, 408,795 / 14,422 / 14,046 words",
        flags={
            "tokens": "words",
            "min_count": 5,
            "hidden": 128,
            "embedding": 128,
            "tied": True,
            "dropout": 0.1,
            "steps": 700,
            "evaluate_every": 350,
            "batch_size": 20,
            "length": 20,
            "learning_rate": 1e-2,
        },
        results=(
            Result("perplexity", 32.2),
            Result("perplexity", 31.7, split="dev", reference="bigrams 39.0; unigrams 181.3"),
        ),
        minutes=0.7,
        machine="two cores of an AMD EPYC (Zen 3)",
        note="Two thirds of an epoch. The settings were not tuned.",
    ),
}
