"""The sampling loop and beam search over any step function, and over CTC's outputs."""
