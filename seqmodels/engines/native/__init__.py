"""C++ kernels for LSTM, GRU and RNN steps on CPUs, compiled on the user's machine.

``python -m seqmodels.engines.native`` compiles them; then ``unroll`` uses them by default.
"""
