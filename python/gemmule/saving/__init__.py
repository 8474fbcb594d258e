"""File formats: safetensors, for weights. Nothing here can run code from a file."""

from gemmule.saving.safetensors import load_file, save_file

__all__ = ["load_file", "save_file"]
