"""Helpers around training: seeds, labels, and pictures in the terminal."""

from gemmule.random import set_random_seed
from gemmule.session import clear_session
from gemmule.utils.numerical import to_categorical

__all__ = ["clear_session", "set_random_seed", "to_categorical"]
