"""The list of all experiments.

python -m experiments                    one line each
python -m experiments results            write the tables of results, see results.py
"""

import sys
from collections.abc import Sequence

from experiments.results import load_experiment, names


def main(arguments: Sequence[str] = ()) -> int:
    """List the experiments or write their results, and return the exit status."""
    from seqmodels.commands.overview import experiment_list

    if not arguments or arguments[0] in ("-h", "--help"):
        print(experiment_list([load_experiment(name) for name in names()]))
        return 0
    if arguments[0] == "results":
        from experiments import results

        results.main(arguments[1:])
        return 0
    command = arguments[0] if arguments[0] in names() else "NAME"
    print(f"error: use python -m experiments.{command}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
