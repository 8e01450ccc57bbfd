import numpy as np
import pytest

from experiments.grades.students import (
    EXAM_NOISE,
    EXAM_WEEK,
    FEATURE_NOISE,
    SCORE_NOISE,
    TREND,
    Inputs,
    Students,
    describe_students,
    generate_students,
    pass_probabilities,
    student_fields,
)
from seqmodels.data.ragged import ragged


def test_pass_probabilities_agree_with_importance_sampling():
    """Students drawn from the prior are weighted by the likelihood of the inputs."""
    random = np.random.default_rng(0)
    features = np.array([[0.5, -0.2, 0.8]], np.float32)
    scores = np.array([[0.4], [0.1], [0.5], [0.9]], np.float32)
    student = Students(features, ragged([scores]), np.array([True]))
    ability, trend = random.normal(size=400_000), TREND * random.normal(size=400_000)
    exam = ability + trend * EXAM_WEEK + EXAM_NOISE * random.normal(size=400_000)
    weeks = np.arange(1, 5)[:, None]
    log_likelihood = {
        "features": -(((features.T - ability) / FEATURE_NOISE[:, None]) ** 2).sum(0) / 2,
        "scores": -(((scores - ability - trend * weeks) / SCORE_NOISE) ** 2).sum(0) / 2,
    }
    for names in ({"features"}, {"scores"}, {"features", "scores"}, set()):
        weight = np.exp(sum((log_likelihood[name] for name in names), np.zeros(400_000)))
        expected = np.average(exam > 0, weights=weight)
        inputs = Inputs(features="features" in names, scores="scores" in names)
        np.testing.assert_allclose(pass_probabilities(student, inputs), [expected], atol=0.01)


@pytest.fixture(scope="module")
def students():
    return generate_students(2000)


def test_pass_probabilities_are_calibrated_and_more_inputs_are_better(students):
    accuracy = []
    for inputs in (Inputs(True, False), Inputs(False, True), Inputs(True, True)):
        probability = pass_probabilities(students, inputs)
        assert abs(probability.mean() - students.passes.mean()) < 0.03
        correct = student_fields(students, inputs)["bayes_correct"].mean()
        expected = np.maximum(probability, 1 - probability).mean()
        assert correct == pytest.approx(expected, abs=0.03)
        accuracy.append(correct)
    assert 0.6 < accuracy[0] < accuracy[1] - 0.02
    assert accuracy[1] < accuracy[2]


def test_students_have_fields_and_a_description(students):
    fields = student_fields(students, Inputs(features=True, scores=False))
    assert len(fields["x"].lengths) == len(fields["label"]) == len(fields["static"]) == 2000
    text = describe_students(students)[0]
    assert text.startswith("attendance ")
    assert len(text.split("scores ")[1].split()) == students.scores.lengths[0]
