"""Normalization: NumPy twins."""
