"""Further logs for ``fit``: TensorBoard, the profiler, and the curves of a finished run."""

from pathlib import Path

from seqmodels.errors import UserError
from seqmodels.train.config import Metric
from seqmodels.train.experiment import BaselineScore
from seqmodels.train.records import Record


def tensorboard(directory: Path):
    """Return a log that writes every number for TensorBoard, and every entry of a vector."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise UserError(
            "--tensorboard needs tensorboardX: pip install 'seqmodels[tensorboard]'"
        ) from error
    writer = SummaryWriter(str(directory))

    def log(record: Record) -> None:
        for name, value in scalars(record).items():
            writer.add_scalar(f"{record['split']}/{name}", value, record["step"])
        writer.flush()

    return log


def scalars(record: Record) -> dict[str, float]:
    """Return the numbers of a record, with the entries of vectors numbered from 1.

    >>> scalars({"split": "dev", "error": 0.5, "by_class": [0.25, 0.75]})
    {'error': 0.5, 'by_class/1': 0.25, 'by_class/2': 0.75}
    """
    found: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, list):
            found |= scalars({f"{name}/{number}": x for number, x in enumerate(value, 1)})
        elif isinstance(value, float):
            found[name] = value
    return found


class Profile:
    """Log that traces about ``steps`` steps after the first chunk, which compiles."""

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


def draw_curves(
    records: list[Record], metric: Metric, baseline: BaselineScore | None, path: Path
) -> None:
    """Plot headline metric, gradient norm and learning rate against the step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7))
    edges = {"left": 0.13, "right": 0.97, "bottom": 0.08, "top": 0.97}
    headline, gradient, rate = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1, 1], "hspace": 0.1, **edges}
    )
    train = [record for record in records if record["split"] == "train"]
    for split, style in (("train", "-"), ("dev", "o-")):
        _curve(headline, [r for r in records if r["split"] == split], metric.name, style, split)
    if baseline is not None:
        headline.axhline(baseline.value, color="grey", linestyle=":", label=baseline.name)
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
