"""Random changes of images: NumPy twins."""
