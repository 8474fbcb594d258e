"""gemmule: neural networks on the CPU, fast, small and the same bits on every run.

The names are Keras's: a script that keeps to the documented API runs after `import gemmule as keras`.
"""

from typing import Any

from gemmule import (
    activations,
    applications,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    recipes,
    regularizers,
    saving,
    utils,
)
from gemmule._version import __version__
from gemmule.autograd import GradientTape
from gemmule.backend import use_backend
from gemmule.config import num_threads, set_num_threads, show_config
from gemmule.layers import Input, Layer
from gemmule.leftovers import missing
from gemmule.models import Model, Sequential
from gemmule.tensor import Tensor, Variable

__all__ = [
    "GradientTape",
    "Input",
    "Layer",
    "Model",
    "Sequential",
    "Tensor",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "num_threads",
    "ops",
    "optimizers",
    "random",
    "recipes",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "use_backend",
    "utils",
]


def __getattr__(name: str) -> Any:
    """What Keras 2 had here, and where it went."""
    raise missing(__name__, name)
