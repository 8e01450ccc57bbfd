"""Layers without a time axis, attention and pooling."""
