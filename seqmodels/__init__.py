"""Functional JAX for recurrent sequence models.

Import every name from the file that defines it::

    from seqmodels.cells.lstm import lstm
    from seqmodels.unroll import unroll
    from seqmodels.wrap import stack

This file imports nothing, so that a command line can print its help without loading JAX.
"""
