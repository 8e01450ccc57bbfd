"""``python -m benchmarks``."""

from benchmarks.run import command

command()
