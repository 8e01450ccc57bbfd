"""Generated students: features, a sequence of test scores, and whether they pass the exam.

    feature_j = a + e_j,    score_t = a + b t + n_t,    pass: a + b T + n_T > 0

Ability a ~ N(0, 1), trend b ~ N(0, TREND^2) per week, all noise normal, and all in units of
ability. Everything is linear and normal, so the probability of passing has a closed form
(``pass_probabilities``), and the accuracy of the Bayes-optimal classifier is known.
"""

from itertools import pairwise
from math import erf
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from seqmodels.data.ragged import Ragged

FEATURE_NAMES = ("attendance", "homework", "last grade")
FEATURE_NOISE = np.array([1.2, 0.9, 0.6])
TREND, SCORE_NOISE, EXAM_NOISE = 0.12, 0.7, 0.5
MIN_TESTS, MAX_TESTS, EXAM_WEEK = 3, 10, 12


class Students(NamedTuple):
    """Students with one test per week, from the first week on; the number of tests varies."""

    features: Float[np.ndarray, "N 3"]
    scores: Ragged
    passes: Bool[np.ndarray, "N"]


class Inputs(NamedTuple):
    """Which inputs a prediction may use."""

    features: bool
    scores: bool


def generate_students(count: int, seed: int = 0) -> Students:
    """Return ``count`` students."""
    random = np.random.default_rng(seed)
    ability, trend = random.normal(size=count), TREND * random.normal(size=count)
    features = ability[:, None] + FEATURE_NOISE * random.normal(size=(count, 3))
    lengths = random.integers(MIN_TESTS, MAX_TESTS + 1, count)
    offsets = np.cumsum([0, *lengths])
    student = np.repeat(np.arange(count), lengths)
    weeks = np.arange(offsets[-1]) - offsets[student] + 1
    noise = SCORE_NOISE * random.normal(size=len(weeks))
    scores = ability[student] + trend[student] * weeks + noise
    exam = ability + trend * EXAM_WEEK + EXAM_NOISE * random.normal(size=count)
    values = scores[:, None].astype(np.float32)
    return Students(features.astype(np.float32), Ragged(values, offsets), exam > 0)


def pass_probabilities(students: Students, inputs: Inputs) -> Float[np.ndarray, "N"]:
    """Return the probability that each student passes, given these inputs.

    With prior precision P and observations y = h . (a, b) + e of variance s^2, the posterior of
    (a, b) has precision Q = P + sum h h' / s^2 and mean Q^-1 sum h y / s^2. The exam is another
    observation of this form.
    """
    probabilities = []
    exam = np.array([1.0, EXAM_WEEK])
    for row, (begin, end) in enumerate(pairwise(students.scores.offsets)):
        scores = students.scores.values[begin:end, 0] if inputs.scores else np.zeros(0, np.float32)
        h = np.stack([np.ones(len(scores)), np.arange(1, len(scores) + 1)], axis=1)
        precision = np.diag([1.0, TREND**-2]) + h.T @ h / SCORE_NOISE**2
        total = h.T @ scores / SCORE_NOISE**2
        if inputs.features:
            precision[0, 0] += (FEATURE_NOISE**-2.0).sum()
            total[0] += (students.features[row] / FEATURE_NOISE**2).sum()
        variance = exam @ np.linalg.solve(precision, exam) + EXAM_NOISE**2
        mean = exam @ np.linalg.solve(precision, total)
        probabilities.append(0.5 + 0.5 * erf(mean / np.sqrt(2.0 * variance)))
    return np.array(probabilities)


def student_fields(students: Students, inputs: Inputs) -> dict[str, Any]:
    """Return the fields of the students.

    x:             test scores
    static:        features
    label:         1 for a pass
    bayes_correct: 1 where the Bayes-optimal classifier of these inputs is correct
    """
    correct = (pass_probabilities(students, inputs) > 0.5) == students.passes
    return {
        "x": students.scores,
        "static": students.features,
        "label": students.passes.astype(np.int32),
        "bayes_correct": correct.astype(np.float32),
    }


def describe_students(students: Students) -> list[str]:
    """Return one line of text per student."""
    lines = []
    for row, (begin, end) in enumerate(pairwise(students.scores.offsets)):
        pairs = zip(FEATURE_NAMES, students.features[row], strict=True)
        features = ", ".join(f"{name} {value:.1f}" for name, value in pairs)
        scores = " ".join(f"{score:.1f}" for score in students.scores.values[begin:end, 0])
        lines.append(f"{features}; scores {scores}")
    return lines
