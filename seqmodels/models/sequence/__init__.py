"""Sequences in, one distribution per step out."""
