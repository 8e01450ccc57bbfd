"""Recipes: data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe, Result

MACHINE = "one core of an Intel Xeon with AVX-512, compiled kernels (make native)"

RECIPES = {
    "words": Recipe(
        data="generated words in stroke fonts, 3,000 / 375 / 375 words",
        bundled=True,
        flags={"steps": 2500, "evaluate_every": 500},
        results=(
            Result("cer", 0.0017, reference="always 'tag' 0.892"),
            Result("cer", 0.0009, split="dev"),
            Result("exact", 0.9893),
        ),
        minutes=5.6,
        machine=MACHINE,
        note="One run. After 1,000 steps the error of dev is 0.006.",
    ),
    "unipen": Recipe(
        data="UniPen words by writer, 11,221 / 1,057 / 1,994 words",
        flags={
            "layers": 3,
            "hidden": 128,
            "join": (1, 2, 1),
            "step": 0.1667,
            "batch_size": 32,
            "learning_rate": 2.5e-3,
            "warmup_steps": 300.0,
            "steps": 9000,
            "evaluate_every": 1000,
            "dispatch": 1,
        },
        results=(
            Result("cer", 0.0938, reference="always 'in' 0.888"),
            Result("cer", 0.1014, split="dev"),
            Result("exact", 0.6605),
            Result("cer", 0.0646, command="evaluate RUN --beam 25 --ngram 5 --tune"),
            Result("cer", 0.0623, split="dev", command="evaluate RUN --beam 25 --ngram 5 --tune"),
        ),
        minutes=24.8,
        machine=MACHINE,
        note=(
            "One run, on a machine with other work, which makes a processor minute slower. All "
            "outputs are blanks from step 21 to 228, of 351 in an epoch. --tune chose a weight of "
            "0.8 and a bonus of 2."
        ),
    ),
    "orand": Recipe(
        data="ORAND-CAR-A subset, 974 / 106 / 128 images of digit strings",
        flags={
            "model": "cnn-blstm",
            "layers": 2,
            "hidden": 96,
            "join": (1, 1),
            "batch_size": 32,
            "steps": 2400,
            "evaluate_every": 300,
            "dispatch": 1,
            "buckets": 3,
            "warmup_steps": 100.0,
        },
        results=(
            Result("cer", 0.0214, reference="always '1000' 0.678"),
            Result("cer", 0.0382, split="dev"),
            Result("exact", 0.9141),
            Result("exact", 0.8585, split="dev"),
        ),
        minutes=5.7,
        machine=MACHINE,
        note=(
            "One run with settings chosen beforehand; 95 % interval of the exact strings of test: "
            "0.867 to 0.961. A tenth of the training images is dev. About 5 % of the training "
            "labels are wrong."
        ),
    ),
}
