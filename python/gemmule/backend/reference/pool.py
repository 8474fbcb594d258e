"""Pooling: NumPy twins."""
