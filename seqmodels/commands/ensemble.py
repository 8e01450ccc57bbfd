"""The ``ensemble`` command: the mixture of the members of a sweep on the dev and test splits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqmodels.commands.evaluate import with_data
from seqmodels.commands.output import print_field
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one, config_values
from seqmodels.train.runs.run import Run, load_run

if TYPE_CHECKING:
    from seqmodels.data.batching import Batches
    from seqmodels.train.records import Record


@dataclass(frozen=True)
class EnsembleArguments:
    """Which members to combine."""

    count: int = 1000
    """Number of members in the mixture, the best ones on dev."""

    data: str | None = None
    """Other data than the sweep was trained on, in the same format."""


def ensemble(run: Run, arguments: EnsembleArguments) -> None:
    """Print the metrics of a sweep's members and of their mixture; write ensemble.json.

    The predicted distributions of the members are averaged with equal weights. The sweep must have
    saved its members with --keep-members.
    """
    from seqmodels.train.evaluator import headline_value

    check_at_least_one(arguments, "count")
    members = load_members(run)
    data = run.experiment.data(with_data(run.config, arguments.data), run.metadata)
    metric, splits = run.experiment.metric, {"dev": data.dev, "test": data.test}
    alone: dict[str, list[Record]] = {
        split: measure_members(members, batches) for split, batches in splits.items() if batches
    }
    order = sorted(range(len(members)), key=lambda i: metric.signed(alone["dev"][i][metric.name]))
    chosen = order[: arguments.count]
    print(f"{len(chosen)} of {len(members)} members of {run.path.parent.name}, {data.name}")
    results: dict[str, Any] = {"members": [members[i].path.name for i in chosen]}
    for split, records in alone.items():
        mixture = measure_mixture([members[i] for i in chosen], splits[split])
        values = [records[i][metric.name] for i in chosen]
        best, mean = values[0], sum(values) / len(values)
        print_field(
            split,
            f"{metric.name} {headline_value(metric, mixture):.4f}  mean of the members {mean:.4f}  "
            f"best member on dev {best:.4f}",
        )
        results[split] = {"mixture": mixture, "members": values}
    text = json.dumps({"data": data.name, **results}, indent=1)
    (run.path.parent / "ensemble.json").write_text(text + "\n")


def load_members(run: Run) -> list[Run]:
    """Load the members of the sweep whose best member is ``run``."""
    folders = sorted((run.path.parent / "members").glob("[0-9]*"))
    complete = [folder for folder in folders if folder.name.isdigit()]
    if run.path.name != "best" or not complete:
        raise UserError(
            f"{run.directory.display_path()} has no saved members; give a sweep that was "
            "trained with --keep-members"
        )
    return [load_run(folder, run.experiment) for folder in complete]


def measure_members(members: Sequence[Run], batches: "Batches") -> "list[Record]":
    """Return the metrics of each member alone."""
    from seqmodels.train.evaluator import Evaluator

    measures: dict[Any, Evaluator] = {}
    records = []
    for member in members:
        key = program_of(member)
        if key not in measures:
            measures[key] = Evaluator(member.task, member.config.training.dispatch)
        records.append(measures[key](member.params, member.rates, batches))
    return records


def measure_mixture(members: Sequence[Run], batches: "Batches") -> "Record":
    """Return the metrics of the mixture of the members."""
    from seqmodels.train.ensemble import MemberStack, ensemble_task, stack_members
    from seqmodels.train.evaluator import Evaluator

    groups: dict[Any, list[Run]] = {}
    for member in members:
        groups.setdefault(program_of(member), []).append(member)
    stacks = [
        stack_members([MemberStack(member.params, member.rates) for member in group])
        for group in groups.values()
    ]
    task = ensemble_task([group[0].task for group in groups.values()])
    return Evaluator(task, members[0].config.training.dispatch)(stacks, {}, batches)


def program_of(member: Run) -> tuple[tuple[str, Any], ...]:
    """Return the settings that select the compiled program; all others are ``rates``."""
    values = config_values(member.config)
    own = {name: value for name, value in values.items() if name not in {*member.rates, "seed"}}
    return tuple(sorted(own.items()))
