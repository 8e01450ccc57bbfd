"""Recipes: data sets, settings, and the results to expect.

The metric is nats per frame: the mean over all frames of all pieces of a split, each first frame
and all silent frames included. The settings were chosen on the dev split of the JSB chorales.
"""

from typing import Any

from seqmodels.train.experiment import Recipe, Result

XEON = "one core of an Intel Xeon"
JSB = "JSB chorales, quarter notes, 229 / 76 / 77 pieces"
PUBLISHED = "RNN-NADE 5.56; GRU 8.43, TCN 8.10 (independent keys); counted intervals 5.200"
JSB_FLAGS: dict[str, Any] = {
    "meter": 4,
    "batch_size": 4,
    "evaluate_every": 500,
    "dropout": 0.5,
    "input_dropout": 0.2,
    "weight_decay": 0.1,
}
FEW_STEPS: dict[str, Any] = {"steps": 1000, "evaluate_every": 100, "weight_decay": 0.3}

RECIPES = {
    "generated": Recipe(
        data="generated chorales, 1,500 / 100 / 100 pieces",
        bundled=True,
        results=(
            Result("nats", 2.2369, reference="entropy 1.9271; counted intervals 3.2031"),
            Result("nats", 2.2284, split="dev"),
        ),
        minutes=0.83,
        machine=XEON,
    ),
    "jsb": Recipe(
        data=JSB,
        flags={**JSB_FLAGS, "transpose": True, "steps": 3000},
        results=(
            Result("nats", 4.579, spread=0.013, reference=PUBLISHED),
            Result("nats", 4.560, spread=0.005, split="dev"),
        ),
        seeds=(0, 1, 2),
        minutes=2.0,
        machine=XEON,
    ),
    "jsb-plain": Recipe(
        data=JSB,
        flags=JSB_FLAGS | FEW_STEPS,
        results=(
            Result("nats", 4.788, reference="counted notes 5.737"),
            Result("nats", 4.791, split="dev"),
        ),
        minutes=0.72,
        machine=XEON,
        note="Without transposition.",
    ),
    "jsb-nade": Recipe(
        data=JSB,
        flags={
            "outputs": "nade",
            "meter": 4,
            "batch_size": 4,
            "evaluate_every": 500,
            "steps": 2000,
            "input_dropout": 0.1,
            "weight_decay": 0.01,
            "transpose": True,
        },
        results=(
            Result("nats", 5.712, reference="RNN-NADE 5.56"),
            Result("nats", 5.654, split="dev"),
        ),
        minutes=2.0,
        machine=XEON,
        note="Training was not finished after 2,000 steps.",
    ),
    "jsb-bernoulli": Recipe(
        data=JSB,
        flags={
            "outputs": "bernoulli",
            "meter": 4,
            "batch_size": 4,
            "evaluate_every": 500,
            "steps": 4000,
            "dropout": 0.4,
            "input_dropout": 0.1,
            "weight_decay": 0.01,
            "transpose": True,
        },
        results=(
            Result("nats", 8.843, reference="GRU 8.43, TCN 8.10; key frequencies 11.060"),
            Result("nats", 8.684, split="dev"),
        ),
        minutes=1.0,
        machine=XEON,
    ),
    "jsb-harmony": Recipe(
        data="JSB chorales in four voices, sixteenths, 229 / 76 / 77 pieces",
        flags={
            "form": "harmony",
            "every": 4,
            "meter": 4,
            "batch_size": 4,
            "evaluate_every": 100,
            "steps": 600,
            "hidden": 100,
            "item_hidden": 100,
            "dropout": 0.5,
            "input_dropout": 0.5,
            "weight_decay": 0.3,
            "transpose": True,
        },
        results=(
            Result("nats", 3.145, reference="counted intervals 3.791"),
            Result("nats", 3.240, split="dev"),
        ),
        minutes=0.54,
        machine=XEON,
        note="Nats of bass, alto and tenor given the melody; frames are quarter notes.",
    ),
    "nottingham": Recipe(
        data="Nottingham piano rolls, 694 / 173 / 170 pieces",
        flags={
            "batch_size": 4,
            "dispatch": 5,
            "steps": 600,
            "evaluate_every": 150,
            "item_hidden": 100,
            "dropout": 0.2,
            "average_decay": 0.98,
            "learning_rate": 7e-3,
            "transpose": True,
        },
        results=(
            Result("nats", 2.094, reference="RNN-NADE 2.31; counted intervals 2.437"),
            Result("nats", 2.104, split="dev"),
        ),
        minutes=5.6,
        machine=XEON,
        note="Still improving after 600 steps. No setting was tuned.",
    ),
    "nottingham-abc": Recipe(
        data="Nottingham, cleaned ABC, 833 / 113 / 85 tunes",
        flags={
            "form": "abc",
            "batch_size": 16,
            "hidden": 256,
            "steps": 500,
            "evaluate_every": 100,
        },
        results=(
            Result("nats", 1.075, reference="bigrams 2.108"),
            Result("nats", 1.122, split="dev"),
        ),
        minutes=0.42,
        machine=XEON,
        note="Nats per character.",
    ),
}
