"""Depthwise convolution: NumPy twins."""
