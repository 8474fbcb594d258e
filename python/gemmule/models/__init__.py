"""Models: layers that can be trained."""

from gemmule.models.model import Model
from gemmule.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
