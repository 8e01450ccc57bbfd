"""``python -m seqmodels.engines.native``: compile the kernels for this machine's processor."""

import argparse
import sys

from seqmodels.engines.native.build import build, remove
from seqmodels.errors import UserError


def main() -> int:
    """Run the command; return 0 on success and 2 if the compiler is missing or fails."""
    parser = argparse.ArgumentParser(
        prog="python -m seqmodels.engines.native",
        description="Compile the CPU kernels, which unroll(engine='auto') uses from then on. "
        "The C++ compiler is c++ or the value of the environment variable CXX.",
    )
    parser.add_argument("--remove", action="store_true", help="delete the compiled kernels instead")
    arguments = parser.parse_args()
    try:
        paths = remove() if arguments.remove else [build()]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not paths:
        print("no compiled kernels found")
    for path in paths:
        print(f"{'removed' if arguments.remove else 'compiled'} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
