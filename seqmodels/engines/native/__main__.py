"""``python -m seqmodels.engines.native``: compile the kernels for this machine's processor."""

import sys
from dataclasses import dataclass

import tyro

from seqmodels.engines.native.build import build, remove
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Arguments:
    """Compile the CPU kernels, which unroll(engine="auto") takes from then on.

    The C++ compiler is c++, or what the environment variable CXX names.
    """

    remove: bool = False
    """Delete what was compiled instead."""


def command() -> int:
    """0 done, 2 no compiler or a failed one."""
    arguments = tyro.cli(Arguments, prog="python -m seqmodels.engines.native")
    try:
        paths = remove() if arguments.remove else [build()]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not paths:
        print("nothing was compiled")
    for path in paths:
        print(f"{'removed' if arguments.remove else 'compiled'} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(command())
