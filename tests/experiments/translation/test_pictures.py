from matplotlib.image import imread

from experiments.translation.pictures import draw_scores_by_length
from experiments.translation.scores import SCORE_NAMES


def test_draws_a_line_for_each_run(tmp_path):
    groups = [{"words": n, **dict.fromkeys(SCORE_NAMES, 90.0 / n)} for n in (2, 7)]
    draw_scores_by_length({"one": groups, "other": groups[:1]}, tmp_path / "scores.png")
    assert imread(tmp_path / "scores.png").std() > 0
