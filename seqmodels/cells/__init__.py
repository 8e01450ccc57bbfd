"""Recurrent cells, one per file, and their building blocks."""
