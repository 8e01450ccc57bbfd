"""Further logs for ``fit``: TensorBoard, a profile, and the curves drawn when all is over."""

from pathlib import Path
from typing import Any

from seqmodels.errors import UserError
from seqmodels.train.config import Metric

Record = dict[str, Any]


def tensorboard(directory: Path):
    """A log that writes every number for TensorBoard."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise UserError("--tensorboard needs: pip install 'seqmodels[tensorboard]'") from error
    writer = SummaryWriter(str(directory))

    def log(record: Record) -> None:
        numbers = {name: value for name, value in record.items() if isinstance(value, float)}
        for name, value in numbers.items():
            writer.add_scalar(f"{record['split']}/{name}", value, record["step"])
        writer.flush()

    return log


class Profile:
    """A log that traces about ``steps`` steps after the first chunk, which compiles."""

    def __init__(self, directory: Path, steps: int):
        self.directory, self.steps, self.stop = directory, steps, -1

    def __call__(self, record: Record) -> None:
        import jax

        if self.stop < 0:
            jax.profiler.start_trace(str(self.directory))
            self.stop = record["step"] + self.steps
        elif self.steps and record["step"] >= self.stop:
            self.close()

    def close(self) -> None:
        import jax

        if self.stop >= 0 and self.steps:
            jax.profiler.stop_trace()
            self.steps = 0


def draw_curves(records: list[Record], metric: Metric, baseline: float | None, path: Path) -> None:
    """Headline metric of both splits, learning rate, and gradient norm, against the step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    headline, gradient, rate = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1, 1]}
    )
    train = [record for record in records if record["split"] == "train"]
    for split, style in (("train", "-"), ("dev", "o-")):
        _curve(headline, [r for r in records if r["split"] == split], metric.name, style, split)
    if baseline is not None:
        headline.axhline(baseline, color="grey", linestyle=":", label="baseline")
    headline.set_ylabel(metric.name)
    headline.legend()
    _curve(gradient, train, "gradient_norm", "-", None)
    gradient.set(ylabel="gradient norm", yscale="log")
    _curve(rate, train, "learning_rate", "-", None)
    rate.set(ylabel="learning rate", xlabel="step")
    for axes in (headline, gradient, rate):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _curve(axes, records: list[Record], name: str, style: str, label: str | None) -> None:
    points = [(record["step"], record[name]) for record in records if name in record]
    if points:
        axes.plot(*zip(*points, strict=True), style, label=label, markersize=4, linewidth=1.2)
