"""Data on its way to the model."""
