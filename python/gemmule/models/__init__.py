"""Models: layers that can be trained."""

from gemmule.layers.serialization import register
from gemmule.models.cloning import clone_model
from gemmule.models.files import load_model, model_from_json, save_model
from gemmule.models.functional import Functional
from gemmule.models.model import Model
from gemmule.models.sequential import Sequential

register(Functional, Sequential)

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
