"""The commands that every experiment shares, built from an ``Experiment``.

Nothing heavy is imported before the flags are parsed, so that ``--help`` is instant; experiments
import jax and the library inside their functions for the same reason.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, make_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig, Metric, RunOptions
from seqmodels.train.distributed.hosts import Hosts, join
from seqmodels.train.experiment import Baseline, Data, Experiment, Run, load_run
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.sweep.points import Axis, SweepOptions, take_axes

__all__ = ["Baseline", "Data", "Experiment", "FitConfig", "Metric", "Run", "load_run", "main"]

RUN = Annotated[Positional[str], tyro.conf.arg(help="Directory of a trained run.", metavar="RUN")]


SWEEP = """Train many models at once, and rank them.

Any flag below may be given several values (--learning-rate 1e-3 3e-3 --seed 0 1 2: every
combination) or a range (--learning-rate log:1e-4:1e-2 --points 32: draws).
"""


@dataclass(frozen=True)
class Machine:
    """Where and how programs run."""

    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """Kind of device; auto takes the fastest there is."""

    jit: bool = True
    """Compile programs; without, every operation runs by itself, for debugging."""

    debug_nans: bool = False
    """Stop with a traceback at the operation that first makes a NaN."""

    hosts: OmitArgPrefixes[Hosts] = field(default_factory=Hosts)


@dataclass(frozen=True)
class EvaluateArguments:
    """What to measure on."""

    data: str | None = None
    """Other data than the run was trained on, in the same format."""


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    sys.exit(status(experiment, list(sys.argv[1:] if arguments is None else arguments)))


def status(experiment: Experiment, arguments: list[str]) -> int:
    """0 done, 1 diverged, 2 wrong use, 130 and 143 interrupted with everything saved.

    141 where nobody reads what is printed any more, as in ``--help | head``.
    """
    try:
        action = parse(experiment, arguments)
        return action() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains too
        return 141


def parse(experiment: Experiment, arguments: list[str]) -> Callable[[], int | None]:
    """The action that the arguments ask for; ``train`` where they name none."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["train", *arguments]
    default = _default_config(experiment, arguments)
    axes: dict[str, Axis] = {}
    if arguments[0] == "sweep":
        axes, arguments = take_axes(arguments, experiment.config)
    commands: dict[str, Callable] = {
        "train": _train_form(experiment, default),
        "sweep": _sweep_form(experiment, default, axes),
        "evaluate": _evaluate_form(experiment),
        **{name: _own_form(experiment, *each) for name, each in experiment.commands.items()},
    }
    return tyro.extras.subcommand_cli_from_dict(
        commands, prog=program(experiment), description=experiment.about, args=arguments
    )


def program(experiment: Experiment) -> str:
    """The words that start this experiment."""
    module = experiment.config.__module__
    spec = sys.modules[module].__spec__
    return f"python -m {(spec.name if spec else module).removesuffix('.experiment')}"


def _default_config(experiment: Experiment, arguments: list[str]) -> FitConfig:
    """What holds where no flag says otherwise: the resumed run's config, or the smoke test's."""
    resumed = _value_of("--resume", arguments)
    if resumed is not None:
        return RunDirectory.open(resumed, experiment.name).config(experiment.config)
    recipe = experiment.recipes.get(_value_of("--recipe", arguments) or "", {})
    config = experiment.config(**recipe)
    return replace(config, **experiment.smoke) if "--smoke" in arguments else config


def _value_of(flag: str, arguments: list[str]) -> str | None:
    for index, argument in enumerate(arguments):
        if argument == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(flag + "="):
            return argument.removeprefix(flag + "=")
    return None


def _train_form(experiment: Experiment, default: FitConfig) -> type:
    def train(config, options, machine):
        return _run(machine, "train.train", experiment, program(experiment), config, options)

    types = {"config": type(default), "options": RunOptions, "machine": Machine}
    defaults = {"config": default, "options": RunOptions(), "machine": Machine()}
    return _form("Train a model; the default command.", train, types, defaults)


def _sweep_form(experiment: Experiment, default: FitConfig, axes: dict[str, Axis]) -> type:
    def sweep(config, sweep, options, machine):
        arguments = experiment, program(experiment), config, axes, sweep, options
        return _run(machine, "sweep.sweep_command", *arguments)

    forms = {"sweep": SweepOptions, "options": RunOptions, "machine": Machine}
    types = {"config": type(default), **forms}
    defaults = {"config": default, **{name: form() for name, form in forms.items()}}
    return _form(SWEEP, sweep, types, defaults)


def _evaluate_form(experiment: Experiment) -> type:
    def evaluate(run, arguments, machine):
        return _run(machine, "train.evaluate", experiment, run, arguments.data)

    return _run_form(
        "Measure a trained run on its dev and test splits.", EvaluateArguments, evaluate
    )


def _own_form(experiment: Experiment, kind: type, function: Callable) -> type:
    def apply(run, arguments, machine):
        return _run(machine, "train.apply", experiment, run, function, arguments)

    return _run_form(function.__doc__ or "", kind, apply)


def _run_form(about: str, kind: type, action: Callable) -> type:
    types = {"run": RUN, "arguments": kind, "machine": Machine}
    return _form(about, action, types, {"machine": Machine()})


def _form(about: str, action: Callable, types: dict[str, Any], defaults: dict[str, Any]) -> type:
    """A dataclass that tyro fills from flags; calling it does what they ask for."""
    specs = [
        (name, Annotated[kind, OmitArgPrefixes], field(default=defaults.get(name, MISSING)))
        for name, kind in types.items()
    ]
    act = lambda form: action(**{name: getattr(form, name) for name in types})  # noqa: E731
    return make_dataclass("Form", specs, namespace={"__doc__": about, "__call__": act})


def _run(machine: Machine, name: str, *arguments: Any) -> int | None:
    prepare(machine)
    module, function = name.split(".")
    return getattr(import_module(f"seqmodels.commands.{module}"), function)(*arguments)


def prepare(machine: Machine) -> None:
    """Set jax up: device, persistent compilation cache, debugging."""
    import logging

    import jax

    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells of each file it writes
    if machine.device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    join(machine.hosts)  # before anything asks which devices there are
    if machine.device not in ("auto", "cpu"):
        _require(machine.device)
    jax.config.update("jax_disable_jit", not machine.jit)
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
        raise UserError(f"--device {kind}: there is none here, only {found}") from error
    if jax.default_backend() != device.platform:
        jax.config.update("jax_default_device", device)
