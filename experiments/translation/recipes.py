"""Recipes: settings and the results to expect. Test scores are those of sacreBLEU 2.6.0."""

from typing import Any

from seqmodels.train.experiment import Recipe, Result

GREEDY, BEAM = "evaluate RUN --beam 1", "evaluate RUN --beam 5"
EPYC = "two cores of an AMD EPYC (Zen 3)"
ICE_LAKE = "one core of an Intel Xeon (Ice Lake) at 2.8 GHz"
SAPPHIRE_RAPIDS = "one core of an Intel Xeon (Sapphire Rapids)"
MULTI30K = "Multi30k, 29,000 / 1,014 / 1,000 pairs"
TATOEBA = "fra-eng.zip of manythings.org (2019), 125,025 training and 2,585 test pairs"
GENERATED = "generated, 25,000 / 1,000 / 2,000 pairs"


def scores(command: str, **values: float) -> tuple[Result, ...]:
    """Return results that one command prints."""
    names = {"bleu": "BLEU", "bleu_13a": "BLEU 13a", "chrf": "chrF", "exact": "exact match"}
    return tuple(
        Result(names.get(name, name), value, command=command) for name, value in values.items()
    )


LARGE: dict[str, Any] = {"hidden": 384, "embedding": 256, "average": "ema", "b2": 0.998}
ATTENTION = LARGE | {
    "feeding": True,
    "score": 256,
    "dropout": 0.3,
    "learning_rate": 1.2e-3,
    "average_decay": 0.998,
    "evaluate_every": 600,
}
SMALL: dict[str, Any] = {
    "pairs": 25_000,
    "batch_size": 48,
    "buckets": 2,
    "learning_rate": 5e-3,
    "warmup_steps": 100.0,
    "b2": 0.998,
    "average": "ema",
    "average_decay": 0.995,
}

RECIPES = {
    "multi30k-de-en": Recipe(
        data=MULTI30K,
        flags=ATTENTION | {"languages": ("de", "en"), "steps": 2150},
        results=(
            *scores(BEAM, bleu=38.59, bleu_13a=38.44, chrf=56.71, perplexity=5.94),
            *scores(GREEDY, bleu=37.37, bleu_13a=37.25, chrf=55.95),
        ),
        minutes=23.6,
        machine=EPYC,
        note="Wall-clock minutes. Resumed twice with fewer --steps, which shortened the schedule.",
    ),
    "multi30k-en-fr": Recipe(
        data=MULTI30K,
        flags=ATTENTION | {"languages": ("en", "fr"), "steps": 1200},
        results=(
            *scores(BEAM, bleu=40.71, bleu_13a=39.06, chrf=57.31, exact=5.80, perplexity=6.07),
            *scores(GREEDY, bleu=38.86, bleu_13a=37.32, chrf=55.89, exact=4.80),
        ),
        minutes=19.3,
        machine=ICE_LAKE,
        note="Dev loss was still falling.",
    ),
    "multi30k-en-de": Recipe(
        data=MULTI30K,
        flags=ATTENTION | {"languages": ("en", "de"), "steps": 1200},
        results=(
            *scores(BEAM, bleu=25.83, bleu_13a=25.59, chrf=46.50, exact=2.00, perplexity=11.03),
            *scores(GREEDY, bleu=24.49, bleu_13a=24.32, chrf=46.01, exact=1.90),
        ),
        minutes=19.8,
        machine=ICE_LAKE,
        note="Dev loss was still falling.",
    ),
    "multi30k-de-en-context": Recipe(
        data=MULTI30K,
        flags=LARGE
        | {
            "languages": ("de", "en"),
            "attention": "none",
            "context": True,
            "dropout": 0.25,
            "learning_rate": 2e-3,
            "average_decay": 0.998,
            "steps": 2720,
            "evaluate_every": 680,
        },
        results=(
            *scores(BEAM, bleu=30.88, bleu_13a=30.65, chrf=49.01, exact=2.30, perplexity=6.92),
            Result("BLEU", 28.52, command=GREEDY, reference="published for such a GRU 20.6"),
            *scores(GREEDY, bleu_13a=28.35, chrf=47.78, exact=2.20),
            Result("accuracy", 0.6306),
        ),
        minutes=29.2,
        machine=ICE_LAKE,
    ),
    "multi30k-de-en-final-state": Recipe(
        data=MULTI30K,
        flags=LARGE
        | {
            "languages": ("de", "en"),
            "attention": "none",
            "dropout": 0.3,
            "learning_rate": 1.5e-3,
            "average_decay": 0.997,
            "steps": 1100,
            "evaluate_every": 550,
        },
        results=(
            *scores(BEAM, bleu=15.82, perplexity=17.29),
            *scores(GREEDY, bleu=15.89, bleu_13a=15.84, chrf=31.02),
        ),
        minutes=9.0,
        machine=EPYC,
        note="Only 2.4 epochs; dev loss was still falling.",
    ),
    "tatoeba": Recipe(
        data=TATOEBA,
        flags={
            "max_length": 10,
            "min_count": 3,
            "hidden": 256,
            "embedding": 256,
            "score": 256,
            "dropout": 0.2,
            "batch_size": 128,
            "buckets": 2,
            "learning_rate": 2.5e-3,
            "b2": 0.998,
            "average": "ema",
            "average_decay": 0.998,
            "steps": 1500,
            "evaluate_every": 750,
        },
        results=(
            *scores(BEAM, bleu=38.69, bleu_13a=36.51, chrf=56.05, exact=12.69, perplexity=3.90),
            Result("exact match, any reference of a source", 18.35, command=BEAM),
            *scores(GREEDY, bleu=36.34, bleu_13a=34.13, chrf=54.53, exact=11.22),
            Result("exact match, any reference of a source", 16.23, command=GREEDY),
        ),
        minutes=14.3,
        machine=SAPPHIRE_RAPIDS,
        note="Wall-clock minutes. Dev loss was still falling.",
    ),
    "generated-attention": Recipe(
        data=GENERATED,
        bundled=True,
        flags=SMALL | {"attention": "additive", "steps": 1600, "evaluate_every": 800},
        results=(
            *scores(GREEDY, bleu=77.95, chrf=83.72, exact=47.70, perplexity=1.62),
            Result("perplexity", 1.13, split="dev"),
        ),
        minutes=5.2,
        machine=SAPPHIRE_RAPIDS,
    ),
    "generated-context": Recipe(
        data=GENERATED,
        bundled=True,
        flags=SMALL | {"attention": "none", "context": True, "steps": 2200, "evaluate_every": 1100},
        results=(
            *scores(GREEDY, bleu=14.65, chrf=39.98, exact=3.15, perplexity=8.17),
            Result("perplexity", 3.77, split="dev"),
        ),
        minutes=5.3,
        machine=SAPPHIRE_RAPIDS,
    ),
}
