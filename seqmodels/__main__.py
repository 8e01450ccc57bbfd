"""The list of all experiments, as ``python -m experiments`` prints it."""

import sys
from importlib import import_module

sys.exit(import_module("experiments.__main__").main(sys.argv[1:]))
