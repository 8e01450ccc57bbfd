"""Gradients, gates and activations of recurrent cells over time."""
