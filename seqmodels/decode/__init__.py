"""Greedy decoding, sampling and beam search over any step function."""
