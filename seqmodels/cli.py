"""The command line of an experiment: train, sweep, evaluate, and its own commands.

Nothing heavy is imported before the flags are parsed, so that ``--help`` is instant. Experiments
and commands import jax inside their functions for the same reason.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_type_hints

import tyro
from tyro import conf

from seqmodels.commands.ensemble import ensemble
from seqmodels.commands.evaluate import evaluate
from seqmodels.commands.flag_formats import FORMATS
from seqmodels.commands.overview import overview, paragraphs
from seqmodels.commands.sweep import sweep_command
from seqmodels.commands.train import train
from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig, Metric, OptimizerConfig, RunOptions, with_values
from seqmodels.train.distributed.hosts import Hosts, connect
from seqmodels.train.experiment import (
    Baseline,
    Data,
    Experiment,
    Recipe,
    Result,
    define_experiment,
)
from seqmodels.train.runs import Run, load_run
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.sweep.points import Axis, SweepOptions, take_axes

__all__ = [
    "Baseline",
    "Data",
    "Experiment",
    "FitConfig",
    "Metric",
    "OptimizerConfig",
    "Recipe",
    "Result",
    "Run",
    "define_experiment",
    "load_run",
    "main",
]

C = TypeVar("C")
A = TypeVar("A")

TRAIN = "Train a model."
SWEEP = "Train many models at once, and rank them."


def section(name: str) -> Any:
    """Annotate a part of the arguments: its title in ``--help``, without a prefix on its flags."""
    return conf.arg(name=name, prefix_name=False)


@dataclass(frozen=True)
class Machine:
    """Device, compilation and hosts."""

    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """Kind of device; auto takes the fastest one available."""

    no_jit: bool = False
    """Run every operation by itself instead of compiling programs, for debugging."""

    debug_nans: bool = False
    """Stop with a traceback at the operation that first produces a NaN."""

    hosts: Annotated[Hosts, section("machine")] = Hosts()


RunPart = Annotated[RunOptions, section("run"), conf.FlagCreatePairsOff]
MachinePart = Annotated[Machine, section("machine"), conf.FlagCreatePairsOff]


@dataclass(frozen=True)
class TrainArguments(Generic[C]):
    """Arguments of the default command."""

    config: Annotated[C, conf.arg(name="")]
    run: RunPart = RunOptions()
    machine: MachinePart = Machine()


@dataclass(frozen=True)
class SweepArguments(Generic[C]):
    """Arguments of ``sweep``."""

    config: Annotated[C, conf.arg(name="")]
    sweep: Annotated[SweepOptions, section("sweep")] = SweepOptions()
    run: RunPart = RunOptions()
    machine: MachinePart = Machine()


@dataclass(frozen=True)
class RunArguments(Generic[A]):
    """Arguments of a command that uses a trained run."""

    path: Annotated[conf.Positional[str], conf.arg(name="run", help="Run directory.")]
    arguments: Annotated[A, conf.arg(name="")]
    machine: MachinePart = Machine()


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    sys.exit(status(experiment, list(sys.argv[1:] if arguments is None else arguments)))


def status(experiment: Experiment, arguments: list[str]) -> int:
    """Run the command line and return the exit status.

    0 success, 1 training diverged, 2 wrong usage, 130 and 143 interrupted and saved, 141 the
    reader of the output has gone, as in ``--help | head``.
    """
    try:
        try:
            return run_command(experiment, arguments) or 0
        finally:
            sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains too
        return 141


def run_command(experiment: Experiment, arguments: list[str]) -> int | None:
    """Parse the arguments and run the command that they name; ``train`` by default."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(overview(experiment, descriptions(experiment)))
        return 0
    if not arguments or arguments[0].startswith("-"):
        arguments = ["train", *arguments]
    axes: dict[str, Axis] = {}
    if arguments[0] == "sweep":
        axes, arguments = take_axes(arguments, experiment.config)
    parsed = parse(experiment, arguments)
    prepare(parsed.machine)
    if isinstance(parsed, TrainArguments):
        return train(experiment, parsed.config, parsed.run)
    if isinstance(parsed, SweepArguments):
        return sweep_command(experiment, parsed.config, axes, parsed.sweep, parsed.run)
    command = run_commands(experiment)[arguments[0]]
    command(load_run(parsed.path, experiment), parsed.arguments)
    return 0


