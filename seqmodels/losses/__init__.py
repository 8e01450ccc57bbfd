"""Losses per example, and sums over masks."""
