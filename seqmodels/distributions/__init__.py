"""Output distributions, parametrized by the outputs of a network."""
