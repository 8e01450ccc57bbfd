"""Steps of cells that are compiled from C++ on the user's own machine, for CPUs.

``python -m seqmodels.engines.native`` compiles them; from then on ``unroll`` takes them by itself.
"""
