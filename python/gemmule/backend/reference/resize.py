"""Resizing of images: NumPy twins."""
