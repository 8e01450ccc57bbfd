"""Made-up students: some features, a sequence of test scores, and whether they pass in the end.

    feature_j = a + e_j,    score_t = a + b t + n_t,    pass: a + b T + n_T > 0

Ability a ~ N(0, 1), trend b ~ N(0, TREND^2) a week, all noise normal, and all in units of ability.
Everything is linear and normal, so the best possible answer has a closed form (``chances``).
"""

from itertools import pairwise
from math import erf
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from seqmodels.data.ragged import Ragged

NAMES = ("attendance", "homework", "last grade")
FEATURE_NOISE = np.array([1.2, 0.9, 0.6])
TREND, SCORE_NOISE, EXAM_NOISE = 0.12, 0.7, 0.5
FEWEST, MOST, EXAM_WEEK = 3, 10, 12


class Students(NamedTuple):
    """One test a week from the first on, for some more weeks than for others."""

    features: Float[np.ndarray, "N 3"]
    scores: Ragged
    passes: Bool[np.ndarray, "N"]


def students(count: int, seed: int = 0) -> Students:
    """So many of them."""
    random = np.random.default_rng(seed)
    ability, trend = random.normal(size=count), TREND * random.normal(size=count)
    features = ability[:, None] + FEATURE_NOISE * random.normal(size=(count, 3))
    lengths = random.integers(FEWEST, MOST + 1, count)
    offsets = np.cumsum([0, *lengths])
    owner = np.repeat(np.arange(count), lengths)
    weeks = np.arange(offsets[-1]) - offsets[owner] + 1
    scores = ability[owner] + trend[owner] * weeks + SCORE_NOISE * random.normal(size=len(weeks))
    exam = ability + trend * EXAM_WEEK + EXAM_NOISE * random.normal(size=count)
    values = scores[:, None].astype(np.float32)
    return Students(features.astype(np.float32), Ragged(values, offsets), exam > 0)


def chances(given: Students, features: bool, scores: bool) -> Float[np.ndarray, "N"]:
    """Probability that each student passes, given the features, the scores, or both.

    With prior precision P and observations h . (a, b) + e of variance s^2 the posterior of (a, b)
    has the precision Q = P + sum h h' / s^2 and the mean Q^-1 sum h y / s^2; the exam is one more
    such observation.
    """
    found = []
    exam = np.array([1.0, EXAM_WEEK])
    for row, (begin, end) in enumerate(pairwise(given.scores.offsets)):
        seen = given.scores.values[begin:end, 0] if scores else np.zeros(0, np.float32)
        views = np.stack([np.ones(len(seen)), np.arange(1, len(seen) + 1)], axis=1)
        precision = np.diag([1.0, TREND**-2]) + views.T @ views / SCORE_NOISE**2
        total = views.T @ seen / SCORE_NOISE**2
        if features:
            precision[0, 0] += (FEATURE_NOISE**-2.0).sum()
            total[0] += (given.features[row] / FEATURE_NOISE**2).sum()
        spread = exam @ np.linalg.solve(precision, exam) + EXAM_NOISE**2
        mean = exam @ np.linalg.solve(precision, total)
        found.append(0.5 + 0.5 * erf(mean / np.sqrt(2.0 * spread)))
    return np.array(found)


def student_fields(given: Students, features: bool, scores: bool) -> dict[str, Any]:
    """``x``, the scores; ``static``, the features; ``label``, 1 for a pass; ``best``, whether the
    best possible answer to what a model is told is right.
    """
    best = (chances(given, features, scores) > 0.5) == given.passes
    return {
        "x": given.scores,
        "static": given.features,
        "label": given.passes.astype(np.int32),
        "best": best.astype(np.float32),
    }


def described(given: Students) -> list[str]:
    """Every student in words."""
    texts = []
    for row, (begin, end) in enumerate(pairwise(given.scores.offsets)):
        known = ", ".join(f"{n} {x:.1f}" for n, x in zip(NAMES, given.features[row], strict=True))
        scores = " ".join(f"{score:.1f}" for score in given.scores.values[begin:end, 0])
        texts.append(f"{known}; scores {scores}")
    return texts
