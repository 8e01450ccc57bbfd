"""Recipes: data sets, settings, and the results to expect."""

from seqmodels.train.experiment import Recipe

RECIPES: dict[str, Recipe] = {}
