"""Recipes: published data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

RECIPES = {
    "trec": Recipe(
        data="TREC, 5,452 / 500 questions; dev is 1 % of the training questions",
        flags={
            "dev_share": 0.01,
            "bag": 65_536,
            "hidden": 200,
            "embedding": 100,
            "ngrams": 10_000,
            "pool": ("max",),
            "batch_size": 64,
            "steps": 700,
            "evaluate_every": 700,
            "learning_rate": 5e-3,
            "warmup_steps": 50.0,
            "weight_decay": 0.1,
            "smoothing": 0.1,
            "dropout": 0.5,
            "symbol_dropout": 0.2,
            "average": "ema",
            "average_decay": 0.99,
        },
        results=(
            Result(
                "accuracy",
                0.827,
                spread=0.011,
                reference="linear SVM on words and pairs 0.826, on the text features 0.850",
            ),
            Result(
                "coarse",
                0.907,
                spread=0.007,
                reference="linear SVM on words and pairs 0.872, on the text features 0.902",
            ),
        ),
        seeds=(0, 1, 2),
        minutes=2.33,
        machine="One busy core of an Intel Xeon (Sapphire Rapids)",
        note="Settings chosen on a fifth of the training questions; each seed was tested once.",
    ),
    "names": Recipe(
        data="names by language; 10 % each are held out as dev and test",
        flags={
            "symbols": "characters",
            "hidden": 96,
            "embedding": 48,
            "batch_size": 128,
            "steps": 900,
            "evaluate_every": 150,
            "learning_rate": 4e-3,
            "warmup_steps": 50.0,
            "dropout": 0.3,
        },
        results=(
            Result(
                "accuracy",
                0.756,
                reference="on dev: most frequent class 0.472, logistic regression 0.640",
            ),
            Result("macro F1", 0.387, command="errors RUN"),
            Result("accuracy", 0.740, split="dev"),
            Result("macro F1", 0.382, split="dev", command="errors RUN"),
            Result("error", 0.195, split="train", command="errors RUN"),
            Result("error", 0.260, split="dev", command="errors RUN"),
        ),
        minutes=1.18,
        machine="Two busy cores of an AMD EPYC (Zen 3)",
        note="Settings and best step chosen on dev.",
    ),
}
