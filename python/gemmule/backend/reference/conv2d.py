"""2-D convolution: NumPy twins."""