def parse(
    experiment: Experiment, arguments: list[str]
) -> TrainArguments | SweepArguments | RunArguments:
    """Parse the arguments of a command."""
    config = default_config(experiment, arguments)
    kind: Any = type(config)
    forms: dict[str, Any] = {"train": TrainArguments[kind], "sweep": SweepArguments[kind]}
    defaults: dict[str, Any] = {
        "train": {"default": TrainArguments(config)},
        "sweep": {"default": SweepArguments(config)},
    }
    for name, command in run_commands(experiment).items():
        own: Any = get_type_hints(command)["arguments"]
        forms[name] = RunArguments[own]
    commands = []
    for name, about in descriptions(experiment).items():
        options = {"description": paragraphs(about), **defaults.get(name, {})}
        commands.append(Annotated[forms[name], conf.subcommand(name=name, **options)])
    form: Any = Union[tuple(commands)]  # noqa: UP007
    return tyro.cli(
        form,
        prog=experiment.program,
        args=arguments,
        config=(conf.OmitArgPrefixes, conf.PositionalMetavarFromFieldName),
        registry=FORMATS,
    )


def descriptions(experiment: Experiment) -> dict[str, str]:
    """Return the description of each command."""
    own = {name: cleandoc(c.__doc__ or "") for name, c in run_commands(experiment).items()}
    return {"train": TRAIN, "sweep": SWEEP, **own}


def run_commands(experiment: Experiment) -> dict[str, Callable[[Run, Any], None]]:
    """Return the commands that use a trained run, by name."""
    commands: list[Callable[[Run, Any], None]] = [evaluate, ensemble, *experiment.commands]
    return {command.__name__: command for command in commands}


def default_config(experiment: Experiment, arguments: list[str]) -> Any:
    """Return the defaults of the flags: those of the resumed run, the recipe, or the smoke test."""
    resumed, name = _value_of("--resume", arguments), _value_of("--recipe", arguments)
    if resumed is not None:
        if name is not None:
            raise UserError("--resume continues with the run's own settings; leave out --recipe")
        return RunDirectory.open(resumed, experiment).config(experiment.config)
    config = experiment.config()
    if name is not None:
        if name not in experiment.recipes:
            known = ", ".join(experiment.recipes) or "none"
            raise UserError(f"--recipe {name} is unknown; {experiment.name} has: {known}")
        recipe = experiment.recipes[name]
        if not recipe.bundled and _value_of("--data", arguments) is None:
            raise UserError(f"--recipe {name} needs {recipe.data}; give its path with --data")
        config = with_values(config, recipe.flags)
    return with_values(config, experiment.smoke) if "--smoke" in arguments else config


def _value_of(flag: str, arguments: list[str]) -> str | None:
    for index, argument in enumerate(arguments):
        if argument == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(flag + "="):
            return argument.removeprefix(flag + "=")
    return None


def prepare(machine: Machine) -> None:
    """Configure jax: device, hosts, persistent compilation cache, debugging."""
    import logging

    import jax

    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax logs each file that it writes
    if machine.device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    connect(machine.hosts)  # before anything queries the devices
    if machine.device not in ("auto", "cpu"):
        _require(machine.device)
    jax.config.update("jax_disable_jit", machine.no_jit)
    jax.config.update("jax_debug_nans", machine.debug_nans)
    if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "seqmodels" / "jax"))


def _require(kind: str) -> None:
    import jax

    try:
        device = jax.devices(kind)[0]
    except RuntimeError as error:
        found = jax.default_backend()
        raise UserError(f"--device {kind}: not available here; use --device {found}") from error
    if jax.default_backend() != device.platform:
        jax.config.update("jax_default_device", device)
