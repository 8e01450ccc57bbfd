"""Published settings of word models, as flags; imports nothing heavy."""

from typing import Any

WORD_MODELS: dict[str, dict[str, Any]] = {
    # Zaremba, Sutskever and Vinyals (2014), arXiv:1409.2329, small, by the schedule of TensorFlow's
    # ptb_word_lm, whose PTB perplexity is 121 / 116; his own code first halves the rate an epoch
    # later.  Their loss is a sum over the 20 steps of a window and ours the mean: rate 1 and clip 5
    # become:
    "zaremba-small": {
        "cell": "lstm", "layers": 2, "hidden": 200, "embedding": 200, "dropout": 0.0,
        "uniform_init": 0.1, "batch_size": 20, "length": 20, "vocabulary": 10_000,
        "optimizer": "sgd", "momentum": 0.0, "learning_rate": 1.0 * 20, "clip_norm": 5.0 / 20,
        "schedule": "staircase", "hold_steps": 4.0, "decay_steps": 1.0, "decay_rate": 0.5,
        "epochs": 13,
    },
    # Merity, Keskar and Socher (2017), arXiv:1708.02182, whose windows vary in length and whose
    # averaging begins when dev stops improving, here in the last quarter.
    "awd-lstm": {
        "cell": "lstm", "layers": 3, "hidden": 1150, "embedding": 400, "tied": True,
        "dropout": 0.4, "hidden_dropout": 0.25, "input_dropout": 0.4, "word_dropout": 0.1,
        "weight_drop": 0.5, "activation": 2.0, "slowness": 1.0, "weight_decay": 1.2e-6,
        "batch_size": 20, "length": 70, "optimizer": "sgd", "momentum": 0.0,
        "learning_rate": 30.0, "clip_norm": 0.25, "schedule": "constant",
        "average": "uniform", "average_start": 150.0, "epochs": 200,
    },
}  # fmt: skip
