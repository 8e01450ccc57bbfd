import numpy as np
import pytest

from experiments.grades.students import (
    EXAM_NOISE,
    EXAM_WEEK,
    FEATURE_NOISE,
    SCORE_NOISE,
    TREND,
    Students,
    chances,
    described,
    student_fields,
    students,
)
from seqmodels.data.ragged import ragged


def test_chances_agree_with_weighted_draws():
    """Of many students drawn from the prior, those count most who explain what is known."""
    random = np.random.default_rng(0)
    features = np.array([[0.5, -0.2, 0.8]], np.float32)
    scores = np.array([[0.4], [0.1], [0.5], [0.9]], np.float32)
    known = Students(features, ragged([scores]), np.array([True]))
    ability, trend = random.normal(size=400_000), TREND * random.normal(size=400_000)
    exam = ability + trend * EXAM_WEEK + EXAM_NOISE * random.normal(size=400_000)
    weeks = np.arange(1, 5)[:, None]
    likely = {
        "features": -(((features.T - ability) / FEATURE_NOISE[:, None]) ** 2).sum(0) / 2,
        "scores": -(((scores - ability - trend * weeks) / SCORE_NOISE) ** 2).sum(0) / 2,
    }
    for sees in ({"features"}, {"scores"}, {"features", "scores"}, set()):
        weight = np.exp(sum((likely[name] for name in sees), np.zeros(400_000)))
        expected = np.average(exam > 0, weights=weight)
        found = chances(known, features="features" in sees, scores="scores" in sees)
        np.testing.assert_allclose(found, [expected], atol=0.01)


@pytest.fixture(scope="module")
def some():
    return students(2000)


def test_chances_are_calibrated_and_more_knowledge_is_better(some):
    accuracy = []
    for sees in ({"features": True, "scores": False}, {"features": False, "scores": True},
                 {"features": True, "scores": True}):  # fmt: skip
        chance = chances(some, **sees)
        assert abs(chance.mean() - some.passes.mean()) < 0.03
        right = student_fields(some, **sees)["best"].mean()
        assert right == pytest.approx(np.maximum(chance, 1 - chance).mean(), abs=0.03)
        accuracy.append(right)
    assert 0.6 < accuracy[0] < accuracy[1] - 0.02
    assert accuracy[1] < accuracy[2]


def test_students_are_told_in_words(some):
    fields = student_fields(some, features=True, scores=False)
    assert len(fields["x"].lengths) == len(fields["label"]) == len(fields["static"]) == 2000
    text = described(some)[0]
    assert text.startswith("attendance ")
    assert len(text.split("scores ")[1].split()) == some.scores.lengths[0]
