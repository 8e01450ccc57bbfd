"""Recipes: data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe

MACHINE = "one core of an AMD EPYC (Zen 3)"

RECIPES: dict[str, Recipe] = {}
