"""Helpers around training: seeds, labels, figures of networks, and pictures in the terminal."""

from importlib import import_module
from typing import Any

from gemmule.data.batches import PyDataset
from gemmule.leftovers import missing
from gemmule.random import set_random_seed
from gemmule.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    register_keras_serializable,
)
from gemmule.session import clear_session
from gemmule.utils.confusion import confusion_matrix
from gemmule.utils.numerical import normalize, to_categorical

_HOME = {
    "check_gradients": "gradient_check",
    "find_learning_rate": "learning_rates",
    "mc_predict": "uncertainty",
    "plot_confusion_matrix": "training_plots",
    "plot_diagnostics": "training_plots",
    "plot_feature_maps": "plots",
    "plot_filters": "plots",
    "plot_history": "training_plots",
    "plot_model": "model_plot",
    "sparsify": "sparse",
    "sparsity": "sparse",
}

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "check_gradients",
    "clear_session",
    "confusion_matrix",
    "custom_object_scope",
    "find_learning_rate",
    "get_custom_objects",
    "mc_predict",
    "normalize",
    "plot_confusion_matrix",
    "plot_diagnostics",
    "plot_feature_maps",
    "plot_filters",
    "plot_history",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "sparsify",
    "sparsity",
    "to_categorical",
]


def __getattr__(name: str) -> Any:
    """Imports what draws or checks models on first use: it stands on layers and models, which stand on this package."""
    if name == "np_utils":  # of Keras 2
        return import_module(f"{__name__}.numerical")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise missing(__name__, name)
