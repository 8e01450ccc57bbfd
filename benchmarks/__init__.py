"""Ratios of time and memory against other libraries: ``python -m benchmarks --help``."""
