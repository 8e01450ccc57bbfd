"""The ``evaluate`` command: metrics of a trained run on its dev and test splits."""

import json
from dataclasses import dataclass
from typing import Any

from seqmodels.commands.output import print_field
from seqmodels.commands.train import baseline_line
from seqmodels.errors import UserError
from seqmodels.train.config import config_values, with_values
from seqmodels.train.runs.run import Run


@dataclass(frozen=True)
class EvaluateArguments:
    """What to evaluate on."""

    data: str | None = None
    """Other data than the run was trained on, in the same format."""


def evaluate(run: Run, arguments: EvaluateArguments) -> None:
    """Print the metrics of the best checkpoint on dev and test; write evaluation.json."""
    from seqmodels.train.fit import Evaluator

    config = with_data(run.config, arguments.data)
    data = run.experiment.data(config, run.metadata)
    measure = Evaluator(run.task, run.config.training.dispatch)
    print(f"{run.directory.display_path()} at step {run.step:,}, {data.name}")
    results = {}
    for split, batches in (("dev", data.dev), ("test", data.test)):
        if batches is None:
            continue
        means = measure(run.params, run.rates, batches)
        results[split] = means | run.experiment.derive(means)
        metrics = {k: v for k, v in results[split].items() if k != "seconds"}
        print_field(split, "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    print_field("baseline", f"{run.experiment.metric.name} {baseline_line(data)}")
    text = json.dumps({"step": run.step, "data": data.name, **results}, indent=1)
    (run.path / "evaluation.json").write_text(text + "\n")


def with_data(config: Any, path: str | None) -> Any:
    """Return the config with another data path."""
    if path is None:
        return config
    if "data" not in config_values(config):
        raise UserError("--data: this experiment generates its data; leave the flag out")
    return with_values(config, {"data": path})
